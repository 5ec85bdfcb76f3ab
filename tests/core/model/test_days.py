"""Days and months as people count them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from provisioner.core.model.days import at_wall_time, days_after, months_after, written_day

BERLIN = ZoneInfo("Europe/Berlin")
ISTANBUL = ZoneInfo("Europe/Istanbul")
#: It changed its clocks until 2016.
ZONES = [BERLIN, ISTANBUL, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("America/St_Johns"), ZoneInfo("UTC")]

moments = st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
zones = st.sampled_from(ZONES)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class TestDaysAfter:
    """The same time of day, some days later."""

    @pytest.mark.parametrize(
        ("start", "days", "expected"),
        [
            # The clocks go forward in the night to 29 March 2026, and back in the night to 25 October.
            pytest.param("2026-03-28 08:00", 1, "2026-03-29 07:00", id="over the change in spring"),
            pytest.param("2026-10-24 07:00", 1, "2026-10-25 08:00", id="over the change in autumn"),
            pytest.param("2026-03-28 01:30", 1, "2026-03-29 01:30", id="a time that is jumped over is 3:30"),
            pytest.param("2026-10-24 00:30", 1, "2026-10-25 00:30", id="a time that comes twice is the first"),
            pytest.param("2026-10-25 01:30", 1, "2026-10-26 01:30", id="from the second of a time that came twice"),
            pytest.param("2026-02-27 23:30", 30, "2026-03-29 22:30", id="thirty days"),
            pytest.param("2026-03-30 07:00", -2, "2026-03-28 08:00", id="days before"),
        ],
    )
    def test_keeps_the_time_on_the_wall(self, start: str, days: int, expected: str) -> None:
        assert days_after(utc(start), days, BERLIN) == utc(expected)

    def test_is_days_of_24_hours_where_clocks_are_not_changed(self) -> None:
        start = utc("2026-03-28 08:00")

        assert days_after(start, 30, ISTANBUL) == start + timedelta(days=30)

    @given(moments, zones)
    @example(utc("2026-10-25 01:30"), BERLIN)
    def test_of_no_days_changes_nothing(self, moment: datetime, zone: ZoneInfo) -> None:
        assert days_after(moment, 0, zone) == moment

    @given(moments, st.integers(-400, 400), zones)
    def test_is_the_same_time_of_day_where_it_exists_and_close_to_it_elsewhere(
        self, moment: datetime, days: int, zone: ZoneInfo
    ) -> None:
        wanted = moment.astimezone(zone).replace(tzinfo=None) + timedelta(days=days)

        found = days_after(moment, days, zone)

        assert found.utcoffset() == timedelta(0)
        off = found.astimezone(zone).replace(tzinfo=None) - wanted
        assert timedelta(0) <= off <= timedelta(hours=1)
        assert not off or wanted.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) != wanted

    @given(moments, st.integers(1, 400), zones)
    def test_more_days_are_later(self, moment: datetime, days: int, zone: ZoneInfo) -> None:
        assert days_after(moment, days, zone) > days_after(moment, days - 1, zone)


class TestMonthsAfter:
    """The same day, some months later."""

    @pytest.mark.parametrize(
        ("start", "months", "expected"),
        [
            ("2026-01-15 06:00", 6, "2026-07-15 06:00"),
            ("2026-08-31 06:00", 6, "2027-02-28 06:00"),
            ("2023-08-31 06:00", 6, "2024-02-29 06:00"),
            ("2026-11-30 06:00", 3, "2027-02-28 06:00"),
            ("2026-03-31 06:00", -1, "2026-02-28 06:00"),
            # It is the first of the month already where the people are.
            ("2026-01-31 21:30", 1, "2026-02-28 21:30"),
        ],
    )
    def test_keeps_the_day_or_takes_the_last_one(self, start: str, months: int, expected: str) -> None:
        assert months_after(utc(start), months, ISTANBUL) == utc(expected)

    def test_keeps_the_time_on_the_wall(self) -> None:
        assert months_after(utc("2026-01-15 08:00"), 6, BERLIN) == utc("2026-07-15 07:00")

    def test_means_the_first_of_a_time_that_comes_twice(self) -> None:
        """From the second half past two of one such night to the first one of another, eleven years later."""
        assert months_after(utc("2026-10-25 01:30"), 132, BERLIN) == utc("2037-10-25 00:30")


def test_a_day_begins_where_the_people_are() -> None:
    assert at_wall_time(2026, 8, 1, ISTANBUL) == utc("2026-07-31 21:00")
    assert written_day(utc("2026-07-31 21:00"), ISTANBUL) == "01.08.2026"
