"""The last answer of a target about an account is remembered, until something newer is known."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest

from provisioner.core.model import Account, StepError
from provisioner.core.model.differences import DifferenceKind
from provisioner.core.reconcile.differences import TargetCompared
from provisioner.core.reconcile.ports import LastAnswer
from provisioner.store import Store
from tests.store.conftest import NOON, Story

MINUTE = timedelta(minutes=1)


def answers(*names: str, at: timedelta = timedelta(0), difference: DifferenceKind | None = None) -> list[LastAnswer]:
    return [LastAnswer(login=name, at=NOON + at, difference=difference) for name in names]


def compare(store: Store, *, unit: str | None = None, error: StepError | None = None, target: str = "posta") -> None:
    at = NOON + MINUTE
    event = TargetCompared(at=at, target=target, started_at=at, listed=1, differences={}, unit=unit, error=error)
    store.write(event)


def operate(store: Store, tale: Story, before: Account | None = None) -> None:
    store.write(attrs.evolve(tale.planned(), account=before or tale.account))
    store.write(tale.started(), tale.finished())


@pytest.fixture(name="different")
def _different(store: Store, story: type[Story]) -> Store:
    """A store in which a differed on posta at noon, and b did not."""
    for login in ("a", "b"):
        operate(store, story(login, at=NOON - MINUTE))
    store.verifications.note("posta", answers("a", difference=DifferenceKind.DISABLED))
    store.verifications.note("posta", answers("b"))
    return store


def test_the_last_answer_of_each_target_counts(different: Store) -> None:
    different.verifications.note("posta", answers("b", at=MINUTE))
    different.verifications.note("pys", answers("a", at=2 * MINUTE))

    assert different.verifications.times("posta", ["a", "b", "c"]) == {"a": NOON, "b": NOON + MINUTE}
    assert different.verifications.times("pys", ["a", "b"]) == {"a": NOON + 2 * MINUTE}


def test_accounts_that_differ_are_named_until_an_answer_says_otherwise(different: Store) -> None:
    assert different.verifications.different("posta") == ["a"]
    assert different.verifications.different("pys") == []

    different.verifications.note("posta", answers("a", at=MINUTE))
    assert different.verifications.different("posta") == []


def test_an_operation_is_newer_than_an_answer(different: Store, story: type[Story]) -> None:
    different.verifications.note("posta", answers("b", difference=DifferenceKind.MISSING))
    different.write(story("a", id="running", at=NOON - MINUTE).planned(opened=True))
    assert different.verifications.different("posta") == ["b"]

    [before] = different.accounts.get_many(["b"]).values()
    operate(different, story("b", id="ended", at=NOON + MINUTE), before)
    assert different.verifications.different("posta") == []


def test_a_complete_comparison_of_the_target_is_newer_than_an_answer(different: Store) -> None:
    compare(different, target="pys")
    compare(different, unit="46")
    assert different.verifications.different("posta") == ["a"]
    compare(different, error=StepError(name="PartialListError", message="the list ended early"))
    assert different.verifications.different("posta") == ["a"]

    compare(different)
    assert different.verifications.different("posta") == []
