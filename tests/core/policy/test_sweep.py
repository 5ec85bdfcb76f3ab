"""What a sweep does, what it leaves alone, and what it leaves for the next one."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, time, timedelta
from functools import partialmethod
from pathlib import Path
from typing import NoReturn
from zoneinfo import ZoneInfo

import attrs
import pytest

from provisioner.core.api.errors import ClockError, ForbiddenError, TargetError, TransientError, UnavailableError
from provisioner.core.api.events import (
    DeadlineMet,
    Event,
    NoticeBegun,
    NoticeChanged,
    NoticeEnded,
    OperationPlanned,
    RulesChanged,
)
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import DeliverNotice, DeliveryReceipt, DeliveryState, FindPerson
from provisioner.core.api.rules import Action, Deadline, Facts, Monitor, Observation, Reports, Rule
from provisioner.core.engine.execution import Execution
from provisioner.core.engine.planner import Planner
from provisioner.core.model import (
    AccountKind,
    AccountState,
    MessageState,
    Operation,
    OperationKind,
    OperationState,
    Person,
    Unit,
    days,
)
from provisioner.core.model.mass_change import MassChangeLimit
from provisioner.core.model.scope import Scope
from provisioner.core.model.text import Text
from provisioner.core.policy.evaluation import RuleFailure
from provisioner.core.policy.notice_messages import Notice
from provisioner.core.policy.policy import Policy, RuleSet
from provisioner.core.policy.policy_run import Refusal
from provisioner.core.policy.sweep import Swept
from provisioner.core.policy.telling import Postponed
from provisioner.rules.duties import BackupDuty, Custodian
from provisioner.rules.passwords import AutoRotate, RenewOrClose
from provisioner.rules.retention import Retention
from provisioner.store.db.reader import Reader
from provisioner.testing.clock import FakeClock
from provisioner.testing.faults import Fault, FaultChannel, FaultTarget
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget
from tests.crashes import crash_before

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)

OFFICE = Unit(code="o", name="Şube", kind="office", login="sube46", custodian="1")
SCHOOL = Unit(code="s", name="Okul", kind="school", login="okul46", custodian="2")
AYSE = Person(id="1", name="Ayşe Işık", unit="o", mobile="+905320000001")
CAN = Person(id="2", name="Can Öz", unit="s", mobile="+905320000002")

RENEWAL = RuleSet(name="renewal", rules=(RenewOrClose(),))
SCHOOLS = RuleSet(name="schools", rules=(AutoRotate(),), scope=Scope(kinds=frozenset({"school"})))


@attrs.define
class World:
    """An office and a school, and a process after the other that works for them."""

    folder: Path
    target: FaultTarget = attrs.field(factory=lambda: FaultTarget(MemoryTarget()))
    phones: FaultChannel = attrs.field(factory=lambda: FaultChannel(MemoryChannel()))
    clock: FakeClock = attrs.field(factory=FakeClock)
    processes: list[Harness] = attrs.field(factory=list)

    def start(self, *rule_sets: RuleSet, fingerprint: str = "1", **options: object) -> Harness:
        """Start a process with these rules, as the configuration would say since its first sweep."""
        names = [one.name for one in rule_sets]
        known = self.processes[-1].store.schedule.rule_sets_since() if self.processes else {}
        since = {**dict.fromkeys(names, self.clock()), **known}
        policy = Policy(rule_sets=rule_sets, since=since, fingerprint=fingerprint)
        harness = Harness(
            self.folder / "store.sqlite",
            targets={"directory": self.target},
            channels={"sms": self.phones},
            clock=self.clock,
            policy=policy,
            **options,  # type: ignore[arg-type]
        )
        self.processes.append(harness)
        return harness

    def told(self, person: Person) -> list[str]:
        """The texts of the notices on a phone."""
        assert person.mobile
        return [notice.text for notice in self.phones.inner.notices(person.mobile)]


@attrs.define(eq=False)
class QuickReports(MemoryChannel):
    """A channel that reports on the parts of a notice before it answers, and refuses the first notice in that way."""

    report: Callable[[], Callable[[str, str, MessageState], bool]]
    states: list[MessageState] = attrs.field(factory=lambda: [MessageState.REJECTED])

    @hookimpl
    def notice_deliver(self, request: DeliverNotice) -> DeliveryReceipt:
        super().notice_deliver(request)
        part = f"{request.delivery_id}/1"
        self.report()("sms", part, self.states.pop() if self.states else MessageState.DELIVERED)
        return DeliveryReceipt(state=DeliveryState.ACCEPTED, parts=(part,))


@attrs.define
class IdleWorkers:
    """Workers that take operations and do nothing."""

    #: How many operations were waited for together.
    waited_for: list[int] = attrs.field(factory=list)

    def hand_out(self, ids: Sequence[str], /) -> Sequence[str]:
        return ids

    def returned(self, ids: Collection[str], _: threading.Event, /) -> Iterator[Sequence[str]]:
        if ids:
            self.waited_for.append(len(ids))
        yield list(ids)


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    for process in world.processes:
        process.close()


@pytest.fixture(name="town")
def _town(world: World) -> Harness:
    """An office and a school with accounts opened today, under both main rule sets."""
    harness = world.start(RENEWAL, SCHOOLS)
    harness.know(units=[OFFICE, SCHOOL], persons=[AYSE, CAN])
    assert sweep(harness) == []
    harness.open(["o", "s"])
    return harness


@attrs.define(eq=False)
class Staff:
    """A personnel system that knows p0 to p9, and answers like this about some."""

    errors: dict[str, TargetError] = attrs.field(factory=dict)

    @hookimpl
    def person_find(self, request: FindPerson) -> Person | None:
        if request.person_id in self.errors:
            raise self.errors[request.person_id]
        number = int(request.person_id.removeprefix("p"))
        return Person(id=request.person_id, name=f"Kişi {number}", mobile=f"+90532000000{number}")


def staffed(world: World, *rule_sets: RuleSet) -> tuple[Staff, Harness]:
    """Return a personnel system, and a process in which ten offices were opened today."""
    staff, harness = Staff(), world.start(*rule_sets, limit=MassChangeLimit(percent=100))
    harness.plugins.add("staff", staff)
    units = [attrs.evolve(OFFICE, code=f"o{n}", login=f"sube{n}", custodian=f"p{n}") for n in range(10)]
    harness.know(units=units)
    sweep(harness)
    harness.open([unit.code for unit in units])
    return staff, harness


def sweep(harness: Harness) -> list[Swept]:
    return list(harness.sweep().run())


def said(swept: Sequence[Swept]) -> list[tuple[str, str]]:
    """What happened to which account."""
    return sorted(
        (one.kind.value, one.login)
        if isinstance(one, Operation)
        else (one.deadline.action.value, one.subject)
        if isinstance(one, Notice)
        else ("refused" if isinstance(one, Refusal) else "unseen", getattr(one, "login", ""))
        for one in swept
    )


def days_of(harness: Harness, clock: FakeClock, days: int) -> dict[int, list[tuple[str, str]]]:
    """Sweep once a day, and return what happened on each day on which something did."""
    found = {}
    for number in range(1, days + 1):
        clock.advance(DAY)
        if happened := said(sweep(harness)):
            found[number] = happened
    return found


def run_out(harness: Harness, world: World) -> None:
    """Let the passwords of today run out, after a last warning."""
    world.clock.advance(29 * DAY)
    sweep(harness)
    world.clock.advance(DAY)


def once_told(harness: Harness, do: Callable[[], object]) -> None:
    """Do something when the first person is told of something."""

    def look(events: Sequence[Event]) -> None:
        if any(isinstance(event, NoticeBegun) for event in events):
            harness.on_record = lambda _: None
            do()

    harness.on_record = look


class TestWhatIsDue:
    def test_an_office_is_warned_three_times_and_then_closed(self, town: Harness, world: World) -> None:
        lived = days_of(town, world.clock, 31)

        office = {day: [one for one in happened if one[1] == "sube46"] for day, happened in lived.items()}
        assert {day: one for day, one in office.items() if one} == {
            23: [("warn", "sube46")],
            27: [("warn", "sube46")],
            29: [("warn", "sube46")],
            30: [("close", "sube46")],
        }
        assert len(world.told(AYSE)) == 3
        assert town.account("sube46").state is AccountState.CLOSED

    def test_a_school_is_renewed_in_its_window_and_never_warned(self, town: Harness, world: World) -> None:
        lived = days_of(town, world.clock, 60)

        school = [(day, action) for day, happened in lived.items() for action, login in happened if login == "okul46"]
        assert [action for _, action in school] == ["rotate", "rotate"]
        assert 20 <= school[0][0] <= 28
        assert world.told(CAN) == []

    def test_nothing_is_done_before_it_is_due_or_twice(self, town: Harness, world: World) -> None:
        world.clock.advance(23 * DAY - HOUR)
        assert [one for one in said(sweep(town)) if one[1] == "sube46"] == []

        world.clock.advance(HOUR)
        assert ("warn", "sube46") in said(sweep(town))
        assert sweep(town) == []

    def test_after_a_long_silence_only_the_last_warning_is_sent(self, town: Harness, world: World) -> None:
        """Nobody needs three messages at once, of which two are not true any more."""
        world.clock.advance(29 * DAY + HOUR)

        assert [one for one in said(sweep(town)) if one[1] == "sube46"] == [("warn", "sube46")]
        assert len(world.told(AYSE)) == 1

    def test_after_a_long_silence_nobody_is_closed_without_a_warning(self, town: Harness, world: World) -> None:
        world.clock.advance(34 * DAY)
        assert [one for one in said(sweep(town)) if one[1] == "sube46"] == [("warn", "sube46")]

        world.clock.advance(DAY - HOUR)
        assert [one for one in said(sweep(town)) if one[1] == "sube46"] == []
        world.clock.advance(HOUR)
        assert [one for one in said(sweep(town)) if one[1] == "sube46"] == [("close", "sube46")]

    def test_whoever_cannot_be_warned_is_closed_a_week_later(self, town: Harness, world: World) -> None:
        """A password must not live on because its owner has no telephone (001 ¶2)."""
        town.know(persons=[attrs.evolve(AYSE, mobile=None)])
        lived = days_of(town, world.clock, 40)

        assert [day for day, happened in lived.items() if ("close", "sube46") in happened] == [37]

    def test_a_stricter_rule_closes_nobody_without_a_warning(self, town: Harness, world: World) -> None:
        world.clock.advance(15 * DAY)
        strict = RuleSet(name="renewal", rules=(RenewOrClose(days=10, warn_days=(3,)),))
        harness = world.start(strict, fingerprint="2")

        assert ("warn", "sube46") in said(sweep(harness))
        assert harness.account("sube46").state is AccountState.OPEN

    def test_a_renewal_that_is_stuck_half_way_puts_off_no_closing(self, town: Harness, world: World) -> None:
        """The old password may still log in somewhere."""
        run_out(town, world)
        world.target.faults.on("account_rotate", Fault.LOSE_REQUEST)
        world.target.faults.on("account_probe", Fault.CANNOT_CONNECT)
        [stuck] = town.rotate(["sube46"])
        assert stuck.state is OperationState.INCOMPLETE
        world.target.faults.clear()

        assert ("close", "sube46") in said(sweep(town))
        assert town.account("sube46").state is AccountState.CLOSED

    def test_a_renewal_that_is_late_saves_the_account_from_being_closed(self, town: Harness, world: World) -> None:
        """The sweeps did not run for months; both are due, and the password can be renewed."""
        world.clock.advance(90 * DAY)

        operations = [one for one in sweep(town) if isinstance(one, Operation) and one.login == "okul46"]
        assert [operation.kind for operation in operations] == [OperationKind.ROTATE]
        assert town.account("okul46").state is AccountState.OPEN

    def test_a_renewal_that_does_not_work_is_followed_by_the_warning(self, town: Harness, world: World) -> None:
        world.target.faults.on("account_rotate", Fault.REFUSE)
        world.clock.advance(29 * DAY + HOUR)

        assert [one for one in said(sweep(town)) if one[1] == "okul46"] == [("rotate", "okul46"), ("warn", "okul46")]

    def test_and_in_the_end_by_the_closing(self, town: Harness, world: World) -> None:
        world.target.faults.on("account_rotate", Fault.REFUSE)
        run_out(town, world)

        assert [one for one in said(sweep(town)) if one[1] == "okul46"] == [("close", "okul46"), ("rotate", "okul46")]
        assert town.account("okul46").state is AccountState.CLOSED

    def test_renewing_by_hand_puts_the_closing_off(self, town: Harness, world: World) -> None:
        world.clock.advance(25 * DAY)
        town.rotate(["sube46"])
        world.clock.advance(6 * DAY)

        assert [one for one in said(sweep(town)) if one[1] == "sube46"] == []
        assert town.account("sube46").next_deadline == world.clock() + 17 * DAY

    def test_a_closed_account_can_be_reopened_and_starts_anew(self, town: Harness, world: World) -> None:
        run_out(town, world)
        sweep(town)
        town.reopen(["sube46"])

        assert town.account("sube46").next_deadline == world.clock() + 23 * DAY
        assert (town.account("sube46").opened_at, town.account("sube46").closed_at) == (world.clock(), None)

    def test_policies_sign_with_their_name_and_source(self, town: Harness, world: World) -> None:
        run_out(town, world)

        closing = next(one for one in sweep(town) if isinstance(one, Operation) and one.kind is OperationKind.CLOSE)
        assert (closing.actor, closing.reason) == ("policy:renewal", "001 ¶2")


class TestWhatDoesNotWork:
    def test_a_warning_that_was_not_delivered_stays_due(self, town: Harness, world: World) -> None:
        world.phones.faults.on("notice_deliver", Fault.CANNOT_CONNECT)
        world.clock.advance(23 * DAY)
        [warning] = [one for one in sweep(town) if isinstance(one, Notice)]
        assert warning.error

        world.phones.faults.clear()
        assert said(sweep(town)) == [("warn", "sube46")]
        assert len(world.told(AYSE)) == 1

    def test_a_warning_whose_answer_was_lost_is_not_sent_twice(self, town: Harness, world: World) -> None:
        world.phones.faults.on("notice_deliver", Fault.APPLY_AND_LOSE_ANSWER)
        world.clock.advance(23 * DAY)

        assert said(sweep(town)) == [("warn", "sube46")]
        assert len(world.told(AYSE)) == 1
        assert sweep(town) == []

    def test_a_crash_after_the_message_sends_it_again_under_the_same_id(self, town: Harness, world: World) -> None:
        """A warning may come twice, and must not be lost. A gateway that knows the id sends it once."""
        world.clock.advance(23 * DAY)
        town.on_record = crash_before(DeadlineMet)
        with pytest.raises(KeyboardInterrupt):
            sweep(town)
        successor = world.start(RENEWAL, SCHOOLS)

        assert sweep(successor) == []
        world.clock.advance(HOUR)
        assert said(sweep(successor)) == [("warn", "sube46")]
        assert len(world.told(AYSE)) == 1

    def test_a_warning_that_the_gateway_took_and_refused_is_sent_once_more(self, town: Harness, world: World) -> None:
        """Nobody looks at its report otherwise, and the account is closed unwarned."""
        world.clock.advance(23 * DAY)
        told = list[int]()
        for _ in range(4):
            swept = said(sweep(town))
            told.append(len(swept))
            known = town.store.notices.of_subjects(["sube46"])["sube46"]
            town.app.deliveries.report(known[-1].id, MessageState.REJECTED)
            world.clock.advance(HOUR)

        assert told == [1, 1, 0, 0]
        [undelivered] = town.store.notices.undelivered(world.clock() - DAY)
        assert (undelivered.subject, undelivered.attempts) == ("sube46", 2)

    def test_a_reminder_that_was_refused_does_not_forget_when_the_duty_was_last_done(self, world: World) -> None:
        """The next one would ask for the backup of another date, and be counted as another reminder."""
        harness = world.start(RuleSet(name="backup", rules=(BackupDuty(),)))
        harness.know(units=[SCHOOL], persons=[CAN])
        sweep(harness)
        harness.open(["s"])
        world.clock.advance(40 * DAY)
        harness.app.deadlines.confirm("okul46", "backup", actor=CAN.id)
        [confirmed] = harness.store.marks.get_many(["okul46"])["okul46"]
        world.clock.advance(95 * DAY)
        for _ in range(3):
            sweep(harness)
            [notice] = harness.store.notices.of_subjects(["okul46"])["okul46"]
            harness.app.deliveries.report(notice.id, MessageState.REJECTED)
            world.clock.advance(HOUR)

        first, again = world.told(CAN)
        assert first == again
        [mark] = harness.store.marks.get_many(["okul46"])["okul46"]
        assert mark.confirmed_at == confirmed.confirmed_at

    def test_a_crash_loses_a_report_that_was_quicker_than_the_answer(self, world: World) -> None:
        """The gateway sends it once. Nobody hears that the warning was refused, and the account is closed unwarned."""
        world.phones = FaultChannel(QuickReports(lambda: town.app.deliveries.report_part))
        town = world.start(RENEWAL)
        town.know(units=[OFFICE], persons=[AYSE])
        sweep(town)
        town.open(["o"])
        world.clock.advance(23 * DAY)
        town.on_record = crash_before(NoticeChanged)
        with pytest.raises(KeyboardInterrupt):
            sweep(town)
        successor = world.start(RENEWAL)

        assert said(sweep(successor)) == [("warn", "sube46")]
        assert len(world.told(AYSE)) == 1
        assert said(sweep(successor)) == [("warn", "sube46")]
        assert len(world.told(AYSE)) == 2
        assert sweep(successor) == []

    def test_a_warning_whose_answer_was_lost_and_that_was_reported_keeps_an_account_open(
        self, town: Harness, world: World
    ) -> None:
        world.phones.faults.on("notice_deliver", Fault.APPLY_AND_LOSE_ANSWER)
        world.phones.faults.on("delivery_probe", Fault.CANNOT_CONNECT)
        world.clock.advance(23 * DAY)
        [lost] = [one for one in sweep(town) if isinstance(one, Notice)]
        assert lost.error
        [known] = town.store.notices.of_subjects(["sube46"])["sube46"]
        town.app.deliveries.report(known.id, MessageState.DELIVERED)
        world.phones.faults.clear()

        assert said(sweep(town)) == [("warn", "sube46")]
        assert sweep(town) == []
        assert len(world.told(AYSE)) == 1

    def test_one_without_a_phone_keeps_nobody_else_from_being_renewed(self, world: World) -> None:
        harness = world.start(RuleSet(name="all", rules=(AutoRotate(),)))
        harness.know(units=[OFFICE, SCHOOL], persons=[AYSE, CAN])
        sweep(harness)
        harness.open(["o", "s"])
        harness.know(persons=[attrs.evolve(AYSE, mobile=None)])
        world.clock.advance(28 * DAY)

        assert said(sweep(harness)) == [("refused", "sube46"), ("rotate", "okul46")]

    def test_one_whom_nobody_knows_keeps_nobody_else_from_being_renewed(self, world: World) -> None:
        harness = world.start(RuleSet(name="all", rules=(AutoRotate(),)))
        harness.know(units=[OFFICE, SCHOOL], persons=[AYSE, CAN])
        sweep(harness)
        harness.open(["o", "s"])
        harness.hand_over("sube46", to="2")
        harness.store.persons.save([])
        account = attrs.evolve(harness.account("sube46"), holder="gone")
        with harness.store._database.write() as connection:
            connection.exec_driver_sql("UPDATE accounts SET holder = 'gone' WHERE login = ?", (account.login,))
        world.clock.advance(28 * DAY)

        assert said(sweep(harness)) == [("refused", "sube46"), ("rotate", "okul46")]

    def test_a_protected_account_is_refused_and_left_alone(self, world: World) -> None:
        harness = world.start(RENEWAL)
        harness.know(units=[OFFICE, SCHOOL], persons=[AYSE, CAN])
        sweep(harness)
        harness.open(["o", "s"])
        guarded = world.start(RENEWAL, protected=["sube46"])
        run_out(guarded, world)

        assert said(sweep(guarded)) == [("close", "okul46"), ("refused", "sube46")]
        assert guarded.account("sube46").state is AccountState.OPEN

    def test_a_dead_gateway_does_not_keep_accounts_from_being_closed(self, town: Harness, world: World) -> None:
        world.phones.faults.on("channel_check", Fault.CANNOT_CONNECT)
        world.phones.faults.on("secret_deliver", Fault.CANNOT_CONNECT)
        world.phones.faults.on("notice_deliver", Fault.CANNOT_CONNECT)
        world.clock.advance(37 * DAY)

        swept: list[Swept] = []
        with pytest.raises(Exception, match="not ready"):
            swept.extend(town.sweep().run())
        assert town.account("sube46").state is AccountState.CLOSED

    def test_who_was_warned_at_last_is_not_closed_because_a_reminder_was_refused(self, world: World) -> None:
        """The gateway takes no message about the backup, also none about both; it takes the one about the password."""

        class Choosy(MemoryChannel):
            @hookimpl
            def notice_deliver(self, request: DeliverNotice) -> DeliveryReceipt:
                if "back up" in request.text:
                    raise ForbiddenError("refused")
                return super().notice_deliver(request)

        world.phones.inner = Choosy()
        harness = world.start(RENEWAL, RuleSet(name="backup", rules=(BackupDuty(),)))
        harness.know(units=[OFFICE], persons=[AYSE])
        sweep(harness)
        harness.open(["o"])
        world.clock.advance(200 * DAY)

        assert said(sweep(harness)) == [("duty", "sube46"), ("warn", "sube46")]
        assert len(world.told(AYSE)) == 1
        assert harness.account("sube46").state is AccountState.OPEN

    def test_an_operation_that_waits_for_its_next_try_is_left_alone(self, town: Harness, world: World) -> None:
        world.target.faults.on("account_close", Fault.LOSE_REQUEST)
        world.target.faults.on("account_probe", Fault.CANNOT_CONNECT)
        run_out(town, world)
        first = [one for one in sweep(town) if isinstance(one, Operation) and one.login == "sube46"]
        assert [one.state for one in first] == [OperationState.INCOMPLETE]
        tries = world.target.faults.calls["account_close"]

        again = [one for one in sweep(town) if isinstance(one, Operation) and one.login == "sube46"]
        assert [(one.id, one.state) for one in again] == [(first[0].id, OperationState.INCOMPLETE)]
        assert world.target.faults.calls["account_close"] == tries

        world.target.faults.clear()
        world.clock.advance(DAY)
        assert OperationState.DONE in [one.state for one in sweep(town) if isinstance(one, Operation)]

    def test_a_renewal_that_waits_for_its_next_try_is_not_tried_before(self, town: Harness, world: World) -> None:
        world.target.faults.on("account_rotate", Fault.CANNOT_CONNECT)
        world.clock.advance(29 * DAY + HOUR)
        sweep(town)
        tries = world.target.faults.calls["account_rotate"]
        sweep(town)

        assert world.target.faults.calls["account_rotate"] == tries

    @pytest.mark.parametrize("when", ["it is taken up again", "it is carried out"])
    def test_a_defect_at_one_operation_keeps_nobody_else_from_being_warned_and_closed(
        self, town: Harness, world: World, when: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        world.target.faults.on("account_rotate", Fault.CANNOT_CONNECT)
        [stuck] = town.rotate(["okul46"])
        assert stuck.state is OperationState.INCOMPLETE

        def fail(_: object, operations: Sequence[Operation] = ()) -> NoReturn:
            assert all(operation.login == "okul46" for operation in operations)
            raise OverflowError

        place: type = Planner if when == "it is taken up again" else Execution
        monkeypatch.setattr(place, "all_again" if place is Planner else "_accepted_secret", fail)
        lived = days_of(town, world.clock, 30)

        assert [day for day, happened in lived.items() if ("warn", "sube46") in happened] == [23, 27, 29]
        assert town.account("sube46").state is AccountState.CLOSED

    @pytest.mark.parametrize("error", [ForbiddenError("HTTP 403"), TransientError("HTTP 500")])
    def test_one_who_cannot_be_asked_about_keeps_nobody_else_from_being_warned(
        self, world: World, error: TargetError
    ) -> None:
        """Nine are warned and closed in time. The tenth is named by every sweep, and not closed unwarned."""
        staff, harness = staffed(world, RENEWAL)
        world.clock.advance(22 * DAY)
        staff.errors["p3"] = error
        lived = {}
        for day in range(23, 42):
            world.clock.advance(DAY)
            lived[day] = sweep(harness)

        others = {f"sube{n}" for n in range(10)} - {"sube3"}
        told = {day: {one.subject for one in lived[day] if isinstance(one, Notice) and not one.error} for day in lived}
        closed = {day: {one.login for one in lived[day] if isinstance(one, Operation)} for day in lived}
        assert {day: logins for day, logins in told.items() if logins} == dict.fromkeys((23, 27, 29), others)
        assert {day: logins for day, logins in closed.items() if logins} == {30: others}
        for swept in lived.values():
            [notice] = [one for one in swept if isinstance(one, Notice) and one.error]
            assert (notice.subject, str(notice.error)) == ("sube3", str(error))
        assert harness.account("sube3").state is AccountState.OPEN

        staff.errors.clear()
        assert said(sweep(harness)) == [("warn", "sube3")]
        world.clock.advance(DAY)
        assert said(sweep(harness)) == [("close", "sube3")]

    def test_one_who_cannot_be_asked_about_keeps_nobody_else_from_being_renewed(self, world: World) -> None:
        staff, harness = staffed(world, RuleSet(name="all", rules=(AutoRotate(),)))
        staff.errors["p3"] = ForbiddenError("HTTP 403")
        world.clock.advance(28 * DAY)
        swept = sweep(harness)

        assert {one.login for one in swept if isinstance(one, Operation)} == {f"sube{n}" for n in range(10)} - {"sube3"}
        [refusal] = [one for one in swept if isinstance(one, Refusal)]
        assert refusal.login == "sube3"
        assert "HTTP 403" in str(refusal.reason)

    def test_after_an_outage_of_the_personnel_system_nobody_is_closed_unwarned(self, world: World) -> None:
        staff, harness = staffed(world, RENEWAL)
        world.clock.advance(22 * DAY)
        staff.errors |= dict.fromkeys([f"p{n}" for n in range(10)], UnavailableError("down"))
        for _ in range(17):
            world.clock.advance(DAY)
            assert not [one for one in sweep(harness) if isinstance(one, Operation)]
        staff.errors.clear()
        world.clock.advance(DAY)

        assert said(sweep(harness)) == [("warn", f"sube{n}") for n in range(10)]
        world.clock.advance(DAY)
        assert said(sweep(harness)) == [("close", f"sube{n}") for n in range(10)]

    def test_a_renewal_that_is_stuck_does_not_keep_the_holder_from_being_warned(
        self, town: Harness, world: World
    ) -> None:
        """The closing does not wait for it."""
        world.target.faults.on("account_rotate", Fault.LOSE_REQUEST)
        world.target.faults.on("account_probe", Fault.CANNOT_CONNECT)
        [stuck] = town.rotate(["sube46"])
        assert stuck.state is OperationState.INCOMPLETE
        lived = days_of(town, world.clock, 30)

        assert [day for day, happened in lived.items() if ("warn", "sube46") in happened] == [23, 27, 29]

    def test_a_rule_that_fails_is_told_by_every_sweep_with_its_accounts(self, world: World) -> None:
        """What only a log knows of is taken for an account of which nothing is wanted."""
        harness = world.start(RENEWAL, RuleSet(name="broken", rules=(FailsFor(login="okul46"),)))
        harness.know(units=[OFFICE, SCHOOL], persons=[AYSE, CAN])
        sweep(harness)
        harness.open(["o", "s"])

        for day in (1, 22):
            world.clock.advance(day * DAY)
            swept = sweep(harness)
            failures = [one for one in swept if isinstance(one, RuleFailure)]
            assert [(failure.login, failure.rule_set) for failure in failures] == [("okul46", "broken")]
        assert sorted(one.subject for one in swept if isinstance(one, Notice)) == ["okul46", "sube46"]

    def test_a_defect_in_a_part_of_the_sweep_is_told_after_the_rest_was_done(
        self, town: Harness, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_out(town, world)
        monkeypatch.setattr(Policy, "observations", lambda *_: 1 / 0)

        with pytest.raises(ZeroDivisionError):
            sweep(town)
        assert town.account("sube46").state is AccountState.CLOSED

    def test_a_mass_closing_is_held_back_before_the_first_one(self, world: World) -> None:
        harness = world.start(RENEWAL)
        units = [attrs.evolve(OFFICE, code=f"o{n}", login=f"sube{n}") for n in range(120)]
        harness.know(units=units, persons=[AYSE])
        sweep(harness)
        harness.open([unit.code for unit in units])
        run_out(harness, world)

        states = [one.state for one in sweep(harness) if isinstance(one, Operation)]
        assert states == [OperationState.STAGED] * 120
        assert world.target.faults.calls["account_close"] == 0
        again = [one.state for one in sweep(harness) if isinstance(one, Operation)]
        assert again == [OperationState.STAGED] * 120

    def test_who_can_be_renewed_after_all_is_not_held_back_to_be_closed(self, world: World) -> None:
        """When the gateway was dead for days, half of the accounts may have been held back until it works again."""
        harness = world.start(RENEWAL, SCHOOLS, limit=MassChangeLimit(from_accounts=1))
        harness.know(units=[SCHOOL], persons=[CAN])
        sweep(harness)
        harness.open(["s"])
        harness.know(persons=[attrs.evolve(CAN, mobile=None)])
        world.clock.advance(37 * DAY)
        assert said(sweep(harness)) == [("close", "okul46"), ("refused", "okul46")]
        assert said(sweep(harness)) == [("close", "okul46"), ("refused", "okul46")]
        harness.know(persons=[CAN])

        assert said(sweep(harness)) == [("rotate", "okul46")]
        assert harness.store.held_runs.all() == []
        assert sweep(harness) == []

    def test_what_a_person_was_held_back_with_is_left_alone(self, world: World) -> None:
        harness = world.start(SCHOOLS, limit=MassChangeLimit(from_accounts=1))
        harness.know(units=[SCHOOL], persons=[CAN])
        sweep(harness)
        harness.open(["s"])
        [staged] = harness.close_accounts(["okul46"])
        assert staged.state is OperationState.STAGED
        world.clock.advance(30 * DAY)

        assert said(sweep(harness)) == [("close", "okul46")]
        assert staged.staging
        assert [operation.kind for operation in harness.store.held_runs.operations(staged.staging)] == [
            OperationKind.CLOSE
        ]

    def test_the_daily_limit_closes_no_account_unwarned(self, world: World) -> None:
        """The limit is ours, and the gateway works: a closure waits for its warning."""
        people = [attrs.evolve(AYSE, id=str(number), mobile=f"+9053200000{number:02}") for number in range(1, 21)]
        units = [
            attrs.evolve(OFFICE, code=f"o{person.id}", login=f"b{person.id}", custodian=person.id) for person in people
        ]
        limit = MassChangeLimit(percent=100)
        town = world.start(RENEWAL, deliveries={"sms": {"max_per_day": 20}}, limit=limit)
        town.know(units=units, persons=people)
        sweep(town)
        town.open([unit.code for unit in units])
        town = world.start(RENEWAL, deliveries={"sms": {"max_per_day": 1}}, limit=limit)

        for _ in range(45):
            sweep(town)
            world.clock.advance(DAY)

        closed = [person for person in people if town.account(f"b{person.id}").state is AccountState.CLOSED]
        assert [person.id for person in closed if not world.told(person)] == []
        assert closed


class TestWhenAskedToStop:
    def test_nothing_more_is_planned_and_nobody_told(self, town: Harness, world: World) -> None:
        world.clock.advance(30 * DAY)
        town.on_record = lambda events: _stop_when_planned(town, events)

        assert said(sweep(town)) == [("rotate", "okul46")]
        assert world.told(CAN) == []
        assert town.store.operations.unended(["sube46"]) == {}

    def test_of_many_notices_those_that_were_not_begun_are_left_for_the_next_sweep(self, world: World) -> None:
        def stop(events: Sequence[Event]) -> None:
            if any(isinstance(event, NoticeEnded) for event in events):
                harness.stop.set()

        units = [attrs.evolve(OFFICE, code=f"o{n}", login=f"sube{n}", custodian=f"p{n}") for n in range(60)]
        persons = [attrs.evolve(AYSE, id=f"p{n}", mobile=f"+9053200001{n:02}") for n in range(60)]
        harness = world.start(RENEWAL)
        harness.know(units=units, persons=persons)
        sweep(harness)
        harness.open([unit.code for unit in units])
        world.clock.advance(23 * DAY)
        harness.on_record = stop
        first = sweep(harness)
        harness.stop.clear()
        harness.on_record = lambda _: None

        assert 0 < len(first) < 60
        assert len(first) + len(sweep(harness)) == 60
        assert [len(world.told(person)) for person in persons] == [1] * 60

    def test_what_is_left_is_told_of_once(self, town: Harness, world: World) -> None:
        world.clock.advance(28 * DAY)
        town.on_record = lambda events: _stop_when_planned(town, events)
        sweep(town)
        town.stop.clear()
        town.on_record = lambda _: None
        world.target.faults.on("account_rotate", Fault.APPLY_AND_LOSE_ANSWER)
        world.target.faults.on("account_probe", Fault.CANNOT_CONNECT)

        assert [one for one in said(sweep(town)) if one[0] == "rotate"] == [("rotate", "okul46")]


def _stop_when_planned(harness: Harness, events: Sequence[Event]) -> None:
    if any(isinstance(event, OperationPlanned) for event in events):
        harness.stop.set()


class TestTwoAtOnce:
    def test_another_sweep_that_saw_the_same_renews_nothing_again(self, town: Harness, world: World) -> None:
        """Two machines sweep at the same time; the second one planned with what it read before."""
        world.clock.advance(28 * DAY)
        other = world.start(RENEWAL, SCHOOLS)
        stale = other.planner.rotate([other.account("okul46")], initiator=INITIATOR)
        sweep(town)
        changed_at = town.account("okul46").password_changed_at

        [answer] = other.run(stale)
        assert answer.error
        assert answer.error.name == "BusyError"
        assert town.account("okul46").password_changed_at == changed_at

    def test_nobody_is_warned_whom_the_other_one_is_renewing(self, town: Harness, world: World) -> None:
        world.clock.advance(28 * DAY)
        other = world.start(RENEWAL, SCHOOLS)

        def overtake(events: Sequence[Event]) -> None:
            if any(isinstance(event, OperationPlanned) for event in events):
                town.on_record = lambda _: None
                sweep(other)

        town.on_record = overtake
        sweep(town)
        assert world.told(CAN) == []

    def test_three_sweeps_at_once_send_each_warning_once(self, world: World) -> None:
        """The second one must not take the first one's message for one that a crash left, nor the third one the second
        one's.
        """
        processes = [world.start(RENEWAL) for _ in range(3)]
        units = [attrs.evolve(OFFICE, code=f"o{n}", login=f"birim{n}", custodian=f"p{n}") for n in range(40)]
        persons = [attrs.evolve(AYSE, id=f"p{n}", mobile=f"+9053200001{n:02}") for n in range(40)]
        processes[0].know(units=units, persons=persons)
        sweep(processes[0])
        processes[0].open([unit.code for unit in units])
        world.clock.advance(23 * DAY)
        with ThreadPoolExecutor(len(processes)) as pool:
            told = [one for swept in pool.map(sweep, processes) for one in swept]

        assert sorted(one.subject for one in told if isinstance(one, Notice) and not one.error) == sorted(
            unit.login or "" for unit in units
        )
        assert [len(world.told(person)) for person in persons] == [1] * 40

    @pytest.mark.parametrize("skew", [timedelta(seconds=-5), timedelta(seconds=5)])
    def test_a_clock_some_seconds_off_renews_nothing_again(self, town: Harness, world: World, skew: timedelta) -> None:
        world.clock.advance(28 * DAY)
        sweep(town)
        world.clock.advance(skew)

        assert [one for one in said(sweep(town)) if one[0] == "rotate"] == []


class TestClock:
    """The command line asks whether the clock is right before it begins; who calls a sweep otherwise may not."""

    @pytest.mark.parametrize("jump", [46 * DAY, -2 * DAY])
    def test_a_sweep_by_a_clock_that_nobody_confirms_warns_and_closes_nobody(
        self, town: Harness, world: World, jump: timedelta
    ) -> None:
        before = town.account("sube46")
        world.clock.advance(jump)
        unconfirmed = attrs.evolve(town.sweep(), clock_confirmed_by=None)

        with pytest.raises(ClockError):
            list(unconfirmed.run())

        assert town.account("sube46") == before
        assert world.told(AYSE) == []


class TestRescheduling:
    def test_changed_rules_hold_for_accounts_that_are_there(self, town: Harness, world: World) -> None:
        strict = RuleSet(name="renewal", rules=(RenewOrClose(days=10, warn_days=(3,)),))
        harness = world.start(strict, fingerprint="2")
        sweep(harness)

        assert harness.account("sube46").next_deadline == world.clock() + 7 * DAY

    def test_the_same_rules_compute_nothing_anew(self, town: Harness, world: World) -> None:
        harness = world.start(RENEWAL, SCHOOLS)
        events: list[Event] = []
        harness.on_record = events.extend
        sweep(harness)

        assert [event for event in events if isinstance(event, RulesChanged)] == []

    def test_a_crash_in_the_middle_goes_on_from_there(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        harness = world.start(RENEWAL)
        units = [attrs.evolve(OFFICE, code=f"o{n:03}", login=f"sube{n:03}") for n in range(20)]
        harness.know(units=units, persons=[AYSE])
        harness.open([unit.code for unit in units])
        monkeypatch.setitem(Reader.pages.__kwdefaults__ or {}, "size", 5)
        saved: list[str] = []
        save = harness.store.schedule.save

        def crash_at_the_third_page(accounts: Sequence[object], **more: str) -> None:
            if len(saved) == 2:
                raise KeyboardInterrupt
            saved.append(more["reached"])
            save(accounts, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(harness.store.schedule, "save", crash_at_the_third_page)
        strict = RuleSet(name="renewal", rules=(RenewOrClose(days=10, warn_days=(3,)),))
        harness.policy.rule_sets, harness.policy.fingerprint = (strict,), "2"
        with pytest.raises(KeyboardInterrupt):
            sweep(harness)
        assert harness.store.schedule.state().cursor == "sube009"

        successor = world.start(strict, fingerprint="2")
        events: list[Event] = []
        successor.on_record = events.extend
        sweep(successor)
        assert [event for event in events if isinstance(event, RulesChanged)] == []
        assert successor.store.schedule.state().cursor is None
        deadlines = {account.next_deadline for account in successor.store.accounts.find()}
        assert deadlines == {world.clock() + 7 * DAY}

    def test_a_unit_of_another_kind_gets_other_deadlines(self, town: Harness, world: World) -> None:
        town.know(units=[attrs.evolve(OFFICE, kind="school")])
        sweep(town)

        due = town.account("sube46").next_deadline
        assert due is not None
        assert world.clock() + 20 * DAY <= due < world.clock() + 27 * DAY

    def test_a_rule_set_that_is_gone_begins_anew_when_it_comes_back(self, town: Harness, world: World) -> None:
        sweep(world.start(RENEWAL, fingerprint="2"))
        world.clock.advance(DAY)
        back = world.start(RENEWAL, SCHOOLS, fingerprint="3")
        sweep(back)

        assert back.store.schedule.rule_sets_since()["schools"] == world.clock()


class TestWhatChangesMeanwhile:
    """A sweep takes long. What it read at the beginning can be outdated at the end."""

    @pytest.fixture(name="offices")
    def _offices(self, world: World, monkeypatch: pytest.MonkeyPatch) -> Harness:
        """Two offices of each of two persons, who are told of them one after the other, after the last page."""
        monkeypatch.setattr("provisioner.core.policy.telling.PAGE", 2)
        units = [attrs.evolve(OFFICE, code=f"o{n}", login=f"b{n}", custodian="12"[n // 2]) for n in range(4)]
        labs = RuleSet(name="labs", rules=(RenewOrClose(days=90),), scope=Scope(kinds=frozenset({"lab"})))
        harness = world.start(RENEWAL, labs)
        harness.know(units=[*units, SCHOOL], persons=[AYSE, CAN])
        sweep(harness)
        harness.open(["s"])
        world.clock.advance(7 * DAY)
        harness.open([unit.code for unit in units])
        world.clock.advance(22 * DAY)
        sweep(harness)
        world.clock.advance(DAY)
        return harness

    def test_who_renews_while_others_are_told_is_not_warned(self, offices: Harness, world: World) -> None:
        other = world.start(*offices.policy.rule_sets)
        once_told(offices, lambda: other.rotate(["b2", "b3"]))

        assert said(sweep(offices)) == [("close", "okul46"), ("warn", "b0"), ("warn", "b1")]
        assert all("b2" not in text for text in world.told(CAN))

    def test_no_account_is_closed_by_a_rule_that_has_stopped_to_apply_to_its_unit(
        self, offices: Harness, world: World
    ) -> None:
        """It was read before people were told, and is closed after that."""
        other = world.start(*offices.policy.rule_sets)
        once_told(offices, lambda: other.know(units=[attrs.evolve(SCHOOL, kind="lab")]))

        assert ("close", "okul46") not in said(sweep(offices))
        assert offices.account("okul46").state is AccountState.OPEN


class TestOtherRules:
    def test_a_duty_is_told_weekly_until_it_is_confirmed(self, world: World) -> None:
        harness = world.start(RuleSet(name="backup", rules=(BackupDuty(),)))
        harness.know(units=[SCHOOL], persons=[CAN])
        sweep(harness)
        harness.open(["s"])
        world.clock.advance(95 * DAY)

        assert said(sweep(harness)) == [("duty", "okul46")]
        assert sweep(harness) == []
        world.clock.advance(8 * DAY)
        assert said(sweep(harness)) == [("duty", "okul46")]

    def test_a_closed_account_is_deleted_once(self, world: World) -> None:
        harness = world.start(RuleSet(name="old", rules=(Retention(days=180),)))
        harness.know(units=[OFFICE], persons=[AYSE])
        sweep(harness)
        harness.open(["o"])
        harness.close_accounts(["sube46"])
        closed_at = harness.account("sube46").closed_at
        world.clock.advance(181 * DAY)

        assert said(sweep(harness)) == [("delete", "sube46")]
        assert harness.account("sube46").closed_at == closed_at
        world.clock.advance(DAY)
        assert sweep(harness) == []
        assert harness.account("sube46").next_deadline is None
        [reopened] = harness.reopen(["sube46"])
        assert reopened.state is OperationState.DONE

    def test_a_deletion_that_is_driven_on_is_not_done_once_more(self, world: World) -> None:
        harness = world.start(RuleSet(name="old", rules=(Retention(days=180),)))
        harness.know(units=[OFFICE], persons=[AYSE])
        sweep(harness)
        harness.open(["o"])
        harness.close_accounts(["sube46"])
        world.target.faults.on("account_delete", Fault.APPLY_AND_LOSE_ANSWER)
        world.target.faults.on("account_probe", Fault.CANNOT_CONNECT)
        world.clock.advance(181 * DAY)
        [stuck] = sweep(harness)
        assert isinstance(stuck, Operation)
        assert stuck.state is OperationState.INCOMPLETE
        world.target.faults.clear()
        world.clock.advance(DAY)

        assert said(sweep(harness)) == [("delete", "sube46")]
        assert sweep(harness) == []
        assert harness.account("sube46").next_deadline is None

    def test_a_deletion_that_somebody_released_is_not_held_back_once_more(self, world: World) -> None:
        old = RuleSet(name="old", rules=(Retention(days=180),))
        units = [attrs.evolve(OFFICE, code=f"o{n}", login=f"sube{n}") for n in range(4)]
        harness = world.start(old)
        harness.know(units=units, persons=[AYSE])
        sweep(harness)
        harness.open([unit.code for unit in units])
        harness.close_accounts(["sube0"])
        world.clock.advance(181 * DAY)
        limited = world.start(old, limit=MassChangeLimit(from_accounts=3))
        assert [one.state for one in sweep(limited) if isinstance(one, Operation)] == [OperationState.STAGED]
        [run] = limited.store.held_runs.all()
        assert [one.state for one in limited.release(run.id)] == [OperationState.DONE]

        assert sweep(limited) == []
        assert limited.store.held_runs.all() == []
        assert limited.account("sube0").next_deadline is None

    def test_a_custodian_who_is_imported_without_a_handover_is_reminded_of_it(self, world: World) -> None:
        harness = world.start(RuleSet(name="custodians", rules=(Custodian(),)))
        harness.know(units=[OFFICE], persons=[AYSE, CAN])
        sweep(harness)
        harness.open(["o"])
        assert sweep(harness) == []
        harness.know(units=[attrs.evolve(OFFICE, custodian=CAN.id)])

        assert said(sweep(harness)) == [("duty", "sube46")]

    def test_after_a_handover_nothing_is_due_that_the_handover_has_settled(self, world: World) -> None:
        harness = world.start(RuleSet(name="custodians", rules=(Custodian(),)))
        harness.know(units=[OFFICE], persons=[AYSE, CAN])
        sweep(harness)
        harness.open(["o"])
        harness.hand_over("sube46", CAN.id)

        assert harness.account("sube46").next_deadline is None

    def test_where_nobody_holds_the_account_the_unit_above_is_told(self, world: World) -> None:
        province = Unit(code="46", name="İl", kind="province", custodian="2")
        harness = world.start(RuleSet(name="nag", rules=(Nag(at=world.clock()),)))
        harness.know(units=[province, attrs.evolve(OFFICE, parent="46", custodian=None)], persons=[CAN])
        with harness.store._database.write() as connection:
            connection.exec_driver_sql(
                "INSERT INTO accounts (login, domain, unit, kind, state, next_deadline)"
                " VALUES ('sube46', 'meb.gov.tr', 'o', ?, 'open', '2026-01-01 00:00:00.000000')",
                (AccountKind.UNIT.value,),
            )

        assert said(sweep(harness)) == [("duty", "sube46")]
        assert len(world.told(CAN)) == 1

    def test_a_certificate_that_runs_out_is_told_once(self, world: World) -> None:
        harness = world.start(RuleSet(name="tls", monitors=(Looks(at=world.clock()),)))
        harness.know(persons=[AYSE])

        assert said(sweep(harness)) == [("unseen", ""), ("warn", "ldap.pem")]
        assert said(sweep(harness)) == [("unseen", "")]
        assert len(world.told(AYSE)) == 1


@attrs.frozen(kw_only=True)
class FailsFor(Rule):
    """Has a defect that one account meets."""

    login: str

    def deadlines(self, facts: Facts) -> Sequence[Deadline]:
        if facts.account.login == self.login:
            raise OverflowError
        return []


@attrs.frozen(kw_only=True)
class Nag(Rule):
    """Reminds everybody once."""

    at: datetime

    def deadlines(self, facts: Facts) -> Sequence[Deadline]:
        return [Deadline(action=Action.DUTY, at=self.at, reason=Text("do it"), source="test")]


@attrs.frozen(kw_only=True)
class Looks(Monitor):
    """Sees one certificate that runs out, and one that it cannot see."""

    at: datetime
    later: datetime | None = None

    def look(self, reports: Reports, time_zone: object) -> Sequence[Observation]:
        from provisioner.core.api.errors import UnavailableError

        warning = Deadline(action=Action.WARN, at=self.at, reason=Text("renew it"), source="004 m.12/d")
        warnings = (warning, *([attrs.evolve(warning, at=self.later)] if self.later else []))
        return [
            Observation(subject="ldap.pem", message=Text("runs out"), deadlines=warnings, tell="1"),
            Observation(subject="pys.pem", message=Text("not found"), error=UnavailableError("not found")),
        ]


class TestQuietHours:
    NIGHT = "22:00-08:00"

    @pytest.fixture(name="night")
    def _night(self, world: World) -> Harness:
        """An office whose first warning is due at 00:00 in Istanbul."""
        world.clock.advance(15 * HOUR)
        harness = world.start(RENEWAL, quiet_hours=self.NIGHT)
        harness.know(units=[OFFICE], persons=[AYSE])
        sweep(harness)
        harness.open(["o"])
        world.clock.advance(23 * DAY)
        return harness

    def test_a_warning_waits_for_the_first_sweep_after_them_and_the_sweep_says_so(
        self, night: Harness, world: World
    ) -> None:
        [postponed] = sweep(night)
        assert postponed == Postponed(count=1, until=world.clock() + 8 * HOUR)
        assert world.told(AYSE) == []

        world.clock.advance(8 * HOUR)
        assert said(sweep(night)) == [("warn", "sube46")]
        assert sweep(night) == []
        assert len(world.told(AYSE)) == 1

    def test_no_account_is_closed_because_its_warning_waits(self, world: World) -> None:
        world.clock.advance(15 * HOUR)
        harness = world.start(RuleSet(name="short", rules=(Short(),)), quiet_hours=self.NIGHT)
        harness.know(units=[OFFICE], persons=[AYSE])
        sweep(harness)
        harness.open(["o"])
        world.clock.advance(3 * HOUR)
        assert [type(one) for one in sweep(harness)] == [Postponed]
        assert harness.account("sube46").state is AccountState.OPEN

    @pytest.mark.parametrize("hour", range(0, 24, 3))
    def test_sweeps_that_run_at_night_only_warn_a_day_late_and_close(self, world: World, hour: int) -> None:
        """The hour of the opening, after which everything is due."""
        world.clock.advance(hour * HOUR)
        harness = world.start(RENEWAL, quiet_hours=self.NIGHT)
        harness.know(units=[OFFICE], persons=[AYSE])
        sweep(harness)
        harness.open(["o"])
        opened, happened = world.clock(), list[tuple[str, timedelta]]()
        world.clock.advance(days.at_time(opened.date() + DAY, time(3), ZoneInfo("Europe/Istanbul")) - opened)
        for _ in range(33):
            happened += [(one, world.clock() - opened) for one, login in said(sweep(harness)) if login == "sube46"]
            world.clock.advance(DAY)

        warned, *_, (last, closed) = happened
        assert {one for one, _ in happened[:-1]} == {"warn"}
        assert last == "close"
        assert 23 * DAY <= warned[1] < 25 * DAY
        assert 30 * DAY <= closed < 32 * DAY

    def test_a_warning_that_would_come_after_the_closing_is_sent_at_night(self, world: World) -> None:
        world.clock.advance(15 * HOUR)
        harness = world.start(RuleSet(name="short", rules=(Short(),)), quiet_hours=self.NIGHT)
        harness.know(units=[OFFICE], persons=[AYSE])
        sweep(harness)
        harness.open(["o"])
        world.clock.advance(HOUR)

        assert said(sweep(harness)) == [("warn", "sube46")]

    def test_passwords_are_renewed_and_sent_at_night(self, world: World) -> None:
        world.clock.advance(15 * HOUR)
        harness = world.start(SCHOOLS, quiet_hours="00:00-23:59")
        harness.know(units=[SCHOOL], persons=[CAN])
        sweep(harness)
        harness.open(["s"])
        world.clock.advance(28 * DAY)

        assert said(sweep(harness)) == [("rotate", "okul46")]

    def test_a_certificate_is_told_at_night_only_when_it_expires(self, world: World) -> None:
        world.clock.advance(15 * HOUR)
        harness = world.start(
            RuleSet(name="tls", monitors=(Looks(at=world.clock(), later=world.clock() + DAY),)), quiet_hours=self.NIGHT
        )
        harness.know(persons=[AYSE])
        assert [type(one) for one in sweep(harness)] == [Observation, Postponed]

        world.clock.advance(DAY)
        assert said(sweep(harness)) == [("unseen", ""), ("warn", "ldap.pem")]


class TestDigest:
    def test_a_person_with_many_accounts_gets_one_message_about_all(self, world: World) -> None:
        units = [attrs.evolve(OFFICE, code=f"o{n}", login=f"birim{n}") for n in range(12)]
        harness = world.start(RENEWAL)
        harness.know(units=units, persons=[AYSE])
        sweep(harness)
        harness.open([unit.code for unit in units])
        world.clock.advance(23 * DAY)

        assert len(sweep(harness)) == 12
        [text] = world.told(AYSE)
        assert text.startswith(
            "please renew the passwords of 12 accounts by 04.02.2026; otherwise they will be closed: "
        )
        assert all(f"birim{n}" in text for n in range(12))
        assert sweep(harness) == []

    def test_accounts_that_nobody_holds_are_told_of_with_those_of_the_same_person(self, world: World) -> None:
        units = [attrs.evolve(OFFICE, code=f"o{n}", login=f"birim{n}") for n in range(3)]
        harness = world.start(RENEWAL)
        harness.know(units=units, persons=[AYSE])
        sweep(harness)
        harness.open([unit.code for unit in units])
        with closing(sqlite3.connect(world.folder / "store.sqlite")) as database, database:
            database.execute("UPDATE accounts SET holder = NULL WHERE login <> 'birim1'")
        world.clock.advance(23 * DAY)

        assert len(sweep(harness)) == 3
        [text] = world.told(AYSE)
        assert "3 accounts" in text

    def test_one_who_was_told_with_the_page_is_not_tried_again_with_those_who_hold_several(self, world: World) -> None:
        mine = attrs.evolve(OFFICE, login="birim", custodian=AYSE.id)
        theirs = [attrs.evolve(SCHOOL, code=f"s{n}", login=f"okul{n}", custodian=CAN.id) for n in range(2)]
        harness = world.start(RENEWAL)
        harness.know(units=[mine, *theirs], persons=[AYSE, CAN])
        sweep(harness)
        harness.open([unit.code for unit in [mine, *theirs]])
        harness.know(persons=[attrs.evolve(AYSE, mobile=None)])
        with closing(sqlite3.connect(world.folder / "store.sqlite")) as database, database:
            database.execute("UPDATE units SET custodian = NULL")
        world.clock.advance(23 * DAY)

        assert sorted(said(sweep(harness))) == [("warn", "birim"), ("warn", "okul0"), ("warn", "okul1")]
        assert len(world.told(CAN)) == 1

    def test_persons_on_different_pages_get_one_message_each(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("provisioner.store.schedule.PAGE", 3)
        monkeypatch.setattr("provisioner.core.policy.sweep.PAGE", 4)
        monkeypatch.setattr("provisioner.core.policy.telling.PAGE", 4)
        units = [attrs.evolve(OFFICE, code=f"o{n}", login=f"b{n:02}", custodian=f"p{n % 4}") for n in range(20)]
        persons = [attrs.evolve(AYSE, id=f"p{n}", mobile=f"+905320000{n:03}") for n in range(4)]
        harness = world.start(RENEWAL)
        harness.know(units=units, persons=persons)
        sweep(harness)
        harness.open([unit.code for unit in units])
        world.clock.advance(23 * DAY)

        assert len(sweep(harness)) == 20
        assert [len(world.told(person)) for person in persons] == [1] * 4
        assert sweep(harness) == []

    def test_an_account_that_is_due_again_waits_for_the_next_sweep(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The sweep that warns late would close the account at once."""
        monkeypatch.setattr(Reader, "pages", partialmethod(Reader.pages, size=2))
        monkeypatch.setattr("provisioner.core.policy.sweep.PAGE", 2)
        units = [attrs.evolve(OFFICE, code=f"o{n}", login=f"b{n}", custodian=f"p{n}") for n in range(5)]
        harness = world.start(RuleSet(name="short", rules=(Short(),)))
        harness.know(units=units, persons=[attrs.evolve(AYSE, id=f"p{n}") for n in range(5)])
        sweep(harness)
        harness.open([unit.code for unit in units])
        harness.know(units=[attrs.evolve(unit, custodian=None) for unit in units])
        world.clock.advance(3 * HOUR)

        assert sorted(said(sweep(harness))) == [("warn", f"b{n}") for n in range(5)]
        assert {harness.account(f"b{n}").state for n in range(5)} == {AccountState.OPEN}

    def test_workers_get_a_small_page_at_once_and_large_ones_then(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With small pages, most workers would be idle: each page waits for its last operation."""
        monkeypatch.setattr("provisioner.core.policy.sweep.PAGE", 2)
        monkeypatch.setattr("provisioner.core.policy.sweep.SHARED_PAGE", 5)
        units = [attrs.evolve(OFFICE, code=f"o{n}", login=f"b{n:02}") for n in range(9)]
        harness = world.start(RuleSet(name="all", rules=(AutoRotate(),)))
        harness.know(units=units, persons=[AYSE])
        sweep(harness)
        harness.open([unit.code for unit in units])
        world.clock.advance(28 * DAY)
        harness.engine.distribution = workers = IdleWorkers()

        assert len(sweep(harness)) == 9
        assert workers.waited_for == [2, 5, 2]

    def test_two_crashes_send_a_warning_once_more_only(self, world: World) -> None:
        world.start(RENEWAL).know(units=[OFFICE], persons=[AYSE])
        sweep(world.processes[-1])
        world.processes[-1].open(["o"])
        world.clock.advance(23 * DAY)
        begun = list[int]()
        for _ in range(3):
            harness = world.start(RENEWAL)
            harness.after_record = lambda events: begun.extend(
                event.attempt for event in events if isinstance(event, NoticeBegun)
            )
            harness.on_record = crash_before(NoticeEnded)
            with pytest.raises(KeyboardInterrupt):
                sweep(harness)
            world.clock.advance(HOUR)
        last = world.start(RENEWAL)
        [notice] = sweep(last)

        assert begun == [1, 2]
        assert isinstance(notice, Notice)
        assert notice.error
        assert sweep(last) == []


@attrs.frozen(kw_only=True)
class Short(Rule):
    """Closes two hours after the opening, and warns an hour before that."""

    def deadlines(self, facts: Facts) -> Sequence[Deadline]:
        opened = facts.account.opened_at
        if facts.account.state is not AccountState.OPEN or opened is None:
            return []
        return [
            Deadline(action=Action.WARN, at=opened + HOUR, reason=Text("soon"), source="test"),
            Deadline(action=Action.CLOSE, at=opened + 2 * HOUR, reason=Text("now"), source="test"),
        ]
