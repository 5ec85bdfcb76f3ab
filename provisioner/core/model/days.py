"""Calculations with days and months according to the calendar and the local time.

Three days after 09:00 is 09:00, even if daylight saving time starts or ends in between. If a local time doesn't exist
because the clocks go forward, the result is later by the same amount. If a local time occurs twice, the first one is
used.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from provisioner.core.model.text import Text

_DAY = timedelta(days=1)


def utc_now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


def days_after(moment: datetime, days: int, zone: ZoneInfo) -> datetime:
    """Return the same time of day *days* days later, in UTC; earlier if negative."""
    if not days:
        return moment
    later = moment + days * _DAY
    local = later.astimezone(zone)
    if moment.astimezone(zone).utcoffset() == local.utcoffset() and not local.fold:
        return later if later.tzinfo is UTC else later.astimezone(UTC)
    return _in_utc(_wall(moment, zone) + days * _DAY, zone)


def months_after(moment: datetime, months: int, zone: ZoneInfo) -> datetime:
    """Return the same day and time *months* months later, in UTC; the last day of the month if it has no such day."""
    from calendar import monthrange

    wall = _wall(moment, zone)
    years, month = divmod(wall.month - 1 + months, 12)
    year, month = wall.year + years, month + 1
    day = min(wall.day, monthrange(year, month)[1])
    return _in_utc(wall.replace(year=year, month=month, day=day), zone)


def at_wall_time(year: int, month: int, day: int, zone: ZoneInfo, *, hour: int = 0) -> datetime:
    """Return the time in UTC of a local day and hour."""
    return _in_utc(datetime(year, month, day, hour), zone)  # noqa: DTZ001


def at_time(day: date, time_of_day: time, zone: ZoneInfo) -> datetime:
    """Return the time in UTC of a local day and time of day."""
    return _in_utc(datetime.combine(day, time_of_day), zone)


def last_at_time(day: date, time_of_day: time, zone: ZoneInfo) -> datetime:
    """Return the last time in UTC at which a local clock shows a time of day, or goes forward past it."""
    first, second = (
        datetime.combine(day, time_of_day).replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)
    )
    return second if first <= second else _change_between(second, first, zone)


def _change_between(earliest: datetime, latest: datetime, zone: ZoneInfo) -> datetime:
    """Return when the clocks change. They change at whole minutes."""
    before, moment = earliest.astimezone(zone).utcoffset(), earliest.replace(second=0, microsecond=0)
    while moment < latest and moment.astimezone(zone).utcoffset() == before:
        moment += timedelta(minutes=1)
    return moment


def written_day(moment: datetime, zone: ZoneInfo) -> str:
    """Return the day of a moment, in Turkish notation."""
    day = moment.astimezone(zone)
    return f"{day.day:02}.{day.month:02}.{day.year}"


def _wall(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def _in_utc(wall: datetime, zone: ZoneInfo) -> datetime:
    return wall.replace(tzinfo=zone).astimezone(UTC)


def days_text(count: int) -> Text:
    """Return a number of days as messages have it."""
    return Text.counted("{count} day", "{count} days", count=count)
