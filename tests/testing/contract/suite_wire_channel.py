"""The contract of channels as ``test_kit`` runs it, with a channel behind a bad network that is handed in."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from provisioner.testing.contract import ChannelContract
from provisioner.testing.memory import MemoryChannel
from provisioner.testing.proxy import TcpProxy
from provisioner_sms.plugin import SmsChannel
from provisioner_sms.settings import GatewayKind, Settings, SimulatorSettings
from provisioner_sms.simulator import SmsSimulator
from provisioner_sms.texts import Templates
from tests.testing.contract.broken_wire_channels import Wired

_numbers = itertools.count(2_000_000)


class TestSubject(ChannelContract):
    """The checks that need a network."""

    @pytest.fixture
    def channel(self) -> MemoryChannel:
        return MemoryChannel()

    @pytest.fixture
    def make_number(self) -> Callable[[], str]:
        return lambda: f"+90555{next(_numbers)}"

    @pytest.fixture
    def wire(self, simulator: SmsSimulator) -> Iterator[TcpProxy]:
        with TcpProxy(("127.0.0.1", urlsplit(simulator.url).port or 0)) as proxy:
            yield proxy

    @pytest.fixture
    def wired_channel(self, subject: type[Wired], simulator: SmsSimulator, wire: TcpProxy) -> Iterator[SmsChannel]:
        settings = Settings(
            gateway=GatewayKind.SIMULATOR,
            help_desk="0344 000 00 00",
            simulator=SimulatorSettings(
                url=f"http://127.0.0.1:{wire.port}", api_key=simulator._api.api_key, timeout=subject.timeout
            ),
        )
        templates = Templates.of(settings, "tr", "channels.sms")
        with closing(subject(name="sms", settings=settings, templates=templates)) as channel:
            yield channel

    @pytest.fixture
    def patience(self) -> float:
        return 2.0

    @pytest.fixture
    def inbox(self, simulator: SmsSimulator) -> Callable[[str], Sequence[str]]:
        return lambda number: [message.text for message in simulator.inbox(number)]
