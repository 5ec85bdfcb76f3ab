"""The hours of the day in which no warnings are sent."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo

import attrs

from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model import days

#: 22:00 to 08:00.
USUAL = "22:00-08:00"


@attrs.frozen
class QuietHours:
    """A time of every day, which can include midnight.

    They last as long as local clocks show one of these times. If the clocks change meanwhile, so that the end comes
    twice, they end with the second one; if the end is skipped, they end when the clocks go forward.
    """

    begin: time
    #: The first moment after it.
    end: time

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the hours that a text such as ``22:00-08:00`` names; ``None`` for an empty text.

        Raises:

            ConfigurationError: The text names no hours.
        """
        if not text:
            return None
        found = re.fullmatch(r"(\d\d:\d\d)-(\d\d:\d\d)", text)
        try:
            begin, end = map(time.fromisoformat, found.groups() if found else ("", ""))
        except ValueError:
            begin = end = time()
        if begin == end:
            raise ConfigurationError(
                "expected two different times of day, such as {example}, or an empty text", example=USUAL
            )
        return cls(begin, end)

    def until(self, now: datetime, zone: ZoneInfo) -> datetime | None:
        """Return when the current quiet hours end, in UTC; ``None`` outside the quiet hours.

        Args:

            now: The time.

            zone: The time zone of the hours.
        """
        today = now.astimezone(zone).date()
        for day in (today - timedelta(days=1), today):
            last_day = day + timedelta(days=1) if self.end < self.begin else day
            end = days.last_at_time(last_day, self.end, zone)
            if self._begin_on(day, zone) <= now < end:
                return end
        return None

    def ended_before(self, now: datetime, zone: ZoneInfo) -> datetime:
        """Return when the last quiet hours before *now* ended, in UTC.

        Args:

            now: The time.

            zone: The time zone of the hours.
        """
        today = now.astimezone(zone).date()
        ends = (days.last_at_time(today - timedelta(days=ago), self.end, zone) for ago in range(3))
        return next(end for end in ends if end <= now)

    def _begin_on(self, day: date, zone: ZoneInfo) -> datetime:
        """Return when they begin on a day. If the clocks skip that time, they begin when the clocks go forward."""
        return min(days.at_time(day, self.begin, zone), days.last_at_time(day, self.begin, zone))
