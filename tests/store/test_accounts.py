"""Accounts are found by what they are, each once, and in the order of their logins."""

from __future__ import annotations

from datetime import timedelta

import pytest

from provisioner.core.model import (
    AccountKind,
    AccountState,
    OperationState,
)
from provisioner.store import Store
from provisioner.store.db.chunks import CHUNK
from tests.store.conftest import Clock, Story
from tests.store.towns import account, logins, plan

HOUR = timedelta(hours=1)
#: More than two pages.
MANY = 2 * CHUNK + 7


class TestUnitAccounts:
    def test_they_come_by_unit(self, town: Store, story: type[Story]) -> None:
        plan(town, story, account("a", "46.1"), account("b", "46.2"), account("c", "46"))

        found = town.accounts.of_units(["46.1", "46.2", "46.1.a"])

        assert {code: found_account.login for code, found_account in found.items()} == {"46.1": "a", "46.2": "b"}

    def test_personal_accounts_are_not_among_them(self, town: Store, story: type[Story]) -> None:
        plan(town, story, account("a", kind=AccountKind.PERSONAL))

        assert town.accounts.of_units(["46"]) == {}

    @pytest.mark.parametrize("closed", ["a", "z"])
    def test_closed_predecessor_does_not_hide_the_open_one(self, town: Store, story: type[Story], closed: str) -> None:
        plan(town, story, account("m", state=AccountState.OPEN), account(closed, state=AccountState.CLOSED))

        assert town.accounts.of_units(["46"])["46"].login == "m"


class TestFindAccounts:
    @pytest.fixture(autouse=True)
    def _accounts(self, town: Store, story: type[Story], clock: Clock) -> None:
        plan(
            town,
            story,
            account("d", "46", state=AccountState.OPEN, next_deadline=clock() + 2 * HOUR),
            account("b", "46.1", state=AccountState.CLOSED, holder="p1"),
            account("c", "46.1.a", state=AccountState.OPEN, next_deadline=clock(), holder="p1"),
            account("a", "46.2", state=AccountState.OPEN, next_deadline=clock() + HOUR),
        )

    def test_all_by_login(self, town: Store) -> None:
        assert logins(town.accounts.find()) == ["a", "b", "c", "d"]

    def test_by_state(self, town: Store) -> None:
        assert logins(town.accounts.find(state=AccountState.OPEN)) == ["a", "c", "d"]

    def test_under_a_unit(self, town: Store) -> None:
        assert logins(town.accounts.find(under="46.1")) == ["b", "c"]
        assert logins(town.accounts.find(under="none")) == []
        assert logins(town.accounts.find(unit="46.1")) == ["b"]
        assert sorted(town.accounts.under(["46.1", "46.1.a"])) == ["b", "c"]

    def test_by_holder(self, town: Store) -> None:
        assert logins(town.accounts.find(holder="p1", state=AccountState.OPEN)) == ["c"]

    def test_by_deadline(self, town: Store, clock: Clock) -> None:
        assert logins(town.accounts.find(due_before=clock() + 2 * HOUR)) == ["a", "c"]

    def test_counts(self, town: Store) -> None:
        assert town.accounts.count() == {AccountState.OPEN: 3, AccountState.CLOSED: 1}
        assert town.operations.count() == {OperationState.PLANNED: 4}


def test_accounts_that_are_closed_are_nobodys(town: Store, story: type[Story]) -> None:
    states = {"a": AccountState.OPEN, "b": AccountState.CLOSED, "c": AccountState.INCOMPLETE}
    plan(town, story, *(account(login, holder="p1", state=state) for login, state in states.items()), account("d"))

    assert [account.login for account in town.accounts.of_holder("p1")] == ["a", "c"]


def test_accounts_come_once_each(store: Store, story: type[Story]) -> None:
    names = [f"a{number:05}" for number in range(MANY)]
    plan(store, story, *map(account, names))

    assert logins(store.accounts.find()) == names
