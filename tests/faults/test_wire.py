"""Every operation, at every request to every server, with everything that a network can do to it.

The servers are real: a directory, a PYS and a Kannel, each behind a proxy that does to the bytes what a bad network
does. The fault comes when the engine takes the step, so that the checks before it have passed. The cells are counted
and printed; those that wait for time-outs are chosen, all others are enumerated.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from shutil import copy
from typing import Any
from urllib.parse import urlsplit

import attrs
import pytest
import structlog

from provisioner.core.api.errors import NotReadyError
from provisioner.core.gateways.gateway import Gateway
from provisioner.core.gateways.retrying import RetryPolicy
from provisioner.core.model import AccountState, Operation, OperationKind, OperationState, Person, Unit
from provisioner.core.model.secret import Secret
from provisioner.testing.clock import FakeClock
from provisioner.testing.harness import Harness
from provisioner.testing.kannel import Kannel, wait_until
from provisioner.testing.proxy import TcpProxy, WireFault
from provisioner.testing.slapd import Slapd
from provisioner_ldap.plugin import Ldap
from provisioner_ldap.settings import LdapSettings, TlsMode
from provisioner_pys.mock import PysMock
from provisioner_pys.plugin import Pys
from provisioner_pys.settings import PysSettings
from provisioner_sms.plugin import SmsChannel
from provisioner_sms.settings import GatewayKind, KannelSettings, Settings
from provisioner_sms.texts import Templates
from tests.acceptance.province import Entrance, password_in

pytestmark = [pytest.mark.slow, pytest.mark.server("slapd"), pytest.mark.server("kannel")]

CREATE, ROTATE, HANDOVER, CLOSE = (
    OperationKind.CREATE,
    OperationKind.ROTATE,
    OperationKind.HANDOVER,
    OperationKind.CLOSE,
)
#: How long one request may take, in seconds, and how many requests of one call may fail: only the core tries again.
TIMEOUT, MOST_FAILURES = 1, 2
#: How long one request may take before the first fault. A busy machine may be slow there.
PATIENCE = 30
RETRIES = RetryPolicy(
    attempts=2,
    first_wait=timedelta(milliseconds=1),
    longest_wait=timedelta(milliseconds=2),
    total=timedelta(seconds=2),
)


@attrs.frozen
class Point:
    """One request to one server in the course of an operation."""

    kind: OperationKind
    place: str
    hook: str
    #: Its number among those of the step, from 0.
    request: int

    def __str__(self) -> str:
        return f"{self.kind}-{self.place}-{self.hook}-{self.request}"


def points() -> Iterator[Point]:
    """Yield each request: a directory is read, given a password and given attributes, each by a request of its own."""
    requests = {
        CREATE: {("directory", "account_create"): 2, ("pys", "account_create"): 1},
        ROTATE: {("directory", "account_rotate"): 2, ("pys", "account_rotate"): 1},
        HANDOVER: {("directory", "account_handover"): 3, ("pys", "account_handover"): 1},
        CLOSE: {("directory", "account_close"): 2, ("pys", "account_close"): 1},
    }
    for kind, changes in requests.items():
        proofs = {("directory", "account_probe"): 1, ("pys", "account_probe"): 1}
        message = {} if kind is CLOSE else {("sms", "secret_deliver"): 1}
        for (place, hook), count in {**changes, **proofs, **message}.items():
            yield from (Point(kind, place, hook, request) for request in range(count))


@attrs.frozen
class Cell:
    """One row of the matrix."""

    point: Point
    fault: WireFault
    lasts: bool
    #: How late a late answer comes.
    delay: float = 0.05
    tls: bool = False

    def __str__(self) -> str:
        late = "-too_late" if self.delay > TIMEOUT else ""
        return f"{self.point}-{self.fault}{late}-{'lasts' if self.lasts else 'once'}{'-tls' if self.tls else ''}"


POINTS = list(points())
QUICK = (WireFault.REFUSE, WireFault.LOSE_REQUEST, WireFault.LOSE_ANSWER, WireFault.CUT_ANSWER)


def cells() -> Iterator[Cell]:
    for point in POINTS:
        yield from (Cell(point, fault, lasts) for fault in QUICK for lasts in (True, False))
        yield Cell(point, WireFault.DELAY, lasts=False)
    for point in (point for point in POINTS if point.kind is ROTATE):
        first = point.request == 0 and point.hook != "account_probe"
        yield Cell(point, WireFault.DELAY, lasts=True)
        yield Cell(point, WireFault.BLACK_HOLE, lasts=False)
        if first:
            yield Cell(point, WireFault.BLACK_HOLE, lasts=True)
        if point.hook != "account_probe":
            yield Cell(point, WireFault.DELAY, lasts=False, delay=TIMEOUT + 0.3)
        if point.place == "directory":
            yield from (Cell(point, fault, lasts, tls=True) for fault in QUICK for lasts in (True, False))


CELLS = list(cells())
UNITS = [
    Unit(code=f"u{n}", name=f"Birim {n}", kind="office", login=f"birim{n}", custodian=f"h{n}")
    for n in range(len(CELLS))
]
HOLDERS = [Person(id=f"h{n}", name=f"Kişi {n}", mobile=f"+90532{n:07}") for n in range(len(CELLS))]
SUCCESSORS = [Person(id=f"s{n}", name=f"Halef {n}", mobile=f"+90533{n:07}") for n in range(len(CELLS))]


@attrs.define(eq=False)
class Scene:
    """The servers, the network in front of them, and a store in which all accounts are where their cell begins."""

    slapd: Slapd
    pys: PysMock
    kannel: Kannel
    entrance: Entrance
    wires: Mapping[str, TcpProxy]
    file: Path
    #: The passwords with which the accounts begin, by the number of the cell.
    first: dict[int, str] = attrs.field(factory=dict, init=False)

    @contextmanager
    def process(self, file: Path, clock: FakeClock, *, tls: bool = False, timeout: int = TIMEOUT) -> Iterator[Harness]:
        """Yield a harness whose targets and channel are the plug-ins themselves."""
        wire = "tls" if tls else "directory"
        directory = Ldap(
            settings=LdapSettings(
                urls=(f"{'ldaps' if tls else 'ldap'}://localhost:{self.wires[wire].port}",),
                bind_dn=self.slapd.bind_dn,
                bind_password=self.slapd.bind_password,
                base_dn=self.slapd.base_dn,
                ca_file=self.slapd.ca_file,
                tls=TlsMode.REQUIRED if tls else TlsMode.NONE,
                connect_timeout=timeout,
                timeout=timeout,
            )
        )
        url = f"http://127.0.0.1:{self.wires['pys'].port}"
        pys = Pys(settings=PysSettings(url=url, api_key=self.pys.api_key, timeout=timeout))
        sms = self._channel(timeout)
        with Harness(
            file, targets={"directory": directory, "pys": pys}, channels={"sms": sms}, clock=clock, retry_policy=RETRIES
        ) as harness:
            for plugin in (directory, pys, sms):
                harness.plugins.on_close(plugin.close)
            yield harness

    def _channel(self, timeout: int) -> SmsChannel:
        kannel = KannelSettings(
            url=f"http://127.0.0.1:{self.wires['sms'].port}{urlsplit(self.kannel.url).path}",
            username=self.kannel.username,
            password=Secret(self.kannel.password),
            timeout=timeout,
        )
        settings = Settings(gateway=GatewayKind.KANNEL, help_desk="0344 000 00 00", sender="KURUM", kannel=kannel)
        return SmsChannel(name="sms", settings=settings, templates=Templates.of(settings, "tr", "channels.sms"))

    def wire(self, cell: Cell) -> TcpProxy:
        """Return the network that fails."""
        return self.wires["tls" if cell.tls else cell.point.place]

    def takes(self, login: str, password: str) -> list[bool]:
        """Say for each system whether the password logs in."""
        return [self.entrance.logs_in(login, password), self.pys.logs_in(login, password)]

    def passwords(self, number: int) -> list[str]:
        """Return every password that was sent for this cell, the oldest first; the successor's come last."""
        phones = (HOLDERS[number].mobile or "", SUCCESSORS[number].mobile or "")
        first = [self.first[number]] if number in self.first else []
        return first + [password_in(text) for phone in phones for text in self.kannel.inbox(phone)]


