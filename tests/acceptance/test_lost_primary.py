"""A directory of two servers that both take changes, the first of which is lost in the middle of 500 rotations."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Self

import attrs
import pytest

from provisioner.core.gateways.retrying import RetryPolicy
from provisioner.core.model import AccountState, OperationState, Person, Unit
from provisioner.testing.clock import FakeClock
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel
from provisioner.testing.proxy import TcpProxy, WireFault
from provisioner.testing.slapd import Slapd
from provisioner_ldap.plugin import Ldap
from provisioner_ldap.settings import LdapSettings, TlsMode
from tests.acceptance.province import Entrance
from tests.plugins.ldap.conftest import Administrator

pytestmark = [pytest.mark.slow, pytest.mark.server("slapd")]

ACCOUNTS = 500
#: After how many rotations the first server is lost.
LOST_AFTER = 100
#: The seconds in which a connection must be open, and an answer have come.
LIMIT = 3

PERSONS = [Person(id=f"p{n}", name=f"Kişi {n}", mobile=f"+90532{n:07}") for n in range(ACCOUNTS)]
UNITS = [
    Unit(code=f"u{n}", name=f"Birim {n}", kind="office", login=f"birim{n}", custodian=PERSONS[n].id)
    for n in range(ACCOUNTS)
]
NUMBERS = {unit.login: person.mobile or "" for unit, person in zip(UNITS, PERSONS, strict=True)}


def wait(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "it did not happen within a minute"
        time.sleep(0.05)


@attrs.define(eq=False)
class Scene:
    """Two servers, a proxy in front of the first one, and open accounts."""

    harness: Harness
    clock: FakeClock
    phones: MemoryChannel
    first: Slapd
    second: Slapd
    wire: TcpProxy

    @classmethod
    @contextmanager
    def set(cls, folder: Path) -> Iterator[Self]:
        with ExitStack() as stack:
            first = stack.enter_context(Slapd(replicated=True))
            second = stack.enter_context(Slapd(provider=first, mirror=True, replicated=True))
            first.follow(second)
            with closing(Administrator(second)) as administrator:
                wait(lambda: administrator.read(first.policy_dn) is not None)
            wire = stack.enter_context(TcpProxy(("127.0.0.1", first.port)))
            settings = LdapSettings(
                urls=(f"ldap://127.0.0.1:{wire.port}", second.url),
                bind_dn=first.bind_dn,
                bind_password=first.bind_password,
                base_dn=first.base_dn,
                tls=TlsMode.NONE,
                timeout=LIMIT,
                connect_timeout=LIMIT,
            )
            ldap, phones = Ldap(settings=settings), MemoryChannel()
            stack.callback(ldap.close)
            targets, channels = {"directory": ldap}, {"sms": phones}
            store, policy, clock = folder / "store.sqlite", RetryPolicy(), FakeClock()
            harness = Harness(store, targets=targets, channels=channels, clock=clock, retry_policy=policy)
            stack.enter_context(harness)
            harness.know(units=UNITS, persons=PERSONS)
            harness.open([unit.code for unit in UNITS])
            yield cls(harness, clock, phones, first, second, wire)

    def rotate(self, lose: Callable[[], object] = lambda: None) -> float:
        """Rotate all accounts, lose the first server on the way, and return the seconds that it took."""
        accounts = list(self.harness.store.accounts.find(state=AccountState.OPEN))
        assert len(accounts) == ACCOUNTS
        began = time.monotonic()
        plan = self.harness.planner.rotate(accounts, INITIATOR)
        for number, _ in enumerate(self.harness.app.engine.iter_apply(plan)):
            if number == LOST_AFTER:
                lose()
        took = time.monotonic() - began
        self.clock.advance(timedelta(hours=1))  # what is not done has a next try
        self.harness.resume()
        return took

    def expect_the_last_password_alone(self) -> None:
        """Check at both servers that the password that was sent last logs in, and the one before does not."""
        wait(lambda: not self._wrong())

    def _wrong(self) -> list[str]:
        with ExitStack() as stack:
            entrances = [stack.enter_context(Entrance.to(server)) for server in (self.first, self.second)]
            found = []
            for login, number in NUMBERS.items():
                *_, former, last = [message.password for message in self.phones.inbox(number)]
                if [[entrance.logs_in(login or "", one) for one in (former, last)] for entrance in entrances] != [
                    [False, True]
                ] * 2:
                    found.append(login or "")
            return found


@pytest.fixture(name="scene")
def _scene(tmp_path: Path) -> Iterator[Scene]:
    with Scene.set(tmp_path) as scene:
        yield scene


def kill(scene: Scene) -> Callable[[], object]:
    scene.first.kill()
    return scene.first.start


def stop(scene: Scene) -> Callable[[], object]:
    scene.first.pause()
    return scene.first.resume


def swallow(scene: Scene) -> Callable[[], object]:
    scene.wire.fail(WireFault.BLACK_HOLE)
    return scene.wire.heal


@pytest.mark.parametrize("lose", [kill, stop, swallow])
def test_every_rotation_is_done_and_no_password_is_wrong(
    scene: Scene, lose: Callable[[Scene], Callable[[], object]], capsys: pytest.CaptureFixture[str]
) -> None:
    usual, heal = scene.rotate(), list[Callable[[], object]]()
    try:
        took = scene.rotate(lambda: heal.append(lose(scene)))
    finally:
        for restore in heal:
            restore()
    with capsys.disabled():
        lost = f"{took - usual:+.1f} s, with a time limit of {LIMIT} s; requests swallowed: {scene.wire.failures}"
        print(f"\n{lose.__name__}: {ACCOUNTS} rotations in {took:.1f} s, usually {usual:.1f} s: {lost}")
    states = scene.harness.store.operations.count()
    assert set(states) == {OperationState.DONE}
    scene.expect_the_last_password_alone()
    assert scene.wire.failures < ACCOUNTS / 10, "every call waits for the lost server"
