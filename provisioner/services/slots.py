"""When routines run: at times of the day, or at regular intervals. Each such moment is a slot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import product
from typing import Protocol
from zoneinfo import ZoneInfo

import attrs

from provisioner.core.engine.clock import FURTHEST_BACK
from provisioner.core.model import days

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: How many days are searched for the last slot: today, and more because a time zone can skip a day.
_DAYS = 3


class Timetable(Protocol):
    """Knows the slots of a routine."""

    @property
    def furthest(self) -> timedelta:
        """How far the clock may be set back without a slot being taken again."""

    def latest(self, now: datetime, /) -> datetime:
        """Return the last slot until *now*, both in UTC."""


@attrs.frozen
class DailyTimes:
    """Slots at times of the day.

    If the clocks go forward past a time, its slot is later by the same amount. If a time occurs twice on a day, the
    slot is the first one.

    Args:

        times: The times; at least one.

        zone: Their time zone.
    """

    times: Sequence[time]
    zone: ZoneInfo
    furthest: timedelta = attrs.field(default=FURTHEST_BACK, init=False)

    def latest(self, now: datetime, /) -> datetime:
        """Return the last slot until *now*, both in UTC."""
        today = now.astimezone(self.zone).date()
        dates = [today - timedelta(days=ago) for ago in range(_DAYS)]
        slots = (days.at_time(date, each, self.zone) for date, each in product(dates, self.times))
        return max(slot for slot in slots if slot <= now)


@attrs.frozen
class Intervals:
    """Slots at regular intervals, counted in UTC from the beginning of 1970.

    Args:

        length: The time between two slots.
    """

    length: timedelta

    @property
    def furthest(self) -> timedelta:
        """How far the clock may be set back without a slot being taken again."""
        return self.length

    def latest(self, now: datetime, /) -> datetime:
        """Return the last slot until *now*, both in UTC."""
        return now - (now - _EPOCH) % self.length
