"""Reports arrive in any order and more than once; what became of a message never depends on that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import reduce

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.core.model.deliveries import MessageState, PasswordDelivery, failures, of_parts
from provisioner.core.model.mobile import NumberKind

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
MARKS = {NumberKind.MOBILE: "mark"}
STATES = st.sampled_from(MessageState)
REPORTS = st.lists(STATES, min_size=1)

SENT = PasswordDelivery(
    id="m-1", operation_id="o-1", login="a", channel="sms", person="p", mobile_mark="mark", number=1, sent_at=NOON
)


def final(reports: Sequence[MessageState]) -> MessageState:
    return reduce(MessageState.after, reports, MessageState.SENDING)


@given(reports=REPORTS, data=st.data())
def test_the_order_of_reports_changes_the_state(reports: list[MessageState], data: st.DataObject) -> None:
    assert final(data.draw(st.permutations(reports))) is final(reports)


@given(reports=REPORTS)
def test_a_repeated_report_changes_the_state(reports: list[MessageState]) -> None:
    assert final([*reports, *reports]) is final(reports)


@given(state=STATES, report=STATES)
def test_a_report_makes_a_state_weaker(state: MessageState, report: MessageState) -> None:
    after = state.after(report)

    assert after in {state, report}
    assert after.rank >= state.rank
    assert not state.is_final or after.is_final


@pytest.mark.parametrize("late", [MessageState.DELIVERED, MessageState.ACCEPTED, MessageState.EXPIRED])
def test_a_refusal_is_overwritten_by_a_later_report(late: MessageState) -> None:
    assert MessageState.REJECTED.after(late) is MessageState.REJECTED


def test_a_delivery_after_the_deadline_is_not_believed() -> None:
    assert MessageState.EXPIRED.after(MessageState.DELIVERED) is MessageState.DELIVERED
    assert MessageState.UNKNOWN.after(MessageState.REJECTED) is MessageState.REJECTED


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (MessageState.SENDING, MessageState.UNKNOWN),
        (MessageState.HANDED_OVER, MessageState.UNKNOWN),
        (MessageState.ACCEPTED, MessageState.EXPIRED),
        (MessageState.DELIVERED, MessageState.DELIVERED),
        (MessageState.REJECTED, MessageState.REJECTED),
    ],
)
def test_the_deadline_says_more_than_is_known(before: MessageState, after: MessageState) -> None:
    assert before.at_deadline is after


@pytest.mark.parametrize("state", MessageState)
def test_a_message_without_a_deadline_is_awaited(state: MessageState) -> None:
    message = attrs.evolve(SENT, state=state)

    assert not message.is_open
    assert attrs.evolve(message, deadline=NOON).is_open is not state.is_final


def test_failures_before_a_delivery_or_to_another_number_count() -> None:
    def message(state: MessageState, mark: str = "mark") -> PasswordDelivery:
        return attrs.evolve(SENT, state=state, mobile_mark=mark)

    rejected, expired = message(MessageState.REJECTED), message(MessageState.EXPIRED)
    delivered, crashed = message(MessageState.DELIVERED), message(MessageState.SENDING)

    assert failures([rejected, crashed, expired, delivered, rejected], MARKS) == [rejected, expired]
    assert failures([rejected, message(MessageState.REJECTED, "other")], MARKS) == [rejected]
    assert failures([rejected], {NumberKind.MOBILE: "other"}) == []


@given(parts=st.lists(st.none() | STATES, min_size=1), data=st.data())
def test_a_message_is_taken_for_delivered_before_all_its_parts_are(
    parts: list[MessageState | None], data: st.DataObject
) -> None:
    whole = of_parts(parts)

    assert whole is of_parts(data.draw(st.permutations(parts)))
    assert (whole is MessageState.DELIVERED) is all(part is MessageState.DELIVERED for part in parts)
    assert bool(whole and whole.is_undelivered) is any(part and part.is_undelivered for part in parts)
    assert (whole is None) is not any(parts)
