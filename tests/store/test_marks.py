"""What was met is remembered once for each kind, and a confirmation is not lost with the next reminder."""

from __future__ import annotations

from datetime import timedelta

from provisioner.core.api.events import DeadlineMet, DutyConfirmed
from provisioner.core.api.rules import Action, Deadline, MetDeadline
from provisioner.core.model.text import Text
from provisioner.store import Store
from tests.store.conftest import NOON

DAY = timedelta(days=1)


def met(store: Store, days: int, *, subject: str = "a", action: Action = Action.DUTY) -> None:
    deadline = Deadline(action=action, at=NOON + days * DAY, reason=Text("so"), source="001 ¶2", rule_set="backup")
    store.write(DeadlineMet(at=deadline.at + DAY, actor="policy:backup", subject=subject, deadline=deadline))


def confirmed(store: Store, days: int) -> None:
    store.write(DutyConfirmed(at=NOON + days * DAY, actor="p1", subject="a", rule_set="backup"))


def mark(days: int, met_days: int, confirmed_days: int | None = None, action: Action = Action.DUTY) -> MetDeadline:
    return MetDeadline(
        rule_set="backup",
        action=action,
        at=NOON + days * DAY,
        met_at=NOON + met_days * DAY,
        confirmed_at=None if confirmed_days is None else NOON + confirmed_days * DAY,
    )


def test_the_last_deadline_of_a_kind_takes_the_place_of_the_one_before(store: Store) -> None:
    met(store, 1)
    met(store, 5)
    met(store, 2, action=Action.WARN)
    met(store, 3, subject="b")

    assert set(map(repr, store.marks.get_many(["a"])["a"])) == {repr(mark(5, 6)), repr(mark(2, 3, action=Action.WARN))}


def test_a_confirmation_stays_when_the_holder_is_reminded_again(store: Store) -> None:
    met(store, 1)
    confirmed(store, 3)
    assert list(store.marks.get_many(["a"])["a"]) == [mark(1, 2, 3)]

    met(store, 5)
    assert list(store.marks.get_many(["a"])["a"]) == [mark(5, 6, 3)]


def test_a_duty_may_be_confirmed_before_anybody_asked(store: Store) -> None:
    confirmed(store, 3)

    assert list(store.marks.get_many(["a"])["a"]) == [mark(3, 3, 3)]
