"""The SMS plug-in keeps the contract with the simulated phone network and with a real Kannel."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from provisioner.config.structure import structure
from provisioner.core.api.registration import Section
from provisioner.core.model import Person
from provisioner.net.http_service import HttpAnswer, HttpService
from provisioner.testing.contract import ChannelContract
from provisioner.testing.kannel import Kannel
from provisioner.testing.plugin import require_server
from provisioner.testing.ports import free_ports
from provisioner.testing.proxy import TcpProxy
from provisioner_sms.plugin import SmsChannel
from provisioner_sms.simulator import SmsFault, SmsSimulator

_numbers = itertools.count(1_000_000)


def made(table: dict[str, Any]) -> SmsChannel:
    """What the product makes of a table of its configuration."""
    settings = {key: value for key, value in table.items() if key != "plugin"}
    file = Path("/nowhere/provisioner.toml")
    section = Section(
        name="sms", place="channels.sms", folder=file.parent, table=settings, structure=partial(structure, file=file)
    )
    return SmsChannel.configured(section, "tr")


def changed(table: dict[str, Any], **others: Any) -> dict[str, Any]:
    """The same table with other values in that of the gateway."""
    gateway = table["gateway"]
    return {**table, gateway: {**table[gateway], **others}}


def through(port: int, url: str) -> str:
    """The same address on another port of this machine."""
    return urlunsplit(urlsplit(url)._replace(netloc=f"127.0.0.1:{port}"))


class SmsContract(ChannelContract):
    """What both gateways have in common."""

    @pytest.fixture
    def make_number(self) -> Callable[[], str]:
        return lambda: f"+90555{next(_numbers)}"

    @pytest.fixture
    def unreachable_people(self) -> Sequence[Person]:
        numbers = [None, "", "0344 223 10 00", "12345", "beş yüz", "+15551234567", "0555 123 45 6\n7"]
        return [Person(id=f"nobody-{n}", name="Kimse", mobile=mobile) for n, mobile in enumerate(numbers)]

    @pytest.fixture
    def patience(self) -> float:
        return 60.0


@pytest.fixture(scope="module", name="simulator")
def _simulator() -> Iterator[SmsSimulator]:
    with SmsSimulator.running() as simulator:
        yield simulator


class TestSimulator(SmsContract):
    """The gateway of the demo, over HTTP."""

    @pytest.fixture
    def channel(self, simulator: SmsSimulator) -> Iterator[SmsChannel]:
        with closing(made(simulator.settings())) as channel:
            yield channel

    @pytest.fixture
    def channel_with_wrong_credentials(self, simulator: SmsSimulator) -> Iterator[SmsChannel]:
        with closing(made(changed(simulator.settings(), api_key="plain:not-the-key"))) as channel:
            yield channel

    @pytest.fixture
    def unreachable_channel(self, simulator: SmsSimulator) -> Iterator[SmsChannel]:
        [port] = free_ports(1)
        with closing(made(changed(simulator.settings(), url=through(port, simulator.url)))) as channel:
            yield channel

    @pytest.fixture
    def throttled_channel(self) -> Iterator[SmsChannel]:
        with SmsSimulator.running() as throttled, closing(made(throttled.settings())) as channel:
            throttled.misbehave(SmsFault.THROTTLE)
            yield channel

    @pytest.fixture
    def wire(self, simulator: SmsSimulator) -> Iterator[TcpProxy]:
        with TcpProxy(("127.0.0.1", urlsplit(simulator.url).port or 0)) as proxy:
            yield proxy

    @pytest.fixture
    def wired_channel(self, simulator: SmsSimulator, wire: TcpProxy) -> Iterator[SmsChannel]:
        table = changed(simulator.settings(), url=through(wire.port, simulator.url), timeout=1)
        with closing(made(table)) as channel:
            yield channel

    @pytest.fixture
    def inbox(self, simulator: SmsSimulator) -> Callable[[str], Sequence[str]]:
        return lambda number: [message.text for message in simulator.inbox(number)]

    @pytest.fixture
    def largest_batch(self, channel: SmsChannel) -> int:
        return channel.settings.largest_batch


@pytest.fixture(scope="module", name="refusing")
def _refusing() -> Iterator[HttpService]:
    """A provider that accepts nobody's credentials."""
    service = HttpService.start(lambda _: HttpAnswer(status=401), name="refusing", host="127.0.0.1", port=0)
    yield service
    service.stop()


