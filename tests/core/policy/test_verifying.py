"""A sweep verifies accounts in time and evenly, and tells what differs. It repairs nothing, and presumes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import attrs
import pytest

from provisioner.core.api.events import DeadlineMet, Event
from provisioner.core.model import Account, Operation, Person, Unit
from provisioner.core.policy.policy import Policy, RuleSet
from provisioner.core.policy.sweep import Swept
from provisioner.core.reconcile.differences import DifferenceFound
from provisioner.core.reconcile.verification import VerifiedAccount
from provisioner.rules.verification import Verify
from provisioner.testing.clock import FakeClock
from provisioner.testing.faults import Fault, FaultTarget
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

DAY = timedelta(days=1)
MANY = 250
AYSE = Person(id="1", name="Ayşe", mobile="+905321234567")


@attrs.define(eq=False)
class Town:
    """Units with accounts that were opened today on two targets, and only one rule: verify them."""

    harness: Harness
    clock: FakeClock
    targets: Mapping[str, FaultTarget]
    recorded: list[Event] = attrs.field(factory=list)

    def open(self, count: int) -> None:
        """Open so many accounts."""
        codes = [f"u{number}" for number in range(count)]
        units = [Unit(code=code, name=code, kind="school", login=f"okul{code}", custodian="1") for code in codes]
        self.harness.know(units=units, persons=[AYSE])
        assert self.sweep() == []
        self.harness.open(codes)
        self.harness.after_record = self.recorded.extend

    def sweep(self) -> list[Swept]:
        return list(self.harness.sweep().run())

    def asked(self, target: str) -> int:
        """How often a target was asked about an account so far."""
        return self.targets[target].faults.calls["account_probe"]

    def met(self) -> list[str]:
        """The accounts that were verified completely since the opening."""
        return [event.login for event in self.recorded if isinstance(event, DeadlineMet)]

    def seen(self, target: str) -> Mapping[str, datetime]:
        """When a target last showed each account since the opening."""
        logins = [account.login for account in self.harness.store.accounts.find()]
        times = {login: self.harness.store.last_seen.times(login) for login in logins}
        return {login: by_target[target] for login, by_target in times.items() if target in by_target}

    def unseen(self, target: str, since: datetime) -> list[str]:
        """The accounts that a target has not shown since then."""
        return [account.login for account in self.harness.store.last_seen.unseen(target, since)]

    def disable(self, target: str, login: str) -> None:
        """Let somebody disable an account behind the product's back."""
        entries = self.targets[target].inner._entries
        entries[login] = attrs.evolve(entries[login], enabled=False)

    def run(self, days: int) -> list[tuple[str, str, str]]:
        """Sweep once a day, and return what was told."""
        told = []
        for _ in range(days):
            self.clock.advance(DAY)
            told += said(self.sweep())
        return told


def said(swept: list[Swept]) -> list[tuple[str, str, str]]:
    assert all(isinstance(one, VerifiedAccount) for one in swept)
    return [
        (one.login, one.target, one.difference.kind if one.difference else one.error.name if one.error else "")
        for one in swept
        if isinstance(one, VerifiedAccount)
    ]


@pytest.fixture(name="town")
def _town(tmp_path: Path) -> Iterator[Town]:
    clock = FakeClock()
    targets = {name: FaultTarget(MemoryTarget()) for name in ("posta", "wiki")}
    rules = RuleSet(name="looks", rules=(Verify(),))
    policy = Policy(rule_sets=[rules], since={"looks": clock()}, fingerprint="1")
    channels = {"sms": MemoryChannel()}
    with Harness(tmp_path / "s.sqlite", targets=targets, channels=channels, clock=clock, policy=policy) as harness:
        yield Town(harness, clock, targets)


def test_sixty_days_see_every_account_in_time_and_no_day_is_crowded(town: Town) -> None:
    town.open(MANY)
    opened, by_day = town.asked("posta"), []
    for _ in range(60):
        before = {name: town.asked(name) for name in town.targets}
        assert town.run(1) == []
        by_day.append([town.asked(name) - before[name] for name in town.targets])
        if len(by_day) >= 30:
            assert [town.unseen(name, town.clock() - 30 * DAY) for name in town.targets] == [[], []]

    assert all(len(set(day)) == 1 for day in by_day), "each account is verified on both targets on the same day"
    total = town.asked("posta") - opened
    assert 2 * MANY <= total <= 3 * MANY
    assert max(day[0] for day in by_day) <= 2 * total / 60
    assert not [event for event in town.recorded if not isinstance(event, DeadlineMet)], "nothing was changed"


