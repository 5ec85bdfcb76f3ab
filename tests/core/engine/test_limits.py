"""Runs that would close too many accounts are held back, however they are split."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from sqlalchemy import event

from provisioner.core.api.errors import InputError, NotAuthorizedError
from provisioner.core.api.events import Event, OperationPlanned
from provisioner.core.engine import engine
from provisioner.core.engine.limits import IN_TOTAL, Guard, Share
from provisioner.core.engine.plan import Initiator, PlannedOperation
from provisioner.core.engine.ports import Closings
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.separation import SeparationOfDuties
from provisioner.core.model import (
    Account,
    AccountState,
    Operation,
    OperationKind,
    OperationState,
    Person,
    TargetState,
    Unit,
)
from provisioner.core.model.mass_change import MassChangeLimit
from provisioner.testing.clock import FakeClock
from provisioner.testing.faults import Fault, FaultTarget
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

NOW = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
#: How many accounts the office has; 20 % of them are four.
MANY = 20
LIMIT = MassChangeLimit(from_accounts=10)
UNITS = [
    Unit(code=f"u{n}", name=f"Birim {n}", kind="office", login=f"birim{n}", custodian=f"p{n}") for n in range(MANY)
]
PERSONS = [Person(id=f"p{n}", name=f"Kişi {n}", mobile=f"+9053200000{n:02}") for n in range(MANY)]


def logins(*numbers: int) -> list[str]:
    return [f"birim{number}" for number in numbers]


def states(operations: Iterable[Operation]) -> set[OperationState]:
    return {operation.state for operation in operations}


class TestGuard:
    """What counts, without any store."""

    def test_holds_back_more_than_a_fifth_of_a_hundred(self) -> None:
        assert guard(open_=100).excess(closings(20)) is None
        assert guard(open_=100).excess(closings(21)) == Share(target=IN_TOTAL, affected=21, out_of=100)

    def test_holds_back_a_truncated_list_of_a_small_province(self) -> None:
        assert guard(open_=39).excess(closings(7)) is None
        assert guard(open_=39).excess(closings(36)) == Share(target=IN_TOTAL, affected=36, out_of=39)

    def test_has_no_limit_below_ten(self) -> None:
        assert guard(open_=9).excess(closings(9)) is None
        assert guard(open_=10).excess(closings(3)) is not None

    def test_has_no_limit_at_a_hundred_percent(self) -> None:
        assert guard(open_=100, limit=MassChangeLimit(percent=100)).excess(closings(100)) is None

    def test_counts_what_was_closed_before_among_those_that_were_open(self) -> None:
        """Otherwise ten runs of 5 % would close 40 % of what was there before the limit is met."""
        assert guard(open_=85, closed=15).excess(closings(5)) is None
        assert guard(open_=85, closed=15).excess(closings(6)) == Share(target=IN_TOTAL, affected=21, out_of=100)

    def test_goes_on_below_ten_if_there_were_as_many_when_the_window_began(self) -> None:
        assert guard(open_=8, closed=2).excess(closings(1)) is not None

    def test_counts_deletions(self) -> None:
        work = [made(OperationKind.DELETE, AccountState.CLOSED, n) for n in range(21)]

        assert guard(open_=100).excess(work) == Share(target=IN_TOTAL, affected=21, out_of=100)

    def test_counts_nothing_that_is_not_open(self) -> None:
        work = [made(OperationKind.CLOSE, AccountState.PLANNED, n) for n in range(50)]

        assert guard(open_=100).excess(work) is None

    def test_counts_nothing_that_opens(self) -> None:
        assert guard(open_=100).excess([made(OperationKind.ROTATE, AccountState.OPEN, n) for n in range(100)]) is None

    def test_counts_nothing_that_is_under_way_already(self) -> None:
        """What was let go once must be finished, whatever else has happened meanwhile."""
        assert guard(open_=100).excess([attrs.evolve(closing, recorded=True) for closing in closings(50)]) is None

    def test_counts_on_each_target(self) -> None:
        there = {f"a{n}": {"pys": TargetState.OPEN} for n in range(30)}

        share = guard(open_=1000, on={"pys": 120}, there=there).excess(closings(30))

        assert share == Share(target="pys", affected=30, out_of=120)

    def test_has_no_limit_on_a_target_with_few_accounts(self) -> None:
        there = {f"a{n}": {"pys": TargetState.OPEN} for n in range(9)}

        assert guard(open_=1000, on={"pys": 9}, there=there).excess(closings(9)) is None

    def test_counts_no_more_than_it_takes_to_decide(self) -> None:
        """A sweep must not cost what exists."""
        census = Counted(open_=1_000_000)

        Guard(limit=MassChangeLimit(), census=census, accounts=census, now=lambda: NOW).excess(closings(10))

        assert max(census.asked) <= 100


@attrs.define
class Counted:
    """A census that knows numbers only."""

    open_: int
    closed: int = 0
    on: Mapping[str, int] = attrs.field(factory=dict)
    there: Mapping[str, Mapping[str, TargetState]] = attrs.field(factory=dict)
    asked: list[int] = attrs.field(factory=list)

    def closed_since(self, since: datetime, /) -> Mapping[str, Closings]:
        assert since == NOW - timedelta(hours=24)
        return {IN_TOTAL: Closings(accounts=self.closed, gone=self.closed)}

    def count_open(self, target: str, at_most: int, /) -> int:
        self.asked.append(at_most)
        return min(at_most, self.on[target] if target else self.open_)

    def all_target_states(self, logins: Iterable[str], /) -> Mapping[str, Mapping[str, TargetState]]:
        return {login: self.there[login] for login in logins if login in self.there}


def guard(
    *,
    open_: int,
    closed: int = 0,
    on: Mapping[str, int] | None = None,
    there: Mapping[str, Mapping[str, TargetState]] | None = None,
    limit: MassChangeLimit | None = None,
) -> Guard:
    census = Counted(open_, closed, on or {}, there or {})
    return Guard(limit=limit or MassChangeLimit(), census=census, accounts=census, now=lambda: NOW)


def closings(count: int) -> list[PlannedOperation]:
    return [made(OperationKind.CLOSE, AccountState.OPEN, number) for number in range(count)]


def made(kind: OperationKind, state: AccountState, number: int) -> PlannedOperation:
    account = Account(login=f"a{number}", domain="meb.gov.tr", unit="u", state=state)
    operation = Operation(id=str(number), kind=kind, login=account.login, actor="tester", created_at=NOW)
    return PlannedOperation(operation=operation, account=account, unit=Unit(code="u", name="U", kind="office"))


class World:
    """An office with twenty open accounts."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "store.sqlite"
        self.clock = FakeClock()
        self.directory = MemoryTarget()
        self.target = FaultTarget(self.directory)
        self.phones = MemoryChannel()

    def start(self, *, targets: Mapping[str, object] | None = None, protected: Sequence[str] = ()) -> Harness:
        return Harness(
            self.file,
            targets=targets or {"posta": self.target},
            channels={"sms": self.phones},
            clock=self.clock,
            limit=LIMIT,
            protected=protected,
        )

    def logs_in(self, number: int) -> bool:
        messages = self.phones.inbox(PERSONS[number].mobile or "")
        return self.directory.logs_in(f"birim{number}", messages[-1].password)


