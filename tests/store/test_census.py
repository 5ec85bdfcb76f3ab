"""The census counts what was closed and not released."""

from __future__ import annotations

from datetime import datetime, timedelta

import attrs

from provisioner.core.engine.ports import Closings
from provisioner.core.model import AccountState, OperationKind, TargetState
from provisioner.store import Store
from tests.store.conftest import NOON, Story


def close(store: Store, story: type[Story], login: str, at: datetime, *, ends: bool = True) -> None:
    """Open an account, then close it or begin to."""
    opening = story(login)
    store.write(opening.planned())
    store.write(opening.started(), opening.ended(0))
    store.write(opening.finished(account=attrs.evolve(opening.opened, opened_at=NOON - timedelta(days=9))))
    closing = story(login, id=f"close-{login}", at=at)
    open_account = store.accounts.get_many([login])[login]
    planned = closing.planned()
    closing_operation = attrs.evolve(planned.operation, kind=OperationKind.CLOSE)
    store.write(attrs.evolve(planned, operation=closing_operation, account=open_account))
    if ends:
        closed = attrs.evolve(open_account, state=AccountState.CLOSED, closed_at=at)
        store.write(closing.started(), closing.ended(0, TargetState.CLOSED))
        store.write(closing.finished(account=closed))


def test_the_census_counts_what_was_closed_lately_or_is_about_to_be(store: Store, story: type[Story]) -> None:
    close(store, story, "lately", NOON)
    close(store, story, "before", NOON - timedelta(days=2))
    close(store, story, "begun", NOON, ends=False)

    assert store.census.closed_since(NOON - timedelta(days=1)) == {
        "": Closings(accounts=2, gone=1),
        "mail": Closings(accounts=2, gone=1),
    }


def test_the_census_counts_open_accounts_no_further_than_asked(store: Store, story: type[Story]) -> None:
    for number in range(3):
        close(store, story, f"a{number}", NOON, ends=False)
    close(store, story, "closed", NOON)

    assert [store.census.count_open("", most) for most in (2, 9)] == [2, 3]
    assert [store.census.count_open("mail", 9), store.census.count_open("pys", 9)] == [3, 0]


def test_the_census_counts_the_open_accounts_that_a_target_lacks(store: Store, story: type[Story]) -> None:
    for number in range(3):
        close(store, story, f"a{number}", NOON, ends=False)
    close(store, story, "closed", NOON)

    assert [store.census.count_not_on("mail"), store.census.count_not_on("pys")] == [0, 3]
