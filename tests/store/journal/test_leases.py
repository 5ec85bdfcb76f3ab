"""One process at a time drives an operation, and one that is gone does not keep it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from provisioner.core.api.errors import BusyError, LeaseLostError
from provisioner.core.engine.lease_timer import LeaseTimer
from provisioner.core.engine.limits import OperationHeld
from provisioner.core.model import OperationState, StepError
from provisioner.store import Store
from provisioner.store.db.tables import leases
from provisioner.store.journal import owners
from provisioner.store.journal.leases import LONGEST_LEASE, AccountSnapshots, Hold
from provisioner.store.journal.owners import new_owner, owner_is_gone
from provisioner.testing.kannel import wait_until

if TYPE_CHECKING:
    from tests.store.conftest import Clock, Story

MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HERE = Path(__file__).parents[1]


@pytest.fixture
def other(store: Store, url: str, clock: Clock) -> Iterator[Store]:
    """The same store, opened by somebody else."""
    with Store.open(url, now=clock) as other:
        yield other


def renewing(url: str, clock: Clock, ttl: timedelta) -> Store:
    """Open a store that renews its leases, and never finds that it was too late: a machine may pause at any time."""
    return Store.open(url, now=clock, lease_ttl=ttl, elapsed=lambda: 0.0)


def set_owner(store: Store, owner: str) -> None:
    with store._database.write() as connection:
        connection.execute(update(leases).values(owner=owner))


def owner_with(owner: str, **parts: str) -> str:
    """Return *owner* with some of its parts replaced."""
    names = ("host", "machine", "pid", "start_time", "random")
    return "/".join(parts.get(name, part) for name, part in zip(names, owner.split("/"), strict=True))


class TestTakingOver:
    def test_account_that_somebody_alive_holds_is_busy(
        self, store: Store, other: Store, story: type[Story], clock: Clock
    ) -> None:
        tale = story("a")
        store.write(tale.planned())
        store.write(tale.started())

        with pytest.raises(BusyError, match="a is held by another process until 2026-11-22 12:01"):
            other.write(tale.started(tries=2))

        assert list(other.operations.resumable(clock())) == []
        assert store.operations.get_many([tale.id])[tale.id].tries == 1

    def test_lease_that_ran_out_can_be_taken(
        self, store: Store, other: Store, story: type[Story], clock: Clock
    ) -> None:
        tale = story("a")
        store.write(tale.planned())
        store.write(tale.started())

        clock.move(MINUTE)

        assert [operation.id for operation in other.operations.resumable(clock())] == [tale.id]
        other.write(tale.started(tries=2), tale.begun(0))

    def test_process_that_slept_too_long_is_told(
        self, store: Store, other: Store, story: type[Story], clock: Clock
    ) -> None:
        """A process that was paused and wakes up must not go on with what somebody else has taken over."""
        tale = story("a")
        store.write(tale.planned())
        store.write(tale.started(), tale.begun(0))
        clock.move(MINUTE)
        other.write(tale.started(tries=2), tale.begun(0))
        before = list(store.audit_log.entries())

        for events in ([tale.ended(0)], [tale.finished()], [tale.ended(0), tale.finished()]):
            with pytest.raises(LeaseLostError):
                store.write(*events)

        assert list(store.audit_log.entries()) == before
        other.write(tale.ended(0), tale.finished())

    def test_process_that_slept_and_was_not_missed_goes_on(
        self, store: Store, story: type[Story], clock: Clock
    ) -> None:
        tale = story("a")
        store.write(tale.planned())
        store.write(tale.started(), tale.begun(0))

        clock.move(2 * MINUTE)
        store.write(tale.ended(0), tale.finished())

        assert store.operations.get_many([tale.id])[tale.id].state is OperationState.DONE

    def test_process_that_died_on_this_machine_is_followed_at_once(
        self, store: Store, url: str, story: type[Story], clock: Clock
    ) -> None:
        process = start_and_kill_a_holder(url)
        tale = story("a")

        assert [operation.id for operation in store.operations.resumable(clock())] == [tale.id]
        store.write(tale.started(tries=2))

        assert process.returncode == -9
        assert store.operations.get_many([tale.id])[tale.id].tries == 2

    def test_other_machine_is_given_its_time(
        self, store: Store, other: Store, story: type[Story], clock: Clock
    ) -> None:
        tale = story("a")
        store.write(tale.planned())
        store.write(tale.started())
        set_owner(store, owner_with(new_owner(), host="elsewhere", pid="4194304"))

        with pytest.raises(BusyError):
            other.write(tale.started(tries=2))
        clock.move(MINUTE)
        other.write(tale.started(tries=2))

    def test_store_that_was_closed_holds_nothing(
        self, store: Store, url: str, story: type[Story], clock: Clock
    ) -> None:
        tale = story("a")
        store.write(tale.planned())
        with Store.open(url, now=clock) as other:
            other.write(tale.started())

        store.write(tale.started(tries=2))

        assert store.operations.get_many([tale.id])[tale.id].tries == 2

    def test_planned_and_incomplete_operations_need_no_lease_to_be_resumable(
        self, store: Store, other: Store, story: type[Story], clock: Clock
    ) -> None:
        store.write(story("planned").planned())
        for name, next_try_at in (("due", clock()), ("later", clock() + MINUTE), ("never", None)):
            tale = story(name)
            store.write(tale.planned())
            store.write(tale.started(), tale.stuck(next_try_at))
        done = story("done")
        store.write(done.planned())
        store.write(done.started(), done.finished(OperationState.UNDONE))

        assert [operation.login for operation in other.operations.resumable(clock())] == ["due", "planned"]

    def test_of_those_that_nobody_works_on_only_started_ones_are_interrupted(
        self, store: Store, other: Store, story: type[Story], clock: Clock
    ) -> None:
        """A run of thousands that waits for its turn is no interruption."""
        for name in ("planned", "later", "running", "done"):
            store.write(story(name).planned())
        store.write(story("later").started(), story("later").stuck(clock() + MINUTE))
        store.write(story("running").started())
        store.write(story("done").started(), story("done").finished())

        assert [operation.login for operation in other.operations.interrupted(clock())] == ["later"]
        clock.move(timedelta(hours=1))
        assert [operation.login for operation in other.operations.interrupted(clock())] == ["later", "running"]


def test_refused_submission_leaves_nothing_to_those_after_it(story: type[Story]) -> None:
    """They share a transaction, so what one of them would have changed must not be seen by the next."""
    snapshots = AccountSnapshots(owner="me", now=NOON, expires_at=NOON + MINUTE, safe_until=0, by_login={})

    with pytest.raises(LeaseLostError):
        snapshots.admit([story("a", id="op1").planned(), story("b").begun()])

    snapshots.admit([story("a", id="op2").planned()])
    assert snapshots.hold("a") == Hold("op2")


def test_an_operation_is_begun_in_the_transaction_that_holds_it(story: type[Story]) -> None:
    tale = story("a", id="op1")
    snapshots = AccountSnapshots(owner="me", now=NOON, expires_at=NOON + MINUTE, safe_until=0, by_login={})
    snapshots.admit([tale.planned()])
    held = OperationHeld(
        at=NOON, actor="p9", login="a", operation_id="op1", run="r", error=StepError(name="StagedError", message="")
    )
    snapshots.admit([held])

    with pytest.raises(BusyError, match="held with its run"):
        snapshots.admit([tale.started()])


HOLDER = """
import sys
from provisioner.store import Store
from conftest import NOON, Story
store = Store.open(sys.argv[1], now=lambda: NOON)
tale = Story("a")
store.write(tale.planned())
store.write(tale.started(), tale.begun(0))
print("held", flush=True)
sys.stdin.read()
"""


def start_and_kill_a_holder(url: str) -> subprocess.Popen[str]:
    """Let another process begin an operation, and kill it."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, url],
        env=os.environ | {"PYTHONPATH": str(HERE)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        process.kill()
    return process


class TestRenewal:
    def test_what_is_held_stays_held(self, other: Store, url: str, story: type[Story], clock: Clock) -> None:
        """A step that takes longer than a lease lives must not lose the account."""
        ttl = timedelta(seconds=1)
        tale = story("a")
        other.write(tale.planned())
        with renewing(url, clock, ttl) as holder:
            holder.write(tale.started(), tale.begun(0))
            for _ in range(3):
                clock.move(0.75 * ttl)
                wait_until(lambda: end_of_lease(holder) == clock() + ttl)

            with pytest.raises(BusyError):
                other.write(tale.started(tries=2))
            holder.write(tale.ended(0), tale.finished())

    def test_may_be_late_once(self, store: Store, url: str, story: type[Story]) -> None:
        ttl = timedelta(minutes=1)
        tale = story("a")
        store.write(tale.planned())
        with Store.open(url, lease_ttl=ttl) as holder:
            holder.write(tale.started(), tale.begun(0))
            rest = holder._writer._leases.seconds_to_renewal()

        assert rest is not None
        assert 0 < 2 * rest < ttl.total_seconds()

    def test_does_not_prolong_what_others_hold(self, store: Store, url: str, story: type[Story], clock: Clock) -> None:
        """One who died would keep his accounts for as long as anybody else works."""
        mine, theirs = story("a"), story("b")
        store.write(mine.planned(), theirs.planned())
        with renewing(url, clock, timedelta(seconds=1)) as holder, renewing(url, clock, LONGEST_LEASE) as other:
            other.write(theirs.started())
            holder.write(mine.started())
            before = end_of_lease(store, "b")
            first = end_of_lease(store)
            clock.move(timedelta(seconds=0.75))

            wait_until(lambda: end_of_lease(store) > first)

            assert end_of_lease(store, "b") == before

    def test_does_not_wait_for_a_pause_in_the_work(self, store: Store, story: type[Story], clock: Clock) -> None:
        """Otherwise a process that is busy without a break would lose what it works on."""
        tale = story("a")
        store.write(tale.planned())
        store.write(tale.started())
        first = end_of_lease(store)
        clock.move(MINUTE / 3)
        store._writer._leases._renew_at = time.monotonic()
        store.write(tale.begun(0))

        assert end_of_lease(store) == first + MINUTE / 3

    def test_nothing_is_renewed_once_nothing_is_held(self, store: Store, url: str, story: type[Story]) -> None:
        tale = story("a")
        store.write(tale.planned())
        with Store.open(url, lease_ttl=timedelta(seconds=0.03)) as holder:
            holder.write(tale.started())
            assert holder._writer._leases.seconds_to_renewal() is not None

            holder.write(tale.finished())

            assert holder._writer._leases.seconds_to_renewal() is None

    def test_lease_that_somebody_took_is_not_renewed(
        self, store: Store, other: Store, story: type[Story], clock: Clock
    ) -> None:
        tale = story("a")
        store.write(tale.planned())
        store.write(tale.started())
        clock.move(MINUTE)
        other.write(tale.started(tries=2))

        with pytest.raises(LeaseLostError):
            store.write(tale.begun(0))

        assert store._writer._leases.seconds_to_renewal() is None


class TestWhatIsLeft:
    """A process counts what is left of its leases by a clock of its own."""

    def test_it_ends_before_others_may_take_it(self, url: str, store: Store, story: type[Story], clock: Clock) -> None:
        ages = iter([100.0, 200.0])
        tale = story("a")
        store.write(tale.planned())
        with Store.open(url, now=clock, lease_ttl=MINUTE, elapsed=lambda: next(ages, 200.0)) as holder:
            assert holder.lease("a", tale.id).left() <= 0
            ages = iter([100.0])
            holder.write(tale.started())

            assert holder.lease("a", tale.id).left() < 100.0 + MINUTE.total_seconds() - 200.0
            assert holder.lease("a", "another").left() <= 0
            assert holder.lease("b", tale.id).left() <= 0

    def test_what_has_ended_is_not_left(self, store: Store, story: type[Story]) -> None:
        tale = story("a")
        store.write(tale.planned())
        store.write(tale.started())
        assert store.lease("a", tale.id).left() > 0

        store.write(tale.finished())

        assert store.lease("a", tale.id).left() <= 0

    def test_writer_that_wakes_up_first_renews_nothing_that_ran_out(
        self, url: str, store: Store, story: type[Story], clock: Clock
    ) -> None:
        """The thread that calls a target would otherwise find a lease that is good again."""
        age = 0.0
        old, new = story("a"), story("b")
        store.write(old.planned(), new.planned())
        with Store.open(url, now=clock, lease_ttl=MINUTE, elapsed=lambda: age) as holder:
            holder.write(old.started())
            age = 55.0
            holder._writer._leases._renew_at = time.monotonic()
            holder.write(new.started())

            assert holder.lease("a", old.id).left() <= 0
            assert holder.lease("b", new.id).left() > 0
            assert end_of_lease(store) == clock() + MINUTE

    def test_what_another_process_took_is_not_renewed_here(
        self, url: str, store: Store, other: Store, story: type[Story], clock: Clock
    ) -> None:
        mine, theirs = story("a"), story("b")
        store.write(mine.planned(), theirs.planned())
        with Store.open(url, now=clock, lease_ttl=MINUTE) as holder:
            holder.write(mine.started(), theirs.started())
            clock.move(MINUTE)  # for others; this process has not been stopped
            other.write(theirs.started(tries=2))
            holder._writer._leases._renew_at = time.monotonic()
            holder.write(mine.begun(0))

            assert holder.lease("a", mine.id).left() > 0
            assert holder.lease("b", theirs.id).left() <= 0
            assert other.lease("b", theirs.id).left() > 0

    @pytest.mark.parametrize("gone", [False, True])
    def test_it_is_contested_if_its_former_process_may_live(
        self, store: Store, other: Store, story: type[Story], clock: Clock, *, gone: bool
    ) -> None:
        tale = story("a")
        store.write(tale.planned())
        store.write(tale.started())
        if gone:
            set_owner(store, owner_with(new_owner(), start_time="1"))
        else:
            clock.move(MINUTE)

        other.write(tale.started(tries=2))

        assert other.lease("a", tale.id).contested is not gone


def end_of_lease(store: Store, login: str = "a") -> datetime:
    with store._database.read() as connection:
        query = select(leases.c.expires_at).where(leases.c.login == login)
        end: datetime = connection.execute(query).scalar_one()
    return end


class TestOwner:
    def test_this_process_is_not_gone(self) -> None:
        assert not owner_is_gone(new_owner())

    def test_two_stores_of_one_process_are_two_owners(self) -> None:
        assert new_owner() != new_owner()

    def test_process_that_ended_is_gone(self) -> None:
        with subprocess.Popen(["true"]) as process:
            pass

        assert owner_is_gone(owner_with(new_owner(), pid=str(process.pid)))

    def test_process_whose_end_nobody_took_note_of_is_gone(self) -> None:
        """A killed process stays in the table until its parent asks; a supervisor may be slow to."""
        with subprocess.Popen(["sleep", "60"]) as process:
            start_time = owners._start_time(process.pid)
            owner = owner_with(new_owner(), pid=str(process.pid), start_time=str(start_time))
            assert not owner_is_gone(owner)

            process.kill()
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

            assert owner_is_gone(owner)

    def test_process_id_that_is_used_again_does_not_help(self) -> None:
        assert owner_is_gone(owner_with(new_owner(), start_time="1"))

    @pytest.mark.parametrize("part", ["host", "machine"])
    def test_nobody_knows_of_another_machine(self, part: str) -> None:
        assert not owner_is_gone(owner_with(new_owner(), pid="4194304", **{part: "another"}))

    def test_nobody_knows_where_the_system_does_not_tell(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(owners, "_PROC", tmp_path)
        owner = new_owner()

        assert not owner_is_gone(owner)
        assert not owner_is_gone(owner_with(owner, pid="4194304"))

    def test_name_of_the_program_may_contain_anything(self, tmp_path: Path) -> None:
        """The kernel writes the name in parentheses between the fields, unescaped."""
        program = tmp_path / "a) S (b 1"
        program.symlink_to("/bin/sleep")
        with subprocess.Popen([program, "60"]) as process:
            start_time = owners._start_time(process.pid)
            process.kill()

        assert start_time
        assert start_time.isdigit()
        assert int(start_time) >= int(owners._start_time(os.getpid()) or 0)


class TestTimer:
    """A worker is ended if it doesn't renew what it holds."""

    def test_timer_runs_before_anybody_may_act_and_ends_with_the_operation(
        self, store: Store, url: str, story: type[Story], clock: Clock
    ) -> None:
        tale, ends = story("a"), list[float | None]()
        seconds = 1000.0
        store.write(tale.planned())
        with Store.open(url, now=clock, lease_ttl=MINUTE, elapsed=lambda: seconds, timer=noting(ends)) as worker:
            worker.write(tale.started(), tale.begun(0))
            assert ends[-1] == pytest.approx(1054)
            worker.write(tale.ended(0), tale.finished())
            assert ends[-1] is None

    def test_timer_is_off_when_the_store_is_closed(
        self, store: Store, url: str, story: type[Story], clock: Clock
    ) -> None:
        tale, ends = story("a"), list[float | None]()
        store.write(tale.planned())
        with Store.open(url, now=clock, timer=noting(ends)) as worker:
            worker.write(tale.started(), tale.begun(0))

        assert ends[-1] is None


def test_an_attempt_that_lost_its_lease_does_not_live_on_that_of_the_next_one(
    store: Store, story: type[Story], clock: Clock
) -> None:
    """Both are attempts of one process, for example of the console."""
    tale = story("a")
    store.write(tale.planned())
    store.write(tale.started(), tale.begun(0))
    first = store.lease("a", tale.id)
    assert first.left() > 0
    clock.move(MINUTE)

    next_one = store.lease("a", tale.id)
    store.write(tale.started(tries=2), tale.begun(0))

    assert next_one.left() > 0
    assert first.left() <= 0


def noting(ends: list[float | None]) -> LeaseTimer:
    """Return a timer that ends nothing and notes when it would."""

    class Noting(LeaseTimer):
        def set(self, _: str, until: float | None) -> None:
            ends.append(until)

    return Noting()
