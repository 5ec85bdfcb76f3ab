"""A clock that is wrong for a moment is not believed, and one that is right is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from provisioner.core.engine.clock import FURTHEST_BACK, LONGEST_REST, KnownTimes

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
KNOWN = KnownTimes(trusted_at=NOON, latest_at=NOON)


@pytest.mark.parametrize("away", [LONGEST_REST, -FURTHEST_BACK])
def test_it_goes_on_up_to_a_limit(away: timedelta) -> None:
    beyond = NOON + away + (MINUTE if away > timedelta(0) else -MINUTE)

    assert KNOWN.objection(NOON + away) is None
    assert KNOWN.after(NOON + away).trusted_at == max(NOON, NOON + away)
    assert KNOWN.objection(beyond) is not None
    assert KNOWN.after(beyond).trusted_at == NOON


@pytest.mark.parametrize(("days", "said"), [(400, "400 days ahead"), (-400, "400 days behind")])
def test_an_objection_says_how_far_the_clock_is_off(days: int, said: str) -> None:
    assert said in str(KNOWN.objection(NOON + timedelta(days=days)))


def test_a_time_that_is_not_believed_is_remembered_as_the_latest() -> None:
    """Otherwise nothing would tell later that times were stored which have not come."""
    ahead = NOON + timedelta(days=400)
    after = KNOWN.after(ahead)

    assert (after.trusted_at, after.latest_at) == (NOON, ahead)
    assert after.has_future(NOON)
    assert not after.has_future(ahead - FURTHEST_BACK)