def test_a_sweep_reads_only_accounts_that_are_due(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.open(MANY)
    read: list[str] = []
    get_many = town.harness.store.accounts.get_many

    def noting(logins: Iterable[str]) -> Mapping[str, Account]:
        wanted = list(logins)
        read.extend(wanted)
        return get_many(wanted)

    monkeypatch.setattr(town.harness.store.accounts, "get_many", noting)

    town.run(1)

    assert 0 < len(set(read)) == len(town.met()) < MANY / 10


def test_what_differs_is_told_recorded_and_not_repaired(town: Town) -> None:
    town.open(3)
    town.disable("wiki", "okulu1")

    told = town.run(30)

    assert told == [("okulu1", "wiki", "disabled")]
    [event] = [event for event in town.recorded if isinstance(event, DifferenceFound)]
    assert (event.actor, event.login, event.target) == ("policy:looks", "okulu1", "wiki")
    assert town.targets["wiki"].inner._entries["okulu1"].enabled is False
    assert sorted(town.met()) == ["okulu0", "okulu1", "okulu2"]
    assert town.harness.store.verifications.different("wiki") == ["okulu1"]


def test_an_account_that_somebody_deleted_is_told_once_in_a_period_and_never_seen(town: Town) -> None:
    town.open(3)
    town.targets["posta"].inner._entries.pop("okulu1")

    assert town.run(30) == [("okulu1", "posta", "missing")]
    assert "okulu1" not in town.seen("posta")


def test_a_target_that_cannot_be_reached_leaves_accounts_unseen_and_due(town: Town) -> None:
    town.open(60)
    town.targets["wiki"].faults.on("account_probe", Fault.CANNOT_CONNECT)
    town.targets["wiki"].faults.on("target_check", Fault.CANNOT_CONNECT)
    asked = town.asked("posta")

    told = town.run(10)

    assert {error for _, _, error in told} == {"UnavailableError"}
    assert {target for _, target, _ in told} == {"wiki"}
    assert town.seen("wiki") == {}
    assert town.met() == []
    late = town.seen("posta")
    assert 10 < len(late) == town.asked("posta") - asked, "the other target is asked once about each"

    town.targets["wiki"].faults.clear()
    town.clock.advance(timedelta(hours=1))
    assert said(town.sweep()) == []
    assert sorted(town.met()) == sorted(town.seen("wiki")) == sorted(late)
    assert town.asked("posta") - asked == len(late), "nor is it asked again when the first one works"


def test_a_target_in_maintenance_is_left_out_without_a_word(town: Town) -> None:
    town.open(60)
    town.harness.maintain("wiki", town.clock() + 5 * DAY)
    asked = town.asked("wiki")

    assert town.run(4) == []
    assert town.asked("wiki") == asked
    assert town.met() == []

    town.run(2)
    assert sorted(town.met()) == sorted(town.seen("wiki"))


def test_an_account_that_a_target_refuses_to_show_holds_up_no_other(town: Town) -> None:
    town.open(20)
    town.targets["wiki"].faults.on("account_probe", Fault.REFUSE, item="okulu7")

    told = town.run(30)

    assert set(told) == {("okulu7", "wiki", "RefusedError")}
    assert sorted(set(town.met())) == sorted(f"okulu{number}" for number in range(20) if number != 7)


def test_an_answer_from_a_clock_that_was_ahead_is_not_believed(town: Town) -> None:
    town.open(1)
    account = town.harness.account("okulu0")
    town.clock.advance(300 * DAY)
    list(town.harness.app.verification.verify([account], actor="tester"))
    town.clock.advance(-300 * DAY)
    asked = town.asked("wiki")

    town.run(30)

    assert town.asked("wiki") == asked + 1


def test_an_account_that_is_being_changed_is_not_told(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.open(1)
    town.disable("wiki", "okulu0")
    probe = town.harness.plugins.targets["wiki"].probe

    def closing(request: object) -> object:
        report = probe(request)  # type: ignore[arg-type]
        monkeypatch.undo()
        town.harness.close_accounts(["okulu0"])
        return report

    monkeypatch.setattr(type(town.harness.plugins.targets["wiki"]), "probe", lambda _, request: closing(request))

    town.clock.advance(30 * DAY)
    assert not [one for one in town.sweep() if not isinstance(one, Operation)]


def test_a_sweep_that_is_stopped_meets_nothing_that_it_did_not_verify(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provisioner.core.policy.sweep.VERIFIED_TOGETHER", 2)
    town.open(5)
    town.clock.advance(30 * DAY)
    town.targets["posta"].faults.pause = town.harness.stop.set
    town.targets["posta"].faults.on("account_probe", Fault.PAUSE)

    town.sweep()

    assert len(town.met()) == 2
    assert sorted(town.met()) == sorted(town.seen("wiki"))
