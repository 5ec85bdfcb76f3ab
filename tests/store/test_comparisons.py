"""Every comparison is kept, and a part of one passes for no whole one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from provisioner.core.model import StepError
from provisioner.core.reconcile.differences import TargetCompared
from provisioner.core.reconcile.history import PastComparison
from provisioner.store import Store
from tests.store.conftest import NOON

DAY = timedelta(days=1)
ERROR = StepError(name="PartialListError", message="the list ended early")


def compare(
    store: Store,
    day: int,
    differences: Mapping[str, int],
    *,
    target: str = "posta",
    unit: str | None = None,
    error: StepError | None = None,
) -> None:
    event = TargetCompared(
        at=NOON + day * DAY + timedelta(minutes=1),
        actor="p1",
        target=target,
        started_at=NOON + day * DAY,
        listed=39,
        differences=differences,
        unit=unit,
        error=error,
    )
    store.write(event)


def test_all_that_is_known_of_a_comparison_is_kept(store: Store) -> None:
    compare(store, 0, {"extra": 1, "missing": 2}, error=ERROR)

    assert store.comparisons.last("posta") == PastComparison(
        target="posta",
        started_at=NOON,
        ended_at=NOON + timedelta(minutes=1),
        listed=39,
        differences={"extra": 1, "missing": 2},
        error=ERROR,
    )
    assert store.audit_log.verify_chain() is None


def test_the_last_one_replaces_none_before(store: Store) -> None:
    for day in range(5):
        compare(store, day, {"missing": day} if day else {})

    assert [comparison.total for comparison in store.comparisons.trend("posta", 3)] == [2, 3, 4]
    assert [comparison.total for comparison in store.comparisons.trend("posta", 10)] == [0, 1, 2, 3, 4]


def test_another_target_is_another_matter(store: Store) -> None:
    compare(store, 0, {}, target="pys")

    assert store.comparisons.last("posta") is None
    assert store.comparisons.trend("posta", 10) == []


def test_a_part_of_the_accounts_is_no_whole_comparison(store: Store) -> None:
    """Otherwise a target with a hundred differences looks clean after one unit was compared."""
    compare(store, 0, {"missing": 100})
    compare(store, 1, {}, unit="ar-ge")

    last = store.comparisons.last("posta")
    assert last
    assert last.total == 100
    assert len(store.comparisons.trend("posta", 10)) == 1


def test_a_list_that_ended_early_is_the_last_one_and_no_part_of_the_trend(store: Store) -> None:
    """It found nothing in what it has not read."""
    compare(store, 0, {"missing": 3})
    compare(store, 1, {}, error=ERROR)

    last = store.comparisons.last("posta")
    assert last
    assert last.error == ERROR
    assert [comparison.total for comparison in store.comparisons.trend("posta", 10)] == [3]
