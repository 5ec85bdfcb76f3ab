"""Which rule sets hold since when, and how far the deadlines are computed."""

from __future__ import annotations

from datetime import timedelta

from provisioner.core.api.events import RulesChanged
from provisioner.core.engine.ports import Schedule
from provisioner.store import Store
from tests.store.conftest import NOON

DAY = timedelta(days=1)


def change(store: Store, *names: str, gone: tuple[str, ...] = (), days: int = 0) -> None:
    store.write(RulesChanged(at=NOON + days * DAY, actor="p1", fingerprint="-".join(names), rule_sets=names, gone=gone))


def test_a_rule_set_holds_since_it_was_first_there(store: Store) -> None:
    change(store, "a")
    change(store, "a", "b", days=1)

    assert store.rule_sets_since() == {"a": NOON, "b": NOON + DAY}


def test_one_that_was_gone_begins_anew(store: Store) -> None:
    change(store, "a")
    change(store, "b", gone=("a",), days=1)
    change(store, "a", gone=("b",), days=2)

    assert store.rule_sets_since() == {"a": NOON + 2 * DAY}


def test_a_change_computes_from_the_first_login_on(store: Store) -> None:
    assert store.schedule() == Schedule()
    change(store, "a")
    assert store.schedule() == Schedule(fingerprint="a", cursor="")

    store.save_deadlines([], reached="m")
    assert store.schedule().cursor == "m"
    store.end_rescheduling()
    assert store.schedule() == Schedule(fingerprint="a", cursor=None)
