"""The letter plug-in keeps the contract, with keys of age and with certificates."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import attrs
import pytest

from provisioner import hookimpl
from provisioner.core.api.messages import DeliverSecret, DeliveryReceipt
from provisioner.core.model import Person
from provisioner.testing.contract import ChannelContract
from provisioner.testing.contract.sandbox import PEOPLE
from provisioner_letter.plugin import LetterChannel
from tests.plugins.letter.letters import AgeReader, CertificateReader, Reader, made, made_as

_numbers = itertools.count(1_000_000)


@attrs.define(eq=False, kw_only=True)
class NumberedChannel(LetterChannel):
    """Remembers for which number each letter is: it is not in the letter, and the contract asks by it."""

    numbers: dict[str, str] = attrs.field(factory=dict)

    @hookimpl
    def secret_deliver(self, request: DeliverSecret) -> DeliveryReceipt:
        receipt = super().secret_deliver(request)
        self.numbers[request.delivery_id] = request.recipient.mobile or ""
        return receipt


@cache
def _certificate_reader() -> Reader:
    return CertificateReader.make()


class LetterContract(ChannelContract):
    """What letters have in common, whatever they are encrypted with."""

    @pytest.fixture
    def reader(self) -> Reader:
        raise NotImplementedError

    @pytest.fixture
    def channel(self, tmp_path: Path, reader: Reader) -> NumberedChannel:
        (tmp_path / "outbox").mkdir()
        reader.write(tmp_path / "keys" / "units" / PEOPLE.unit.code)
        return made_as(NumberedChannel, tmp_path, keys="keys")

    @pytest.fixture
    def channel_with_wrong_credentials(self, tmp_path: Path) -> LetterChannel:
        (tmp_path / "printer.pub").write_text("age1nothing\n")
        return made(tmp_path, printer_key="printer.pub")

    @pytest.fixture
    def unreachable_channel(self, tmp_path: Path) -> LetterChannel:
        return made(tmp_path, keys="keys", outbox="not-mounted")

    @pytest.fixture
    def inbox(self, channel: NumberedChannel, reader: Reader) -> Callable[[str], Sequence[str]]:
        def texts(number: str) -> Sequence[str]:
            own = [delivery for delivery, whose in channel.numbers.items() if whose == number]
            return [reader.text(channel.outbox, delivery) for delivery in own]

        return texts

    @pytest.fixture
    def make_number(self) -> Callable[[], str]:
        return lambda: f"+90555{next(_numbers)}"

    @pytest.fixture
    def unreachable_people(self) -> Sequence[Person]:
        return [
            Person(id="nobody-1", name="Birimsiz"),
            Person(id="nobody-2", name="Anahtarsız Birim", unit="baska"),
            Person(id="../units/sozlesme", name="Yol"),
        ]

    @pytest.fixture
    def cannot(self) -> Sequence[str]:
        return ["notice_deliver"]


class TestAge(LetterContract):
    """Letters for keys of age."""

    @pytest.fixture
    def reader(self) -> Reader:
        return AgeReader()


class TestCertificates(LetterContract):
    """Letters for certificates."""

    @pytest.fixture
    def reader(self) -> Reader:
        return _certificate_reader()