class TestFallbacks(SmsContract):
    """Two gateways: NetGSM, which can't be reached, and the simulated phone network."""

    @pytest.fixture
    def gone(self) -> dict[str, Any]:
        [port] = free_ports(1)
        return {"username": "850", "password": "plain:k", "url": f"http://127.0.0.1:{port}"}

    @pytest.fixture
    def table(self, simulator: SmsSimulator, gone: dict[str, Any]) -> dict[str, Any]:
        return {**simulator.settings(), "sender": "ILMEM", "fallbacks": ["netgsm"], "netgsm": gone}

    @pytest.fixture
    def channel(self, table: dict[str, Any]) -> Iterator[SmsChannel]:
        with closing(made({**table, "gateway": "netgsm", "fallbacks": ["simulator"]})) as channel:
            yield channel

    @pytest.fixture
    def channel_with_wrong_credentials(self, table: dict[str, Any], refusing: HttpService) -> Iterator[SmsChannel]:
        refused = {**table["netgsm"], "url": refusing.url}
        with closing(made({**changed(table, api_key="plain:not-the-key"), "netgsm": refused})) as channel:
            yield channel

    @pytest.fixture
    def unreachable_channel(self, table: dict[str, Any], gone: dict[str, Any]) -> Iterator[SmsChannel]:
        with closing(made(changed(table, url=gone["url"]))) as channel:
            yield channel

    @pytest.fixture
    def throttled_channel(self, table: dict[str, Any]) -> Iterator[SmsChannel]:
        with SmsSimulator.running() as throttled, closing(made({**table, **throttled.settings()})) as channel:
            throttled.misbehave(SmsFault.THROTTLE)
            yield channel

    @pytest.fixture
    def wire(self, simulator: SmsSimulator) -> Iterator[TcpProxy]:
        with TcpProxy(("127.0.0.1", urlsplit(simulator.url).port or 0)) as proxy:
            yield proxy

    @pytest.fixture
    def wired_channel(self, table: dict[str, Any], simulator: SmsSimulator, wire: TcpProxy) -> Iterator[SmsChannel]:
        with closing(made(changed(table, url=through(wire.port, simulator.url), timeout=1))) as channel:
            yield channel

    @pytest.fixture
    def inbox(self, simulator: SmsSimulator) -> Callable[[str], Sequence[str]]:
        return lambda number: [message.text for message in simulator.inbox(number)]


@pytest.fixture(scope="module", name="kannel")
def _kannel() -> Iterator[Kannel]:
    require_server("kannel")
    with Kannel.running() as kannel:
        yield kannel


@pytest.mark.server("kannel")
class TestKannel(SmsContract):
    """A real bearerbox and smsbox, and a phone network that keeps what it is sent."""

    @pytest.fixture
    def channel(self, kannel: Kannel) -> Iterator[SmsChannel]:
        with closing(made(kannel.settings())) as channel:
            yield channel

    @pytest.fixture
    def channel_with_wrong_credentials(self, kannel: Kannel) -> Iterator[SmsChannel]:
        with closing(made(changed(kannel.settings(), password="plain:not-the-password"))) as channel:
            yield channel

    @pytest.fixture
    def unreachable_channel(self, kannel: Kannel) -> Iterator[SmsChannel]:
        [port] = free_ports(1)
        with closing(made(changed(kannel.settings(), url=through(port, kannel.url)))) as channel:
            yield channel

    @pytest.fixture
    def wire(self, kannel: Kannel) -> Iterator[TcpProxy]:
        with TcpProxy(("127.0.0.1", urlsplit(kannel.url).port or 0)) as proxy:
            yield proxy

    @pytest.fixture
    def wired_channel(self, kannel: Kannel, wire: TcpProxy) -> Iterator[SmsChannel]:
        with closing(made(changed(kannel.settings(), url=through(wire.port, kannel.url), timeout=1))) as channel:
            yield channel

    @pytest.fixture
    def inbox(self, kannel: Kannel) -> Callable[[str], Sequence[str]]:
        return kannel.inbox
