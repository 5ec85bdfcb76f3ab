"""When nobody is woken, in every time zone and on the days on which the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from provisioner.core.api.errors import ConfigurationError
from provisioner.core.policy.quiet_hours import USUAL, QuietHours

ISTANBUL, BERLIN = ZoneInfo("Europe/Istanbul"), ZoneInfo("Europe/Berlin")


def until(hours: str, local: datetime) -> datetime | None:
    """Return when the quiet hours end that it is at a local time."""
    parsed = QuietHours.parse(hours)
    assert parsed
    zone = local.tzinfo
    assert isinstance(zone, ZoneInfo)
    return parsed.until(local.astimezone(UTC), zone)


@pytest.mark.parametrize(
    ("day", "hour", "minute", "end"),
    [
        (10, 21, 59, None),
        (10, 22, 0, datetime(2026, 3, 11, 5, tzinfo=UTC)),
        (11, 0, 0, datetime(2026, 3, 11, 5, tzinfo=UTC)),
        (11, 7, 59, datetime(2026, 3, 11, 5, tzinfo=UTC)),
        (11, 8, 0, None),
        (11, 12, 0, None),
    ],
)
def test_the_night_reaches_over_midnight(day: int, hour: int, minute: int, end: datetime | None) -> None:
    assert until(USUAL, datetime(2026, 3, day, hour, minute, tzinfo=ISTANBUL)) == end


def test_hours_of_one_day_do_not_reach_over_midnight() -> None:
    assert until("12:00-13:30", datetime(2026, 3, 10, 12, 30, tzinfo=ISTANBUL)) == datetime(
        2026, 3, 10, 10, 30, tzinfo=UTC
    )
    assert until("12:00-13:30", datetime(2026, 3, 10, 0, 30, tzinfo=ISTANBUL)) is None


@pytest.mark.parametrize(
    ("hours", "hour", "minute", "ended"),
    [
        (USUAL, 7, 59, (9, 8, 0)),
        (USUAL, 8, 0, (10, 8, 0)),
        (USUAL, 23, 0, (10, 8, 0)),
        ("12:00-13:30", 13, 29, (9, 13, 30)),
        ("12:00-13:30", 13, 30, (10, 13, 30)),
        ("00:00-23:59", 0, 0, (9, 23, 59)),
    ],
)
def test_the_last_quiet_hours_have_ended_already(
    hours: str, hour: int, minute: int, ended: tuple[int, int, int]
) -> None:
    parsed = QuietHours.parse(hours)
    assert parsed
    now = datetime(2026, 3, 10, hour, minute, tzinfo=ISTANBUL).astimezone(UTC)

    assert parsed.ended_before(now, ISTANBUL) == datetime(2026, 3, *ended, tzinfo=ISTANBUL)


@pytest.mark.parametrize(
    ("evening", "end"),
    [
        (datetime(2026, 3, 28, 23, 0, tzinfo=BERLIN), datetime(2026, 3, 29, 6, 0, tzinfo=UTC)),
        (datetime(2026, 10, 24, 23, 0, tzinfo=BERLIN), datetime(2026, 10, 25, 7, 0, tzinfo=UTC)),
    ],
)
def test_the_night_in_which_the_clocks_change_ends_by_the_new_time(evening: datetime, end: datetime) -> None:
    assert until(USUAL, evening) == end


def test_an_end_that_the_clocks_skip_is_when_they_go_forward() -> None:
    assert until("22:00-02:30", datetime(2026, 3, 29, 1, 0, tzinfo=BERLIN)) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert until("22:00-02:30", datetime(2026, 3, 29, 3, 0, tzinfo=BERLIN)) is None


def test_a_beginning_that_the_clocks_skip_is_when_they_go_forward() -> None:
    assert until("02:30-08:00", datetime(2026, 3, 29, 3, 0, tzinfo=BERLIN)) == datetime(2026, 3, 29, 6, 0, tzinfo=UTC)
    assert until("02:30-08:00", datetime(2026, 3, 29, 1, 59, tzinfo=BERLIN)) is None


def test_an_end_that_comes_twice_is_the_last_one() -> None:
    first = datetime(2026, 10, 25, 2, 15, tzinfo=BERLIN)

    for local in (first, first.replace(minute=45), first.replace(fold=1)):
        assert until("22:00-02:30", local) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert until("22:00-02:30", first.replace(minute=30, fold=1)) is None


def test_there_may_be_none() -> None:
    assert QuietHours.parse("") is None


@pytest.mark.parametrize("text", ["22-08", "22:00-22:00", "22:00", "25:00-08:00", "22:00-8:00", "nights"])
def test_what_names_no_hours_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        QuietHours.parse(text)
