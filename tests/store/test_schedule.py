"""Which rule sets hold since when, and how far the deadlines are computed."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest

from provisioner.core.api.events import RulesChanged
from provisioner.core.model import AccountState
from provisioner.core.policy.ports import ScheduleState
from provisioner.store import Store
from provisioner.store.db.chunks import CHUNK
from tests.store.conftest import NOON, Clock, Story
from tests.store.towns import account, logins, plan

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
#: More than two pages.
MANY = 2 * CHUNK + 7


def change(store: Store, *names: str, gone: tuple[str, ...] = (), days: int = 0) -> None:
    store.write(RulesChanged(at=NOON + days * DAY, actor="p1", fingerprint="-".join(names), rule_sets=names, gone=gone))


def test_a_rule_set_holds_since_it_was_first_there(store: Store) -> None:
    change(store, "a")
    change(store, "a", "b", days=1)

    assert store.schedule.rule_sets_since() == {"a": NOON, "b": NOON + DAY}


def test_one_that_was_gone_begins_anew(store: Store) -> None:
    change(store, "a")
    change(store, "b", gone=("a",), days=1)
    change(store, "a", gone=("b",), days=2)

    assert store.schedule.rule_sets_since() == {"a": NOON + 2 * DAY}


def test_a_change_computes_from_the_first_login_on(store: Store) -> None:
    assert store.schedule.state() == ScheduleState()
    change(store, "a")
    assert store.schedule.state() == ScheduleState(fingerprint="a", cursor="")

    store.schedule.save([], reached="m")
    assert store.schedule.state().cursor == "m"
    store.schedule.finish()
    assert store.schedule.state() == ScheduleState(fingerprint="a", cursor=None)


class TestDeadlines:
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

    def test_due_ones_come_by_urgency(self, town: Store, clock: Clock) -> None:
        assert logins(town.schedule.due(clock() + 2 * HOUR)) == ["c", "a", "d"]
        assert logins(town.schedule.due(clock() - HOUR)) == []

    def test_the_deadlines_of_those_that_are_still_due_are_told(self, town: Store, clock: Clock) -> None:
        assert town.schedule.still_due(["a", "b", "c", "nobody"], clock()) == {"c": clock()}

    def test_deadlines_can_be_set_again(self, town: Store, clock: Clock) -> None:
        known = town.accounts.get_many(["b", "c"])
        town.schedule.save([(known["b"], attrs.evolve(known["b"], next_deadline=clock()))])
        town.schedule.save([(known["c"], attrs.evolve(known["c"], next_deadline=None))])
        town.schedule.save([])

        assert logins(town.schedule.due(clock() + HOUR)) == ["b", "a"]

    def test_a_deadline_of_an_account_that_was_changed_meanwhile_is_not_set(self, town: Store, clock: Clock) -> None:
        """It was computed from a password, a unit or a holder that are not in force any more."""
        known = town.accounts.get_many(["a", "b", "c", "d"])
        outdated = [
            attrs.evolve(known["b"], password_changed_at=clock() - HOUR),
            attrs.evolve(known["a"], state=AccountState.INCOMPLETE),
            attrs.evolve(known["c"], holder=None),
            attrs.evolve(known["d"], unit="46.9"),
        ]
        town.schedule.save([(read, attrs.evolve(read, next_deadline=clock() - HOUR)) for read in outdated])

        assert town.accounts.get_many(["a", "b", "c", "d"]) == known

    @pytest.mark.parametrize("hours", [None, 0, 3])
    def test_a_deadline_that_was_set_meanwhile_is_put_off(self, town: Store, clock: Clock, hours: int | None) -> None:
        """The notice that another process made due again is forgotten then."""
        read = town.accounts.get_many(["d"])["d"]
        due = attrs.evolve(read, next_deadline=clock() + HOUR)
        town.schedule.save([(read, due)])
        later = None if hours is None else clock() + hours * HOUR
        town.schedule.save([(read, attrs.evolve(read, next_deadline=later))])

        assert town.accounts.get_many(["d"])["d"].next_deadline == (clock() if hours == 0 else clock() + HOUR)


def test_due_accounts_with_the_same_deadline_come_once_each(store: Store, story: type[Story], clock: Clock) -> None:
    names = [f"a{number:05}" for number in range(MANY)]
    plan(store, story, *(account(name, next_deadline=clock()) for name in names))

    assert logins(store.schedule.due(clock())) == names


def test_only_accounts_that_were_due_before_count(store: Store, story: type[Story]) -> None:
    plan(store, story, *(account(str(hours), next_deadline=NOON + hours * HOUR) for hours in range(3)))

    assert [store.schedule.count_due(NOON + hours * HOUR) for hours in range(4)] == [0, 1, 2, 3]


def test_who_may_be_told_of_several_accounts_is_found_before_anybody_is_told(
    store: Store, story: type[Story], clock: Clock
) -> None:
    """Those get one message after the last page."""
    due, later = clock(), clock() + HOUR
    plan(
        store,
        story,
        account("a", holder="one", next_deadline=due),
        account("b", holder="one", next_deadline=later),
        account("c", holder="several", next_deadline=due),
        account("d", holder="several", next_deadline=due),
        account("f", holder="not asked about", next_deadline=due),
        account("g", holder="not asked about", next_deadline=due),
    )

    people = ["one", "several", "nobody"]
    assert store.schedule.with_several(clock(), people) == {"several"}
    assert store.schedule.with_several(later, people) == {"one", "several"}


def test_due_accounts_that_nobody_holds_are_found(store: Store, story: type[Story], clock: Clock) -> None:
    """They are due, and somebody else is told of them."""
    plan(
        store,
        story,
        account("a", holder="one", next_deadline=clock()),
        account("b", holder=None, next_deadline=clock()),
        account("c", holder=None, next_deadline=clock() + HOUR),
    )

    assert [logins(page) for page in store.schedule.due_without_holder(clock())] == [["b"]]
