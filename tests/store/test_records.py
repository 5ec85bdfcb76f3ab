"""What is read is what was asked for, in its order, however much there is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import attrs
import pytest

from provisioner.core.model import (
    Account,
    AccountKind,
    AccountState,
    OperationKind,
    OperationState,
    TargetState,
    Unit,
)
from provisioner.store import Store
from provisioner.store.db.chunks import CHUNK

if TYPE_CHECKING:
    from tests.store.conftest import Clock, Story

HOUR = timedelta(hours=1)
#: More than two pages.
MANY = 2 * CHUNK + 7


@pytest.fixture
def town(store: Store) -> Store:
    """46 has the districts 46.1 and 46.2; 46.1 has two schools."""
    parents = {"46.1": "46", "46.2": "46", "46.1.b": "46.1", "46.1.a": "46.1"}
    store.save_units(Unit(code=code, name=code, kind="office", parent=parent) for code, parent in parents.items())
    return store


def plan(store: Store, story: type[Story], *accounts: Account) -> None:
    """Bring these accounts into the store as they are."""
    tales = [story(account.login, id=f"op-{account.unit}-{account.login}") for account in accounts]
    store.write(*(attrs.evolve(tale.planned(), account=account) for tale, account in zip(tales, accounts, strict=True)))


def account(login: str, unit: str = "46", **more: object) -> Account:
    return Account(login=login, domain="meb.gov.tr", unit=unit, **more)  # type: ignore[arg-type]


class TestBulk:
    def test_more_than_a_statement_takes(self, store: Store, story: type[Story]) -> None:
        logins = [f"a{number:05}" for number in range(MANY)]
        plan(store, story, *map(account, logins))

        assert list(store.accounts(logins)) == logins
        assert len(store.unended(logins)) == MANY
        assert len(store.operations(f"op-46-{login}" for login in logins)) == MANY

    def test_what_does_not_exist_is_left_out(self, store: Store) -> None:
        assert set(store.units(["46", "none"])) == {"46"}
        assert not store.units([])
        assert not store.accounts(["none"])
        assert not store.persons(["none"])
        assert not store.operations(["none"])


class TestUnitAccounts:
    def test_they_come_by_unit(self, town: Store, story: type[Story]) -> None:
        plan(town, story, account("a", "46.1"), account("b", "46.2"), account("c", "46"))

        found = town.unit_accounts(["46.1", "46.2", "46.1.a"])

        assert {code: one.login for code, one in found.items()} == {"46.1": "a", "46.2": "b"}

    def test_personal_accounts_are_not_among_them(self, town: Store, story: type[Story]) -> None:
        plan(town, story, account("a", kind=AccountKind.PERSONAL))

        assert town.unit_accounts(["46"]) == {}

    @pytest.mark.parametrize("closed", ["a", "z"])
    def test_closed_predecessor_does_not_hide_the_open_one(self, town: Store, story: type[Story], closed: str) -> None:
        plan(town, story, account("m", state=AccountState.OPEN), account(closed, state=AccountState.CLOSED))

        assert town.unit_accounts(["46"])["46"].login == "m"


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
        assert logins(town.find_accounts()) == ["a", "b", "c", "d"]

    def test_by_state(self, town: Store) -> None:
        assert logins(town.find_accounts(state=AccountState.OPEN)) == ["a", "c", "d"]

    def test_under_a_unit(self, town: Store) -> None:
        assert logins(town.find_accounts(under="46.1")) == ["b", "c"]
        assert logins(town.find_accounts(under="none")) == []
        assert logins(town.find_accounts(unit="46.1")) == ["b"]
        assert sorted(town.accounts_under(["46.1", "46.1.a"])) == ["b", "c"]

    def test_by_holder(self, town: Store) -> None:
        assert logins(town.find_accounts(holder="p1", state=AccountState.OPEN)) == ["c"]

    def test_by_deadline(self, town: Store, clock: Clock) -> None:
        assert logins(town.find_accounts(due_before=clock() + 2 * HOUR)) == ["a", "c"]

    def test_due_ones_come_by_urgency(self, town: Store, clock: Clock) -> None:
        assert logins(town.due_accounts(clock() + 2 * HOUR)) == ["c", "a", "d"]
        assert logins(town.due_accounts(clock() - HOUR)) == []

    def test_deadlines_can_be_set_anew(self, town: Store, clock: Clock) -> None:
        known = town.accounts(["b", "c"])
        town.save_deadlines([attrs.evolve(known["b"], next_deadline=clock())])
        town.save_deadlines([attrs.evolve(known["c"], next_deadline=None)])
        town.save_deadlines([])

        assert logins(town.due_accounts(clock() + HOUR)) == ["b", "a"]

    def test_a_deadline_of_an_account_that_was_changed_meanwhile_is_not_set(self, town: Store, clock: Clock) -> None:
        """It was computed from a password that is not in force any more."""
        known = town.accounts(["a", "b"])
        town.save_deadlines([attrs.evolve(known["b"], password_changed_at=clock() - HOUR, next_deadline=clock())])
        town.save_deadlines([attrs.evolve(known["a"], state=AccountState.INCOMPLETE, next_deadline=None)])

        assert town.accounts(["a", "b"]) == known

    def test_counts(self, town: Store) -> None:
        assert town.count_accounts() == {AccountState.OPEN: 3, AccountState.CLOSED: 1}
        assert town.count_operations() == {OperationState.PLANNED: 4}


def logins(accounts: Iterator[Account]) -> list[str]:
    return [one.login for one in accounts]


class TestPersons:
    """What the personnel office asks before somebody leaves."""

    def test_accounts_that_are_closed_are_nobodys(self, town: Store, story: type[Story]) -> None:
        states = {"a": AccountState.OPEN, "b": AccountState.CLOSED, "c": AccountState.INCOMPLETE}
        plan(town, story, *(account(login, holder="p1", state=state) for login, state in states.items()), account("d"))

        assert [one.login for one in town.accounts_of_holder("p1")] == ["a", "c"]

    def test_units_of_a_custodian(self, town: Store) -> None:
        town.save_units(Unit(code=code, name=code, kind="office", custodian="p1") for code in ("46.2", "46.1"))

        assert [unit.code for unit in town.units_of_custodian("p1")] == ["46.1", "46.2"]
        assert town.units_of_custodian("p2") == []

    def test_only_handovers_that_were_begun_and_not_ended_count(
        self, store: Store, story: type[Story], clock: Clock
    ) -> None:
        for login in ("planned", "begun", "stuck", "done"):
            tale = story(login)
            handover = attrs.evolve(tale.operation, kind=OperationKind.HANDOVER, outgoing="p1", holder="p2")
            store.write(attrs.evolve(tale.planned(), operation=handover))
        store.write(story("begun").started(), story("begun").begun(0))
        store.write(story("stuck").started(), story("stuck").stuck(clock()))
        store.write(story("done").started(), story("done").finished())
        other = story("create")
        store.write(other.planned())
        store.write(other.started(), other.begun(0))

        assert [operation.login for operation in store.unended_handovers("p1")] == ["begun", "stuck"]
        assert [operation.login for operation in store.unended_handovers("p2")] == ["begun", "stuck"]
        assert store.unended_handovers("p3") == []
        assert len(store.unended_handovers("p1")[0].steps) == 1


class TestPages:
    def test_accounts_come_once_each(self, store: Store, story: type[Story]) -> None:
        names = [f"a{number:05}" for number in range(MANY)]
        plan(store, story, *map(account, names))

        assert logins(store.find_accounts()) == names

    def test_due_accounts_with_the_same_deadline_come_once_each(
        self, store: Store, story: type[Story], clock: Clock
    ) -> None:
        names = [f"a{number:05}" for number in range(MANY)]
        plan(store, story, *(account(name, next_deadline=clock()) for name in names))

        assert logins(store.due_accounts(clock())) == names

    def test_operations_of_one_moment_come_once_each(self, store: Store, story: type[Story], clock: Clock) -> None:
        plan(store, story, *(account(f"a{number:05}") for number in range(MANY)))

        ids = [f"op-46-a{number:05}" for number in range(MANY)]
        assert [operation.id for operation in store.resumable(clock())] == ids
        assert [operation.id for operation in store.find_operations()] == ids[::-1]

    def test_reader_that_takes_its_time_does_not_keep_writers_out(
        self, store: Store, story: type[Story], clock: Clock
    ) -> None:
        """Whoever drives operations while listing them must neither wait for himself nor see one twice."""
        plan(store, story, *(account(f"a{number:05}") for number in range(MANY)))
        seen = []

        for operation in store.resumable(clock()):
            seen.append(operation.id)
            if len(seen) % CHUNK == 1:
                tale = story(operation.login, id=operation.id)
                store.write(tale.started(), tale.stuck(clock()))
                assert store._database.reader.pool.status().endswith("Current Checked out connections: 0")

        assert len(seen) == len(set(seen)) == MANY

    def test_list_that_is_not_read_to_its_end_leaves_nothing_open(self, store: Store, story: type[Story]) -> None:
        plan(store, story, *(account(f"a{number:05}") for number in range(CHUNK + 1)))

        next(store.find_accounts())

        assert store._database.reader.pool.status().endswith("Current Checked out connections: 0")


class TestFindOperations:
    @pytest.fixture(autouse=True)
    def _operations(self, store: Store, story: type[Story], clock: Clock) -> None:
        for number, login in enumerate(["a", "b", "a"]):
            tale = story(login, id=f"op{number}", at=clock() + number * HOUR)
            account = store.accounts([login]).get(login, tale.account)
            store.write(attrs.evolve(tale.planned(), account=account))
            store.write(tale.started(), tale.begun(0), tale.ended(0, TargetState.OPEN))
            store.write(tale.finished(OperationState.DONE if number else OperationState.FAILED))

    def test_latest_first(self, store: Store) -> None:
        assert [operation.id for operation in store.find_operations()] == ["op2", "op1", "op0"]

    def test_of_an_account(self, store: Store) -> None:
        assert [operation.id for operation in store.find_operations(login="a")] == ["op2", "op0"]

    def test_by_state(self, store: Store) -> None:
        assert [operation.id for operation in store.find_operations(state=OperationState.FAILED)] == ["op0"]

    def test_with_their_steps(self, store: Store, story: type[Story]) -> None:
        (operation,) = store.find_operations(login="b")

        assert operation.kind is OperationKind.CREATE
        assert operation.steps == (story("b").ended(0).step,)
