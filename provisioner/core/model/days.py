"""Arithmetic with days and months as people count them: by the calendar and the clock on the wall.

Three days after nine o'clock is nine o'clock, also if the clocks were changed meanwhile. A time that the clocks jumped
over is taken as much later as they jumped; of a time that comes twice, the first one is meant.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


def days_after(moment: datetime, days: int, zone: ZoneInfo) -> datetime:
    """Return the same time of day so many days later, in UTC; days before, if negative."""
    return _in_utc(_wall(moment, zone) + timedelta(days=days), zone) if days else moment


def months_after(moment: datetime, months: int, zone: ZoneInfo) -> datetime:
    """Return the same day and time so many months later, in UTC; the month's last day if it has no such day."""
    wall = _wall(moment, zone)
    years, month = divmod(wall.month - 1 + months, 12)
    year, month = wall.year + years, month + 1
    day = min(wall.day, monthrange(year, month)[1])
    return _in_utc(wall.replace(year=year, month=month, day=day), zone)


def at_wall_time(year: int, month: int, day: int, zone: ZoneInfo, *, hour: int = 0) -> datetime:
    """Return when it is that hour of that day, in UTC."""
    return _in_utc(datetime(year, month, day, hour), zone)  # noqa: DTZ001


def written_day(moment: datetime, zone: ZoneInfo) -> str:
    """Return the day of a moment, as people write it in Turkey."""
    day = moment.astimezone(zone)
    return f"{day.day:02}.{day.month:02}.{day.year}"


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def _in_utc(wall: datetime, zone: ZoneInfo) -> datetime:
    return wall.replace(tzinfo=zone).astimezone(UTC)