@pytest.fixture(autouse=True, scope="module")
def _quiet_services() -> Iterator[None]:
    """The services in this process log each call; there are thousands."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    yield
    structlog.reset_defaults()


@pytest.fixture(name="scene", scope="module")
def _scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with ExitStack() as stack:
        slapd = stack.enter_context(Slapd())
        pys = stack.enter_context(PysMock.running(people=[*HOLDERS, *SUCCESSORS], units=UNITS))
        kannel = stack.enter_context(Kannel.running())
        upstreams = {
            "directory": slapd.port,
            "tls": slapd.tls_port,
            "pys": urlsplit(pys.url).port,
            "sms": urlsplit(kannel.url).port,
        }
        wires = {name: stack.enter_context(TcpProxy(("127.0.0.1", port or 0))) for name, port in upstreams.items()}
        entrance = stack.enter_context(Entrance.to(slapd))
        file = tmp_path_factory.mktemp("wire") / "store.sqlite"
        scene = Scene(slapd, pys, kannel, entrance, wires, file)
        _begin(scene)
        yield scene


def _begin(scene: Scene) -> None:
    """Open every account that is not opened by its cell."""
    opened = [number for number, cell in enumerate(CELLS) if cell.point.kind is not CREATE]
    with scene.process(scene.file, FakeClock(), timeout=PATIENCE) as harness:
        harness.know(units=UNITS, persons=[*HOLDERS, *SUCCESSORS])
        operations = harness.open([UNITS[number].code for number in opened])
    assert {operation.state for operation in operations} == {OperationState.DONE}
    wait_until(lambda: scene.passwords(opened[-1]) and all(map(scene.passwords, opened)))
    scene.first |= {number: scene.passwords(number)[0] for number in opened}
    scene.kannel.network.clear()


@pytest.fixture(name="failures")
def _failures(monkeypatch: pytest.MonkeyPatch, scene: Scene, number: int) -> list[int]:
    """Return how many requests of each call to the disturbed system failed on the wire."""
    cell = CELLS[number]
    failures: list[int] = []
    wire = scene.wire(cell)
    real = Gateway.call

    def counted(self: Gateway, hook: str, request: object, answer: type[Any]) -> Any:
        before = wire.failures
        try:
            return real(self, hook, request, answer)
        finally:
            if self.name == cell.point.place:
                failures.append(wire.failures - before)

    monkeypatch.setattr(Gateway, "call", counted)
    return failures


@pytest.fixture(name="shown")
def _shown(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    """Return what tells everything that was logged and printed."""
    caplog.set_level(logging.DEBUG)
    return lambda: f"{caplog.text} {capsys.readouterr()}"


def disturb(harness: Harness, wire: TcpProxy, cell: Cell) -> None:
    """Let the network fail when the engine calls the hook, the first time."""
    gateway: Gateway = {**harness.plugins.targets, **harness.plugins.channels}[cell.point.place]
    usual = gateway.calls[cell.point.hook]

    def call(request: object) -> object:
        gateway.calls = {**gateway.calls, cell.point.hook: usual}
        wire.delay = cell.delay
        wire.fail(cell.fault, requests=float("inf") if cell.lasts else 1, after=cell.point.request)
        if cell.fault is WireFault.REFUSE and not cell.lasts:
            wire.heal()
        return usual(request)

    gateway.calls = {**gateway.calls, cell.point.hook: call}


def carry_out(harness: Harness, kind: OperationKind, number: int) -> Operation:
    login = UNITS[number].login or ""
    if kind is CREATE:
        return harness.open([UNITS[number].code])[0]
    if kind is ROTATE:
        return harness.rotate([login])[0]
    if kind is HANDOVER:
        return harness.hand_over(login, SUCCESSORS[number].id)[0]
    return harness.close_accounts([login])[0]


def drive_on(harness: Harness, clock: FakeClock, operation: Operation) -> Operation:
    """Wait for the next try, and make it."""
    assert operation.error is not None
    assert operation.next_try_at is not None
    clock.advance(operation.next_try_at - clock() + timedelta(seconds=31))
    return once_ready(lambda: harness.resume()[0], clock)


def once_ready(work: Callable[[], Operation], clock: FakeClock) -> Operation:
    """Return what the work returns, if need be later: a system on a busy machine may not answer the check in time."""
    for _ in range(5):
        with suppress(NotReadyError):
            return work()
        clock.advance(timedelta(minutes=1))
    return work()


def check_ended(scene: Scene, number: int, operation: Operation, account_state: AccountState, old: str | None) -> None:
    """Check what must be true once an operation has ended."""
    login = operation.login
    if operation.state is not OperationState.DONE:
        assert operation.state in {OperationState.FAILED, OperationState.UNDONE}
        assert old is None or scene.takes(login, old) == [True, True]
    elif operation.kind is CLOSE:
        assert account_state is AccountState.CLOSED
        assert not any(any(scene.takes(login, password)) for password in scene.passwords(number))
    else:
        assert account_state is AccountState.OPEN
        wait_until(lambda: scene.passwords(number) and scene.takes(login, scene.passwords(number)[-1]) == [True, True])
        *earlier, last = scene.passwords(number)
        assert last != old
        assert not any(any(scene.takes(login, one)) for one in earlier)
        if operation.kind is HANDOVER:
            assert scene.entrance.holder(login) == SUCCESSORS[number].id
            assert scene.kannel.inbox(SUCCESSORS[number].mobile or "")


@pytest.mark.parametrize("number", range(len(CELLS)), ids=[str(cell) for cell in CELLS])
def test_no_fault_on_the_wire_loses_a_password(
    scene: Scene, number: int, failures: list[int], shown: Callable[[], str], tmp_path: Path
) -> None:
    """No call waits without an end either: a network that fails on is healed only after all calls have returned."""
    cell = CELLS[number]
    wire = scene.wire(cell)
    file, clock = tmp_path / "store.sqlite", FakeClock()
    copy(scene.file, file)
    old = scene.first.get(number)
    with scene.process(file, clock, tls=cell.tls) as harness:
        disturb(harness, wire, cell)
        try:
            operations = [once_ready(lambda: carry_out(harness, cell.point.kind, number), clock)]
        finally:
            wire.heal()
        if operations[0].state is OperationState.INCOMPLETE:
            operations.append(drive_on(harness, clock, operations[0]))
        check_ended(scene, number, operations[-1], harness.account(UNITS[number].login or "").state, old)
        assert harness.resume() == []

    assert cell.fault is WireFault.REFUSE or 0 < max(failures) <= MOST_FAILURES
    check_message_is_sent_again(scene, number, cell, operations)
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    told = f"{operations} {shown()}"
    for password in scene.passwords(number):
        assert password.encode() not in written
        assert password not in told


def check_message_is_sent_again(scene: Scene, number: int, cell: Cell, operations: Sequence[Operation]) -> None:
    """Kannel cannot be asked about a message: after a lost answer, its owner gets another one that is valid."""
    if (cell.point.place, cell.fault) not in {("sms", WireFault.LOSE_ANSWER), ("sms", WireFault.CUT_ANSWER)}:
        return
    assert [operation.state for operation in operations] == [OperationState.INCOMPLETE, OperationState.DONE]
    before = 0 if cell.point.kind is CREATE else 1
    assert len(scene.passwords(number)) == before + 2


def test_the_matrix_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\nfault matrix on the wire: {len(CELLS)} cells, {dict(Counter(str(one.fault) for one in CELLS))}")
    assert len(POINTS) == 24
    assert len(set(map(str, CELLS))) == len(CELLS)
