"""A channel sends no more messages on a day than it may, and no password is changed that could not be sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pytest

from provisioner.core.api.errors import DailyLimitError, NotReadyError
from provisioner.core.api.events import OperationEnded
from provisioner.core.engine.allowances import Allowances
from provisioner.core.model import Operation, OperationState
from provisioner.testing.clock import FakeClock
from provisioner.testing.faults import Fault, FaultChannel
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget
from tests.core.engine.test_engine import PERSONS, UNITS
from tests.crashes import crash_before

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
#: Midnight in Istanbul.
MIDNIGHT = datetime(2026, 11, 29, 21, tzinfo=UTC)
DAY = date(2026, 11, 29)
CODES = [unit.code for unit in UNITS]
LOGINS = [unit.login or "" for unit in UNITS]


@attrs.define(eq=False)
class Site:
    """One store with one target and two channels, for any number of processes."""

    folder: Path
    stack: ExitStack
    target: MemoryTarget = attrs.field(factory=MemoryTarget)
    sms: FaultChannel = attrs.field(factory=lambda: FaultChannel(MemoryChannel()))
    letter: MemoryChannel | None = None
    clock: FakeClock = attrs.field(factory=lambda: FakeClock(NOON))

    def process(self, **sms: Any) -> Harness:
        channels = {"sms": self.sms, **({"letter": self.letter} if self.letter else {})}
        harness = self.stack.enter_context(
            Harness(
                self.folder / "store.sqlite",
                targets={"mail": self.target},
                channels=channels,
                clock=self.clock,
                deliveries={"sms": sms},
            )
        )
        harness.know(units=UNITS, persons=PERSONS)
        return harness

    def opened(self) -> int:
        """Return how many accounts are on the target."""
        return sum(self.target.has(login) for login in LOGINS)


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        yield Site(tmp_path, stack)


def states(operations: list[Operation]) -> list[OperationState]:
    return sorted(operation.state for operation in operations)


def sent(harness: Harness) -> int:
    return harness.store.message_counts.sent("sms", DAY)


def test_a_password_is_changed_that_cannot_be_sent_today(site: Site) -> None:
    harness = site.process(max_per_day=2)

    operations = harness.open(CODES[:4])

    done = [operation for operation in operations if operation.state is OperationState.DONE]
    waiting = [operation for operation in operations if operation not in done]
    assert (len(done), len(waiting), site.opened(), sent(harness)) == (2, 2, 2, 2)
    assert {operation.next_try_at for operation in waiting} == {MIDNIGHT}
    [words] = {str(operation.error.message) for operation in waiting if operation.error}
    assert "sms has sent the 2 messages of today" in words


def test_a_message_that_waits_for_the_next_day_is_forgotten(site: Site) -> None:
    harness = site.process(max_per_day=2)
    harness.open(CODES[:4])
    site.clock.advance(MIDNIGHT - NOON + timedelta(minutes=1))

    resumed = list(harness.app.runs.resume())

    assert states(resumed) == [OperationState.DONE] * 2
    assert harness.store.message_counts.sent("sms", DAY + timedelta(days=1)) == 2


def test_a_run_starts_although_no_message_can_be_sent_today(site: Site) -> None:
    harness = site.process(max_per_day=1)
    harness.open(CODES[:1])
    units = harness.store.units.get_many(CODES[1:2])
    work = harness.planner.open_units(list(units.values()), initiator=INITIATOR)

    with pytest.raises(NotReadyError) as refused:
        harness.engine.preflight(work.work)

    assert "max_per_day" in str(refused.value.errors[0].cure)
    assert site.opened() == 1


def test_a_password_is_changed_after_another_process_took_the_last_place(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    harness = site.process(max_per_day=1)
    harness.open(CODES[:1])
    monkeypatch.setattr(Allowances, "obstacle", lambda *_: None)  # as it was before the other process was quicker

    [operation] = harness.open(CODES[1:2])

    assert "account_create" not in [step.hook for step in operation.steps if step.outcome]
    assert (operation.state, operation.next_try_at) == (OperationState.INCOMPLETE, MIDNIGHT)


def test_two_processes_send_more_together_than_one_may(site: Site) -> None:
    one, other = site.process(max_per_day=3), site.process(max_per_day=3)

    one.open(CODES[:2])
    other.open(CODES[2:5])

    assert (site.opened(), sent(one), sent(other)) == (3, 3, 3)


def test_a_refused_message_counts(site: Site) -> None:
    harness = site.process(max_per_day=1)
    site.sms.faults.on("secret_deliver", Fault.REFUSE, calls=[1])

    harness.open(CODES[:1])
    assert sent(harness) == 0
    harness.open(CODES[1:2])

    assert sent(harness) == 1


def test_a_message_of_which_nobody_knows_does_not_count(site: Site) -> None:
    harness = site.process(max_per_day=5)
    site.sms.faults.on("secret_deliver", Fault.APPLY_AND_LOSE_ANSWER, calls=[1])

    harness.open(CODES[:1])

    assert sent(harness) >= 1


def test_a_crash_gives_a_message_back_that_may_be_out(site: Site) -> None:
    harness = site.process(max_per_day=5)

    harness.on_record = crash_before(OperationEnded)
    with pytest.raises(KeyboardInterrupt):
        harness.open(CODES[:1])

    assert sent(harness) == 1


def test_another_channel_is_not_used_when_one_is_full(site: Site) -> None:
    site.letter = MemoryChannel()
    harness = site.process(max_per_day=1)

    assert states(harness.open(CODES[:3])) == [OperationState.DONE] * 3

    assert sent(harness) == 1
    assert len([1 for person in PERSONS[:3] for _ in site.letter.inbox(person.mobile or "")]) == 2


def test_a_channel_without_a_limit_is_counted(site: Site) -> None:
    harness = site.process()
    harness.open(CODES[:3])

    assert sent(harness) == 0


def test_a_day_begins_at_midnight_of_another_zone() -> None:
    allowances = Allowances(now=lambda: MIDNIGHT, zone=ZoneInfo("Europe/Istanbul"))

    assert allowances.today == DAY + timedelta(days=1)
    assert allowances.next_day_at == MIDNIGHT + timedelta(days=1)


def test_the_day_of_a_count_is_that_of_its_return(site: Site) -> None:
    harness = site.process(max_per_day=2)
    allowances = harness.engine.context.allowances
    give_back: Callable[[], None] = allowances.take("sms")
    site.clock.advance(timedelta(days=1))

    give_back()

    assert sent(harness) == 0


def test_a_notice_about_the_limit_is_refused_by_the_limit(site: Site) -> None:
    allowances = site.process(max_per_day=1).engine.context.allowances
    allowances.take("sms")
    with pytest.raises(DailyLimitError) as full:
        allowances.take("sms")

    allowances.take("sms", beyond=True)
    with pytest.raises(DailyLimitError):
        allowances.take("sms", beyond=True)

    assert full.value.until == MIDNIGHT
    assert full.value.retry_after == 9 * 3600
    assert allowances.full() == {"sms": 1}
