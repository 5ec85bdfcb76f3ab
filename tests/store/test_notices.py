"""What is known of the last notice about each deadline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from provisioner.core.api.errors import BusyError
from provisioner.core.api.events import DeadlineMet, NoticeBegun, NoticeChanged, NoticeEnded, NoticeItem, NoticeReopened
from provisioner.core.api.rules import Deadline
from provisioner.core.model import Action, MessageState, NoticeDelivery
from provisioner.core.model.text import Text
from provisioner.store import Store
from tests.store.conftest import Clock, Story
from tests.store.towns import account, plan

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


@pytest.mark.parametrize("state", [None, MessageState.HANDED_OVER, MessageState.DELIVERED])
def test_two_processes_begin_the_same_attempt(store: Store, state: MessageState | None) -> None:
    """One of them sent it already, or is sending it."""
    store.write(BEGUN)
    if state:
        store.write(attrs.evolve(ENDED, state=state))
    other = attrs.evolve(BEGUN, items=(*ITEMS, attrs.evolve(ITEMS[0], subject="c")))
    with pytest.raises(BusyError):
        store.write(other)

    assert known(store, "c") is None


@pytest.mark.parametrize("state", [MessageState.HANDED_OVER, MessageState.ACCEPTED, MessageState.DELIVERED])
def test_a_second_attempt_is_begun_although_the_first_one_arrived(store: Store, state: MessageState) -> None:
    store.write(BEGUN)
    store.write(attrs.evolve(ENDED, state=state))
    with pytest.raises(BusyError):
        store.write(attrs.evolve(BEGUN, attempt=2))


def test_two_processes_take_over_the_same_message(store: Store) -> None:
    store.write(BEGUN)
    store.write(attrs.evolve(BEGUN, attempt=2))
    with pytest.raises(BusyError):
        store.write(attrs.evolve(BEGUN, attempt=2))


def test_a_notice_for_the_next_person_is_taken_for_the_same(store: Store) -> None:
    store.write(BEGUN)
    store.write(attrs.evolve(BEGUN, notice="n2", recipient="p2"))

    found = known(store)
    assert found
    assert (found.person, found.attempts) == ("p2", 1)


def test_an_end_and_the_next_beginning_are_stored_in_the_wrong_order(store: Store) -> None:
    """A message that was refused about all is sent about each: both are in one transaction."""
    store.write(BEGUN)
    nothing = attrs.evolve(ENDED, state=None, channel=None, reference=None)
    store.write(nothing, attrs.evolve(BEGUN, notice="n2", items=ITEMS[:1]))

    found = known(store)
    assert found
    assert found.id == "n2"
    assert known(store, "b") is None


def test_reports_on_the_parts_of_a_notice_find_nothing(store: Store) -> None:
    store.write(BEGUN)
    assert store.deliveries.note_part("sms", "2", MessageState.DELIVERED, NOON) is None
    store.write(attrs.evolve(ENDED, parts=("1", "2")))

    assert store.notices.reported(["n1", "n2"]) == {"n1": MessageState.ACCEPTED}
    assert store.deliveries.note_part("sms", "1", MessageState.REJECTED, NOON) == "n1"
    assert store.notices.reported(["n1"]) == {"n1": MessageState.REJECTED}


class TestReopened:
    @pytest.fixture(autouse=True)
    def _sent(self, store: Store) -> None:
        store.write(BEGUN)
        store.write(ENDED, *(met(item.subject) for item in ITEMS))

    def test_a_refused_notice_is_not_repeated(self, store: Store) -> None:
        assert store.notices.to_repeat() == set()
        store.write(attrs.evolve(REPORTED, state=MessageState.REJECTED))

        assert store.notices.to_repeat() == {"n1"}
        assert [one.subject for one in store.notices.undelivered(NOON)] == ["a", "b"]
        assert store.notices.undelivered(NOON + timedelta(seconds=1)) == []

    def test_its_deadlines_stay_met(self, store: Store) -> None:
        store.write(attrs.evolve(REPORTED, state=MessageState.EXPIRED))
        store.write(NoticeReopened(at=NOON, notice="n1"))

        assert store.marks.get_many(["a", "b"]) == {}
        assert store.notices.to_repeat() == set()

    def test_a_report_that_it_was_delivered_is_overtaken(self, store: Store) -> None:
        """Nobody may begin what was delivered, so its deadlines would be due for ever."""
        store.write(attrs.evolve(REPORTED, state=MessageState.EXPIRED))
        assert store.notices.to_repeat() == {"n1"}
        store.write(REPORTED)
        with pytest.raises(BusyError):
            store.write(NoticeReopened(at=NOON, notice="n1"))

        assert set(store.marks.get_many(["a", "b"])) == {"a", "b"}

    def test_two_processes_reopen_it(self, store: Store, url: str, clock: Clock) -> None:
        """The second one would forget what the first one has sent since."""
        store.write(attrs.evolve(REPORTED, state=MessageState.REJECTED))
        with Store.open(url, now=clock) as other:
            assert store.notices.to_repeat() == other.notices.to_repeat() == {"n1"}
            other.write(NoticeReopened(at=NOON, notice="n1"))
            with pytest.raises(BusyError):
                store.write(NoticeReopened(at=NOON, notice="n1"))
            other.write(attrs.evolve(BEGUN, notice="n2", attempt=2))
            other.write(attrs.evolve(ENDED, notice="n2", attempt=2), met("a"), met("b"))
            with pytest.raises(BusyError):
                store.write(NoticeReopened(at=NOON, notice="n1"))

        assert set(store.marks.get_many(["a", "b"])) == {"a", "b"}

    def test_the_process_that_sent_it_puts_the_account_off(
        self, store: Store, url: str, clock: Clock, story: type[Story]
    ) -> None:
        """After it has told everybody, it stores the next deadlines. They follow from the notice that was taken."""
        plan(store, story, account("a", next_deadline=NOON - timedelta(hours=1)))
        read = store.accounts.get_many(["a"])["a"]
        with Store.open(url, now=clock) as other:
            other.write(attrs.evolve(REPORTED, state=MessageState.REJECTED))
            other.write(NoticeReopened(at=NOON, notice="n1"))
        store.schedule.save([(read, attrs.evolve(read, next_deadline=NOON + timedelta(days=3)))])

        assert store.schedule.still_due(["a"], NOON) == {"a": NOON}

    def test_it_is_repeated_without_end(self, store: Store) -> None:
        store.write(attrs.evolve(REPORTED, state=MessageState.REJECTED))
        store.write(attrs.evolve(BEGUN, notice="n2", attempt=2))
        store.write(attrs.evolve(ENDED, notice="n2", attempt=2))
        store.write(attrs.evolve(REPORTED, notice="n2", state=MessageState.REJECTED))

        assert store.notices.to_repeat() == set()
        assert len(store.notices.undelivered(NOON)) == 2

    def test_a_later_deadline_that_was_met_is_forgotten(self, store: Store) -> None:
        store.write(attrs.evolve(REPORTED, state=MessageState.REJECTED))
        store.write(met("a", NOON + timedelta(days=3)))
        store.write(NoticeReopened(at=NOON, notice="n1"))

        assert set(store.marks.get_many(["a", "b"])) == {"a"}


def met(subject: str, at: datetime = NOON) -> DeadlineMet:
    deadline = Deadline(action=Action.WARN, at=at, reason=Text("soon"), source="test", rule_set="r")
    return DeadlineMet(at=NOON, actor="policy:r", login="", operation_id="", subject=subject, deadline=deadline)
