"""A time without a zone is refused where it enters, as nobody could say later when it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import attrs
import pytest

from provisioner.core.model.validators import require_utc

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@attrs.frozen
class Timed:
    at: datetime | None = attrs.field(validator=require_utc)


@pytest.mark.parametrize("time", [NOON.replace(tzinfo=None), NOON.astimezone(timezone(timedelta(hours=3)))])
def test_a_time_that_is_not_in_utc_is_refused_with_the_name_of_the_field(time: datetime) -> None:
    with pytest.raises(ValueError, match="at must be an aware datetime in UTC"):
        Timed(time)


@pytest.mark.parametrize("time", [NOON, NOON.replace(tzinfo=timezone(timedelta(0), "GMT")), None])
def test_utc_by_any_name_and_none_are_taken(time: datetime | None) -> None:
    assert Timed(time).at == time
