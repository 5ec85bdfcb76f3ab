"""Log-ins to the console."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import attrs
import pytest

from provisioner import hookimpl
from provisioner.config.settings import ConsoleSettings
from provisioner.core.api.errors import ConfigurationError, DeniedError, TargetError, UnavailableError
from provisioner.core.api.messages import AccountReport, ProbeAccount
from provisioner.core.governance.log_ins import LoggedIn, LogInDenied
from provisioner.core.model.log_ins import LogInWay
from provisioner.core.model.secret import Secret
from provisioner.services.log_ins import LogIns
from provisioner.services.throttles import LogInThrottles
from provisioner.testing import samples
from provisioner.testing.clock import FakeClock
from provisioner.testing.faults import Fault, Faults, FaultTarget
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

LOGIN, HOLDER = samples.ACCOUNT.login, samples.HOLDER


@attrs.define(eq=False)
class CountingTarget(MemoryTarget):
    """Counts how often it is asked about a password."""

    asked: int = 0

    @hookimpl
    def account_probe(self, request: ProbeAccount) -> AccountReport:
        self.asked += request.secret is not None
        return super().account_probe(request)


@attrs.define(eq=False)
class Door:
    """Log-ins, and what a test looks at."""

    harness: Harness
    directory: CountingTarget
    phones: MemoryChannel
    faults: Faults
    settings: ConsoleSettings = attrs.field(factory=ConsoleSettings)
    throttles: LogInThrottles = attrs.field(factory=lambda: LogInThrottles(ConsoleSettings()))

    @property
    def log_ins(self) -> LogIns:
        ours = self.harness.app.log_ins
        return attrs.evolve(ours, settings=self.settings, throttles=self.throttles)

    def enter(self, password: str | None = None, *, login: str = LOGIN, address: str = "10.0.0.1") -> LoggedIn:
        right = self.phones.inbox(HOLDER.mobile or "")[-1].password
        return self.log_ins.with_password(login, Secret(password or right, passing=True), address=address)

    def bodies(self) -> list[tuple[str, str, str]]:
        """Return what the audit log says of log-ins: the kind, the login, and the whole entry."""
        entries = self.harness.store.audit_log.entries()
        return [(one.kind, one.login, one.body) for one in entries if one.kind in {LoggedIn.kind, LogInDenied.kind}]


@pytest.fixture(name="door")
def _door(tmp_path: Path) -> Iterator[Door]:
    faults, phones, directory = Faults(), MemoryChannel(), CountingTarget()
    targets = {"directory": FaultTarget(directory, faults)}
    with Harness(tmp_path / "store.sqlite", targets=targets, channels={"sms": phones}) as harness:
        harness.know(units=[samples.UNIT], persons=[HOLDER])
        harness.open([samples.UNIT.code])
        yield Door(harness, directory, phones, faults)


def test_the_holder_of_an_open_account_gets_in(door: Door) -> None:
    for login in (LOGIN, f"{LOGIN}@meb.gov.tr", f" {LOGIN.upper()} "):
        assert door.enter(login=login).actor == HOLDER.id

    assert [kind for kind, *_ in door.bodies()] == ["logged_in"] * 3


def test_a_wrong_password_and_an_unknown_login_get_the_same_answer(door: Door) -> None:
    """The answer would tell which accounts there are."""
    with pytest.raises(DeniedError) as wrong:
        door.enter("no-Password-1")
    with pytest.raises(DeniedError) as unknown:
        door.enter("no-Password-1", login="nobody46")

    assert str(wrong.value) == str(unknown.value)
    assert [login for _, login, _ in door.bodies()] == [LOGIN, ""]
    assert all("no-Password-1" not in body and "nobody46" not in body for *_, body in door.bodies())


def test_a_closed_account_lets_nobody_in(door: Door) -> None:
    """Even if the target forgot to close it."""
    password = door.phones.inbox(HOLDER.mobile or "")[-1].password
    door.harness.close_accounts([LOGIN])

    with pytest.raises(DeniedError):
        door.enter(password)


def test_the_target_is_not_asked_more_often_than_the_limit(door: Door) -> None:
    """More tries would lock the account there, whatever address they come from."""
    before = door.directory.asked
    for number in range(5):
        with pytest.raises(DeniedError):
            door.enter("no-Password-1", address=f"10.0.0.{number}")
    asked = door.directory.asked
    with pytest.raises(DeniedError, match="too many"):
        door.enter()

    reasons = [body.split('"reason":"')[1].split('"')[0] for *_, body in door.bodies()]
    assert reasons == ["password"] * 3 + ["throttled"]
    assert door.directory.asked == asked == before + 3
    cast("FakeClock", door.harness.clock).advance(timedelta(minutes=30))
    assert door.enter().actor == HOLDER.id


def test_an_address_that_tries_many_logins_is_stopped(door: Door) -> None:
    door.throttles = LogInThrottles(ConsoleSettings(denied_per_address=2))
    for number in range(2):
        with pytest.raises(DeniedError):
            door.enter("x", login=f"nobody{number}")

    with pytest.raises(DeniedError, match="too many"):
        door.enter()
    assert door.enter(address="10.0.0.2").actor == HOLDER.id


def test_a_line_with_many_addresses_has_no_more_tries(door: Door) -> None:
    door.throttles = LogInThrottles(ConsoleSettings(denied_per_address=2))
    for number in range(2):
        with pytest.raises(DeniedError):
            door.enter("x", login=f"nobody{number}", address=f"2001:db8:1:2::{number}")

    with pytest.raises(DeniedError, match="too many"):
        door.enter(address="2001:db8:1:2:ffff::1")
    assert door.enter(address="2001:db8:1:3::1").actor == HOLDER.id


def test_a_target_that_cannot_answer_counts_as_no_try(door: Door) -> None:
    door.faults.on("account_probe", Fault.CANNOT_CONNECT)
    for _ in range(4):
        with pytest.raises(TargetError):
            door.enter()
    door.faults.clear()
    cast("FakeClock", door.harness.clock).advance(timedelta(minutes=10))

    assert door.enter().actor == HOLDER.id


def test_a_target_that_hangs_takes_half_of_the_threads(door: Door) -> None:
    """The console would show no page to anybody until the target answers."""
    door.throttles = LogInThrottles(ConsoleSettings(threads=4, denied_per_login=3))
    hanging, go_on = threading.Semaphore(0), threading.Event()

    def hang() -> None:
        hanging.release()
        assert go_on.wait(60)

    door.faults.pause = hang
    door.faults.on("account_probe", Fault.PAUSE)
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(door.enter) for _ in range(2)]
        assert all(hanging.acquire(timeout=60) for _ in range(2))
        try:
            refused = pool.submit(door.enter).exception(timeout=30)
        finally:
            go_on.set()

    assert isinstance(refused, UnavailableError)
    assert [one.result().actor for one in waiting] == [HOLDER.id] * 2
    assert door.enter().actor == HOLDER.id


def test_only_the_configured_way_leads_in(door: Door) -> None:
    """Behind a single sign-on, a password that was stolen must not be a second way."""
    with pytest.raises(DeniedError, match="in this way"):
        door.log_ins.by_proxy(HOLDER.id, address="10.0.0.1")
    door.settings = ConsoleSettings(log_in=LogInWay.PROXY)
    before = door.directory.asked

    with pytest.raises(DeniedError, match="in this way"):
        door.enter()
    assert door.directory.asked == before


def test_a_proxy_names_the_person(door: Door) -> None:
    door.settings = ConsoleSettings(log_in=LogInWay.PROXY)
    log_in = door.log_ins.by_proxy(HOLDER.id, address="10.0.0.1")

    assert (log_in.actor, log_in.way) == (HOLDER.id, LogInWay.PROXY)
    for nobody in ("", "a b\n", "policy:x"):
        with pytest.raises(DeniedError, match="names no person"):
            door.log_ins.by_proxy(nobody, address="10.0.0.1")


def test_denials_from_one_network_are_written_down_once(door: Door) -> None:
    """Anybody can have 2**64 addresses of IPv6, and would fill the audit log."""
    door.settings = ConsoleSettings(log_in=LogInWay.PROXY)
    for number in range(1, 4):
        with pytest.raises(DeniedError):
            door.log_ins.by_proxy("", address=f"2001:db8:1:2::{number}")

    assert [entry.kind for entry in door.harness.store.audit_log.entries()].count("log_in_denied") == 1


@pytest.mark.parametrize("settings", [{"target": "nothing"}, {"target": "sms"}])
def test_a_target_that_tests_no_password_is_found_at_the_start(door: Door, settings: dict[str, Any]) -> None:
    door.settings = ConsoleSettings(**settings)

    with pytest.raises(ConfigurationError, match="cannot test passwords"):
        door.log_ins.require_ready()
    door.settings = ConsoleSettings(log_in=LogInWay.PROXY, **settings)
    door.log_ins.require_ready()


def test_who_hands_an_account_over_holds_it_no_more(door: Door) -> None:
    door.harness.know(persons=[samples.SUCCESSOR])
    at = door.harness.clock()
    assert door.log_ins.still_holds(LOGIN, HOLDER.id, proved_at=at)

    door.harness.hand_over(LOGIN, samples.SUCCESSOR.id)

    assert not door.log_ins.still_holds(LOGIN, HOLDER.id, proved_at=at)
    assert door.log_ins.still_holds(LOGIN, samples.SUCCESSOR.id, proved_at=at)