@pytest.fixture(name="world")
def _world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture(name="harness")
def _harness(world: World) -> Iterator[Harness]:
    with world.start() as harness:
        harness.know(units=UNITS, persons=PERSONS)
        harness.open([unit.code for unit in UNITS])
        yield harness


def close(harness: Harness, *numbers: int) -> list[Operation]:
    return harness.close_accounts(logins(*numbers))


def held(harness: Harness) -> str:
    [run] = harness.store.held_runs.all()
    return run.id


class PowerCut(BaseException):
    """The end of a process."""


def audit_log(harness: Harness, kind: str) -> list[dict[str, object]]:
    return [json.loads(entry.body) for entry in harness.store.audit_log.entries() if entry.kind == kind]


class TestStaging:
    """A run that is too big."""

    def test_changes_nothing(self, world: World, harness: Harness) -> None:
        before = world.target.faults.calls.copy()

        operations = close(harness, *range(5))

        assert states(operations) == {OperationState.STAGED}
        assert world.target.faults.calls - before == {"target_check": 1}
        assert all(world.logs_in(number) for number in range(5))
        assert {harness.account(login).state for login in logins(*range(5))} == {AccountState.OPEN}

    def test_says_what_it_would_do_and_how_to_go_on(self, harness: Harness) -> None:
        [operation, *_] = close(harness, *range(5))

        [run] = harness.store.held_runs.all()
        assert (run.affected, run.out_of, run.percent, run.operations) == (5, MANY, 20, 5)
        assert (run.actor, run.reason, run.target) == (INITIATOR.actor, INITIATOR.reason, IN_TOTAL)
        assert operation.error is not None
        assert operation.staging == run.id
        assert str(operation.error.message) == "held: 5 of 20 accounts would be closed; the limit is 20 %"
        assert f"policy release {run.id}" in str(operation.error.cure)

    def test_is_in_the_trail_as_a_whole(self, harness: Harness) -> None:
        operations = close(harness, *range(5))

        [staged] = audit_log(harness, "run_staged")
        assert staged["actor"] == INITIATOR.actor
        assert {operation.staging for operation in operations} == {staged["run"]["id"]}  # type: ignore[index]
        assert harness.store.audit_log.verify_chain() is None

    def test_holds_back_all_of_the_run(self, harness: Harness) -> None:
        """A run of which a half was done is the hardest one to understand."""
        accounts = [harness.account(login) for login in logins(*range(6))]
        closing = harness.planner.close(accounts[:5], initiator=INITIATOR)
        renewal = harness.planner.rotate(accounts[5:], initiator=INITIATOR)

        operations = harness.run(attrs.evolve(closing, work=(*closing.work, *renewal.work)))

        assert states(operations) == {OperationState.STAGED}
        assert len(operations) == 6

    def test_leaves_what_keeps_the_limit_alone(self, harness: Harness) -> None:
        assert states(close(harness, *range(4))) == {OperationState.DONE}

    def test_is_not_fooled_by_many_small_runs(self, harness: Harness) -> None:
        small = [states(close(harness, number)) for number in range(6)]

        assert small == [{OperationState.DONE}] * 4 + [{OperationState.STAGED}] * 2

    def test_is_not_fooled_by_runs_that_did_not_come_to_their_end(self, world: World, harness: Harness) -> None:
        world.target.faults.on("account_close", Fault.CANNOT_CONNECT)
        assert states(close(harness, *range(4))) == {OperationState.INCOMPLETE}

        assert states(close(harness, 4)) == {OperationState.STAGED}

    def test_forgets_what_was_closed_before_the_window(self, world: World, harness: Harness) -> None:
        close(harness, *range(4))
        world.clock.advance(LIMIT.window + HOUR)

        assert states(close(harness, 4)) == {OperationState.DONE}

    def test_does_not_count_what_is_open_again(self, harness: Harness) -> None:
        close(harness, *range(4))
        harness.reopen(logins(*range(4)))

        assert states(close(harness, *range(4, 8))) == {OperationState.DONE}

    def test_counts_on_each_target(self, world: World) -> None:
        """A target with few accounts must not lose a third of them because another one has many."""
        with world.start() as one:
            one.know(units=UNITS, persons=PERSONS)
            one.open([unit.code for unit in UNITS[:10]])
        with world.start(targets={"posta": world.target, "pys": MemoryTarget()}) as both:
            both.open([unit.code for unit in UNITS[10:]])

            operations = close(both, 10, 11, 12)

            [run] = both.store.held_runs.all()
            assert states(operations) == {OperationState.STAGED}
            assert (run.target, run.affected, run.out_of) == ("pys", 3, 10)
            assert states(close(both, 0, 1, 2)) == {OperationState.DONE}

    def test_does_not_count_what_was_never_open(self, world: World, harness: Harness) -> None:
        """Nobody loses anything by it, neither in this run nor for the ones after it."""
        units = [attrs.evolve(unit, code=f"v{unit.code}", login=f"x{unit.login}") for unit in UNITS]
        world.target.faults.on("account_create", Fault.REFUSE)
        harness.know(units=units)
        assert states(harness.open([unit.code for unit in units])) == {OperationState.FAILED}

        operations = harness.close_accounts(["birim0", *(f"xbirim{number}" for number in range(MANY))])

        assert states(operations) == {OperationState.DONE}
        assert states(close(harness, 1)) == {OperationState.DONE}

    def test_has_no_duplicates_when_the_same_is_wished_again(self, harness: Harness) -> None:
        first = close(harness, *range(5))

        again = close(harness, *range(5))

        assert {one.id for one in again} == {one.id for one in first}
        assert states(again) == {OperationState.STAGED}
        assert len(harness.store.held_runs.all()) == 1

    def test_stays_held_back_when_a_part_of_it_is_wished(self, harness: Harness) -> None:
        close(harness, *range(5))

        assert states(close(harness, 0)) == {OperationState.STAGED}

    def test_is_left_alone_by_resume(self, world: World, harness: Harness) -> None:
        close(harness, *range(5))
        world.clock.advance(timedelta(days=30))

        assert harness.resume() == []
        assert all(world.logs_in(number) for number in range(5))

    def test_is_released_while_a_target_is_down_and_done_when_it_is_back(self, world: World, harness: Harness) -> None:
        """Closings wait for nothing: what can be shut is shut, and the rest is driven on."""
        close(harness, *range(5))
        world.target.faults.on("target_check", Fault.CANNOT_CONNECT)
        world.target.faults.on("account_close", Fault.CANNOT_CONNECT)

        assert states(harness.release(held(harness))) == {OperationState.INCOMPLETE}
        world.target.faults.clear()
        world.clock.advance(timedelta(hours=1))

        assert states(harness.resume()) == {OperationState.DONE}

    def test_is_not_shown_as_held_back_any_more_where_its_release_is_shown(self, harness: Harness) -> None:
        close(harness, *range(5))
        work = harness.engine.releasable(held(harness), actor="releaser")

        operations = [one.operation if isinstance(one, PlannedOperation) else one for one in work]
        assert {(operation.state, operation.error) for operation in operations} == {(OperationState.PLANNED, None)}

    def test_is_seen_by_other_processes(self, world: World, harness: Harness) -> None:
        close(harness, *range(5))

        with world.start() as other:
            assert states(close(other, *range(5))) == {OperationState.STAGED}
            assert states(other.release(held(other))) == {OperationState.DONE}
        assert harness.store.held_runs.all() == []

    def test_survives_a_crash_in_the_middle_as_held_back(
        self, world: World, harness: Harness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What was written before the crash must not be taken for something to carry out."""
        monkeypatch.setattr(engine, "CHUNK", 2)
        chunks = []

        def crash(events: Iterable[Event]) -> None:
            chunks.append(list(events))
            if len(chunks) == 3:
                raise PowerCut

        harness.on_record = crash
        with pytest.raises(PowerCut):
            close(harness, *range(6))

        with world.start() as other:
            assert other.resume() == []
            assert all(world.logs_in(number) for number in range(6))
            assert states(close(other, *range(6))) == {OperationState.STAGED}

    def test_is_not_fooled_by_runs_at_the_same_time(self, world: World, harness: Harness) -> None:
        """Each of them keeps the limit when it looks, and both together do not."""
        with world.start() as other:

            def meanwhile(events: Iterable[Event]) -> None:
                if any(isinstance(one, OperationPlanned) for one in events):
                    harness.on_record = lambda _: None
                    assert states(close(other, 0, 1, 2)) == {OperationState.DONE}

            harness.on_record = meanwhile
            operations = close(harness, 3, 4, 5)

        assert states(operations) == {OperationState.STAGED}
        assert all(world.logs_in(number) for number in (3, 4, 5))
        assert states(harness.release(held(harness))) == {OperationState.DONE}

    def test_looks_up_an_index(self, harness: Harness) -> None:
        """Whatever was done in all the years before must cost nothing."""
        asked: list[tuple[str, Any]] = []
        reader = harness.store._database.reader
        event.listen(reader, "before_cursor_execute", lambda *args: asked.append(args[2:4]))
        harness.store.census.closed_since(NOW)
        queries = [query for query in asked if "operations" in query[0]]

        with reader.begin() as connection:
            plans = [
                str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", parameters).all())
                for query, parameters in queries
            ]

        assert len(plans) == 2
        assert all(plan.count("operations USING INDEX ix_operations_shut") == 2 for plan in plans)


class TestRelease:
    """Somebody says that it is meant."""

    def test_carries_the_run_out(self, world: World, harness: Harness) -> None:
        close(harness, *range(5))

        operations = harness.release(held(harness), actor="müdür")

        assert states(operations) == {OperationState.DONE}
        assert not any(world.logs_in(number) for number in range(5))
        assert harness.store.held_runs.all() == []
        [released] = audit_log(harness, "run_released")
        assert released["actor"] == "müdür"
        assert harness.store.audit_log.verify_chain() is None

    def test_does_not_count_against_what_comes_after_it(self, harness: Harness) -> None:
        close(harness, *range(5))
        harness.release(held(harness))

        assert states(close(harness, 5)) == {OperationState.DONE}

    def test_can_be_driven_on_after_a_crash(self, world: World, harness: Harness) -> None:
        close(harness, *range(5))
        run = held(harness)

        harness.engine.iter_release(run, actor="müdür")  # nobody waits for what it yields

        with world.start() as other:
            assert states(other.resume()) == {OperationState.DONE}

    @pytest.mark.parametrize("way", ["release", "discard"])
    def test_of_what_is_not_held_back_is_an_error(self, harness: Harness, way: str) -> None:
        close(harness, *range(5))
        run = held(harness)
        harness.release(run)

        with pytest.raises(InputError, match=f"there is no held run {run}"):
            _ = harness.release(run) if way == "release" else harness.engine.holds.discard(run, actor="x", reason="")

    def test_leaves_out_what_was_wished_otherwise_meanwhile(self, world: World, harness: Harness) -> None:
        close(harness, *range(5))
        [renewed] = harness.rotate(logins(0))

        operations = harness.release(held(harness))

        assert renewed.state is OperationState.DONE
        assert {operation.login for operation in operations} == set(logins(1, 2, 3, 4))
        assert world.logs_in(0)

    def test_needs_another_person_where_four_eyes_are_wanted(self, world: World, harness: Harness) -> None:
        authority = Authority(records=harness.store, now=harness.clock)
        harness.plugins.add("separation", SeparationOfDuties(authority))
        close(harness, *range(5))

        with pytest.raises(NotAuthorizedError, match="tester started the run and cannot release it"):
            harness.release(held(harness), actor=INITIATOR.actor)
        assert all(world.logs_in(number) for number in range(5))
        assert states(harness.release(held(harness), actor="müdür")) == {OperationState.DONE}

    def test_is_refused_for_an_account_that_is_protected_by_now(self, world: World, harness: Harness) -> None:
        close(harness, *range(5))

        with world.start(protected=["birim3"]) as other, pytest.raises(NotAuthorizedError, match="birim3 is protected"):
            other.release(held(other))


class TestDiscard:
    """Somebody says that it is not meant."""

    def test_ends_the_run_and_changes_no_account(self, world: World, harness: Harness) -> None:
        close(harness, *range(5))

        ended = harness.engine.holds.discard(held(harness), actor="müdür", reason="a wrong list")

        assert states(ended) == {OperationState.FAILED}
        assert {str(one.error.message) for one in ended if one.error} == {"discarded by müdür: a wrong list"}
        assert all(world.logs_in(number) for number in range(5))
        assert harness.store.held_runs.all() == []
        assert len(audit_log(harness, "run_discarded")) == 1

    def test_lets_the_same_accounts_be_closed_later(self, harness: Harness) -> None:
        close(harness, *range(5))
        harness.engine.holds.discard(held(harness), actor="müdür", reason="")

        assert states(close(harness, 0, 1)) == {OperationState.DONE}


class TestGivingWay:
    """What is held back was never begun, so it stands in nobody's way."""

    @pytest.mark.parametrize("way", ["rotate", "hand_over"])
    def test_to_a_new_wish(self, world: World, harness: Harness, way: str) -> None:
        [first, *_] = close(harness, *range(5))

        [done] = harness.rotate([first.login]) if way == "rotate" else harness.hand_over(first.login, "p9")

        assert done.state is OperationState.DONE
        left = harness.store.operations.get_many([first.id])[first.id]
        assert (left.state, left.error and left.error.name) == (OperationState.FAILED, "SupersededError")
        assert harness.account(first.login).state is AccountState.OPEN

    def test_not_to_a_wish_that_is_fulfilled(self, harness: Harness) -> None:
        """The nightly list of units must neither renew their passwords nor forget what is held back."""
        close(harness, *range(5))

        plan = harness.planner.open_units(UNITS, initiator=Initiator(actor="cron"))

        assert (len(plan.work), len(plan.unchanged)) == (0, MANY)
