"""What is known of the last notice about each deadline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from provisioner.core.api.events import NoticeBegun, NoticeChanged, NoticeEnded, NoticeItem
from provisioner.core.model import Action, MessageState, NoticeDelivery
from provisioner.store import Store

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ITEMS = tuple(NoticeItem(subject=name, rule_set="r", action=Action.WARN, due_at=NOON) for name in ("a", "b"))
BEGUN = NoticeBegun(at=NOON, notice="n1", recipient="p1", attempt=1, items=ITEMS)
ENDED = NoticeEnded(
    at=NOON, notice="n1", attempt=1, state=MessageState.HANDED_OVER, channel="sms", reference="kannel-7"
)
REPORTED = NoticeChanged(at=NOON, notice="n1", state=MessageState.DELIVERED)


def known(store: Store, subject: str = "a") -> NoticeDelivery | None:
    return next(iter(store.notices.of_subjects([subject]).get(subject, ())), None)


def test_what_was_begun_is_in_doubt_for_each_account(store: Store) -> None:
    store.write(BEGUN)

    assert known(store, "b") == NoticeDelivery(
        subject="b", rule_set="r", action=Action.WARN, at=NOON, id="n1", person="p1", attempts=1, sent_at=NOON
    )
    for subject in ("a", "b"):
        found = known(store, subject)
        assert found
        assert found.is_in_doubt


def test_the_answer_of_the_gateway_is_known_for_each_account(store: Store) -> None:
    store.write(BEGUN)
    store.write(ENDED)

    for subject in ("a", "b"):
        found = known(store, subject)
        assert found
        assert (found.state, found.channel, found.reference) == (MessageState.HANDED_OVER, "sms", "kannel-7")


def test_an_attempt_with_which_nothing_was_sent_leaves_no_doubt(store: Store) -> None:
    store.write(BEGUN, attrs.evolve(ENDED, state=None, channel=None, reference=None))

    assert known(store) is None


def test_a_second_attempt_with_which_nothing_was_sent_does_not_forget_the_first(store: Store) -> None:
    """Otherwise, a notice is sent without bound while its answers are lost and its attempts refused in turn."""
    nothing = attrs.evolve(ENDED, attempt=2, state=None, channel=None, reference=None)
    store.write(BEGUN, attrs.evolve(ENDED, state=MessageState.UNKNOWN))
    for _ in range(2):
        store.write(attrs.evolve(BEGUN, attempt=2))
        store.write(nothing)

        found = known(store)
        assert found
        assert (found.is_in_doubt, found.attempts) == (True, 1)


def test_a_report_on_the_first_attempt_outlives_the_second(store: Store) -> None:
    store.write(BEGUN, attrs.evolve(BEGUN, attempt=2))
    store.write(REPORTED)
    store.write(attrs.evolve(ENDED, attempt=2, state=None, channel=None, reference=None))

    assert store.notices.state("n1") is MessageState.DELIVERED


def test_the_answer_to_an_earlier_attempt_changes_nothing(store: Store) -> None:
    store.write(BEGUN, attrs.evolve(BEGUN, attempt=2))
    store.write(ENDED)

    found = known(store)
    assert found
    assert (found.attempts, found.state) == (2, MessageState.SENDING)


def test_a_report_that_is_quicker_than_the_answer_is_kept(store: Store) -> None:
    store.write(BEGUN)
    store.write(REPORTED)
    store.write(ENDED)

    assert store.notices.state("n1") is MessageState.DELIVERED


@pytest.mark.parametrize("state", [MessageState.ACCEPTED, MessageState.HANDED_OVER])
def test_a_weaker_report_changes_nothing(store: Store, state: MessageState) -> None:
    store.write(BEGUN, ENDED, REPORTED, attrs.evolve(REPORTED, state=state))

    assert store.notices.state("n1") is MessageState.DELIVERED


def test_the_next_notice_takes_the_place_of_the_last(store: Store) -> None:
    later = tuple(attrs.evolve(item, due_at=NOON + timedelta(days=4)) for item in ITEMS)
    store.write(BEGUN, ENDED)
    store.write(attrs.evolve(BEGUN, notice="n2", items=later))

    found = known(store)
    assert found
    assert (found.id, found.attempts, found.channel) == ("n2", 1, None)
    assert store.notices.state("n1") is None
