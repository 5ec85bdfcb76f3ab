"""A password that no phone received goes out as a letter, and only the one in the letter is valid."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest

from provisioner.core.api.messages import DeliveryState
from provisioner.core.model import MessageState, PasswordDelivery
from provisioner.testing.clock import FakeClock
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryTarget
from provisioner_letter.plugin import LetterChannel
from tests.core.engine.test_engine import PERSONS, UNITS
from tests.plugins.letter.letters import AgeReader, made
from tests.slow_phones import SlowPhones

OWNER = PERSONS[0]
LOGIN = UNITS[0].login or ""


@attrs.frozen(kw_only=True)
class Site:
    clock: FakeClock
    harness: Harness
    directory: MemoryTarget
    sms: SlowPhones
    channel: LetterChannel
    reader: AgeReader

    def last(self) -> PasswordDelivery:
        return self.harness.store.deliveries.recent(LOGIN)[0]

    def letter(self) -> str:
        lines = self.reader.text(self.channel.outbox, self.last().id).splitlines()
        return lines[lines.index("Parola:") + 1]


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "outbox").mkdir()
    reader, sms, directory = AgeReader(), SlowPhones(), MemoryTarget()
    clock = FakeClock(datetime(2026, 11, 29, 12, tzinfo=UTC))
    reader.write(tmp_path / "keys" / "persons" / OWNER.id)
    channel = made(tmp_path, keys="keys")
    with Harness(
        tmp_path / "store.sqlite",
        targets={"mail": directory},
        channels={"sms": sms, "letter": channel},
        clock=clock,
        deliveries={"sms": {"on_undelivered": "next-channel"}, "letter": {"report_within_hours": 72}},
    ) as harness:
        harness.know(units=UNITS[:1], persons=PERSONS[:1])
        harness.open([UNITS[0].code])
        yield Site(clock=clock, harness=harness, directory=directory, sms=sms, channel=channel, reader=reader)


def test_a_refused_text_leaves_its_owner_without_a_password(site: Site) -> None:
    site.sms.answer = DeliveryState.REJECTED
    list(site.harness.app.runs.resume())

    [text] = site.sms.inbox(OWNER.mobile or "")
    letter = site.letter()
    assert [site.directory.logs_in(LOGIN, password) for password in (text.password, letter)] == [False, True]
    assert (site.last().channel, site.last().state) == ("letter", MessageState.HANDED_OVER)

    [delivery] = site.harness.app.deliveries.confirm(
        [site.last().id], MessageState.DELIVERED, channels=["letter"], actor="officer"
    )

    assert delivery.state is MessageState.DELIVERED
    assert list(site.harness.app.runs.resume()) == []
    assert site.directory.logs_in(LOGIN, letter)


def test_a_letter_whose_time_has_passed_is_in_no_list(site: Site) -> None:
    site.sms.answer = DeliveryState.REJECTED
    list(site.harness.app.runs.resume())
    letter = site.last().id
    site.clock.advance(timedelta(hours=73))
    list(site.harness.app.runs.resume())
    assert site.last().state is MessageState.EXPIRED

    deliveries = site.harness.app.deliveries
    assert [found.id for found in deliveries.unconfirmed(["letter"])] == [letter]
    deliveries.confirm([letter], MessageState.REJECTED, channels=["letter"], actor="officer")
    assert deliveries.unconfirmed(["letter"]) == []


def test_a_text_is_called_delivered_with_the_command_for_letters(site: Site) -> None:
    with pytest.raises(Exception, match="1 problem"):
        site.harness.app.deliveries.confirm(
            [site.last().id], MessageState.DELIVERED, channels=["letter"], actor="officer"
        )

    assert site.last().state is MessageState.HANDED_OVER
