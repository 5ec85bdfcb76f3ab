"""The slots of a day: none twice and none lost, also when clocks change or are set."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from itertools import cycle
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.core.model.routines import WorkerRoutine
from provisioner.services.slots import DailyTimes, Intervals, Timetable
from provisioner.store import Store

BERLIN = ZoneInfo("Europe/Berlin")
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)
MINUTE = timedelta(minutes=1)

ZONES = st.sampled_from([ZoneInfo(name) for name in ("Europe/Istanbul", "Europe/Berlin", "Pacific/Apia", "UTC")])
TIMES = st.lists(st.times().map(lambda each: each.replace(second=0, microsecond=0)), min_size=1, max_size=4)
MOMENTS = st.datetimes(datetime(2011, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
TIMETABLES = st.one_of(
    st.builds(DailyTimes, TIMES, ZONES),
    st.integers(1, 24 * 60).map(lambda minutes: Intervals(minutes * MINUTE)),
)


@given(TIMETABLES, MOMENTS)
def test_a_slot_is_its_own_latest_until_the_next(timetable: Timetable, now: datetime) -> None:
    slot = timetable.latest(now)

    assert now - timedelta(days=3) < slot <= now
    assert timetable.latest(slot) == slot
    assert timetable.latest(slot + (now - slot) / 2) == slot


def slots_of(day: date, *times: str) -> list[datetime]:
    """Return the slots that a worker sees that looks each minute, on a day in Berlin."""
    timetable = DailyTimes([time.fromisoformat(each) for each in times], BERLIN)
    start = datetime.combine(day, time(0), BERLIN).astimezone(UTC)
    seen = Counter(timetable.latest(start + number * MINUTE) for number in range(25 * 60))
    return [slot.astimezone(BERLIN) for slot in sorted(seen) if slot.astimezone(BERLIN).date() == day]


def test_a_time_that_the_clocks_skip_has_a_slot() -> None:
    assert [f"{slot:%H:%M}" for slot in slots_of(SPRING, "01:30", "02:30", "04:00")] == ["01:30", "03:30", "04:00"]


def test_a_time_that_comes_twice_has_one_slot() -> None:
    assert [f"{slot:%H:%M} {slot.fold}" for slot in slots_of(AUTUMN, "02:30", "03:30")] == ["02:30 0", "03:30 0"]


@attrs.define
class SlotClock:
    """A clock that the test sets."""

    time: datetime

    def __call__(self) -> datetime:
        return self.time


STEPS = st.lists(
    st.one_of(st.integers(1, 300), st.integers(-55, -1), st.just(60)).map(lambda minutes: minutes * MINUTE), max_size=30
)


@settings(max_examples=50)
@given(
    st.one_of(st.builds(DailyTimes, TIMES, ZONES), st.just(Intervals(60 * MINUTE))),
    st.datetimes(datetime(2026, 3, 27), datetime(2026, 10, 26), timezones=st.just(UTC)),  # noqa: DTZ001
    STEPS,
)
def test_no_slot_is_lost_and_none_is_taken_twice(timetable: Timetable, start: datetime, steps: list[timedelta]) -> None:
    """Two workers look in turn, while time passes and the clock is set back now and then."""
    clock, furthest_ahead, taken, latest = SlotClock(start), start, [], timetable.latest(start)
    with (
        TemporaryDirectory() as folder,
        Store.create(f"sqlite:///{folder}/store.sqlite", now=clock) as one,
        Store.open(f"sqlite:///{folder}/store.sqlite", now=clock) as other,
    ):
        for step, store in zip([timedelta(0), *steps], cycle([one, other]), strict=False):
            clock.time = max(clock.time + step, furthest_ahead - timetable.furthest)
            furthest_ahead = max(furthest_ahead, clock.time)
            latest = max(latest, timetable.latest(clock.time))
            slot = store.slots.take(WorkerRoutine.SWEEP, timetable.latest, furthest=timetable.furthest)
            taken += [slot] if slot else []
            store.slots.end(WorkerRoutine.SWEEP)
            assert taken[-1] == latest, "a slot was lost"

    assert len(taken) == len(set(taken)), "a slot was taken twice"
