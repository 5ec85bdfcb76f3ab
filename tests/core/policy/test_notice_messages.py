"""What is put into one message, and under which ID."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from provisioner.core.api.errors import MisconfiguredError, RefusedError, UnknownOutcomeError
from provisioner.core.api.rules import Action, Deadline
from provisioner.core.model import MessageState, NoticeDelivery
from provisioner.core.model.text import Text
from provisioner.core.policy.notice_messages import Notice, NoticeResult, messages_of

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def about(number: int, recipient: str | None = "1", *, is_shared: bool = True) -> Notice:
    digest = Text.counted("{count} account closes", "{count} accounts close", count=1)
    reason = Text("birim{number} closes", {"number": number})
    deadline = Deadline(
        action=Action.WARN, at=NOON, reason=reason, source="", rule_set="r", digest=digest if is_shared else None
    )
    return Notice(subject=f"birim{number}", login=f"birim{number}", deadline=deadline, recipient=recipient)


def before(notice: Notice, state: MessageState, sent_at: datetime = NOON) -> dict[str, list[NoticeDelivery]]:
    delivery = NoticeDelivery(
        subject=notice.subject,
        rule_set="r",
        action=Action.WARN,
        at=NOON,
        id="before",
        person=notice.recipient or "",
        attempts=1,
        sent_at=sent_at,
        state=state,
    )
    return {notice.subject: [delivery]}


def test_the_same_notice_has_the_same_id_and_another_has_another() -> None:
    """A gateway that knows ids sends it once, also when two sweeps try."""
    notice = about(1)
    other = attrs.evolve(notice, deadline=attrs.evolve(notice.deadline, rule_set="s"))

    assert attrs.evolve(notice, recipient=None).delivery_id == notice.delivery_id
    assert other.delivery_id != notice.delivery_id


def test_a_person_is_told_at_once_of_what_can_be_told_at_once() -> None:
    notices = [about(1), about(2, "2"), about(3), about(4, is_shared=False), about(5, None), about(6, None)]

    found = [[notice.subject for notice in message.notices] for message in messages_of(notices, {}, NOON)]
    assert sorted(found) == [["birim1", "birim3"], ["birim2"], ["birim4"], ["birim5"], ["birim6"]]


def test_the_id_of_a_message_doesnt_depend_on_the_order_of_its_accounts() -> None:
    [one], [other] = (list(messages_of(some, {}, NOON)) for some in ([about(1), about(2)], [about(2), about(1)]))

    assert one.id == other.id


def test_what_may_have_been_sent_is_the_same_message_again_without_what_is_new() -> None:
    again, fresh = messages_of([about(1), about(2)], before(about(1), MessageState.UNKNOWN), NOON)

    assert (again.id, again.attempt, [notice.subject for notice in again.notices]) == ("before", 2, ["birim1"])
    assert (fresh.attempt, [notice.subject for notice in fresh.notices]) == (1, ["birim2"])


def test_what_another_process_may_be_sending_is_left_out_until_that_must_have_ended() -> None:
    sending = before(about(1), MessageState.SENDING)

    assert list(messages_of([about(1)], sending, NOON - timedelta(seconds=1))) == []
    assert [message.id for message in messages_of([about(1)], sending, NOON)] == ["before"]


@pytest.mark.parametrize("state", [MessageState.ACCEPTED, MessageState.DELIVERED, MessageState.REJECTED])
def test_a_report_that_is_quicker_than_the_answer_lets_another_process_take_over(state: MessageState) -> None:
    """The first process would end the notice while the second one repeats it."""
    reported = before(about(1), state)

    assert list(messages_of([about(1)], reported, NOON - timedelta(seconds=1))) == []
    assert len(list(messages_of([about(1)], reported, NOON))) == 1


def test_only_what_was_refused_about_all_is_told_about_each() -> None:
    [message] = messages_of([about(1), about(2)], {}, NOON)
    refused = NoticeResult(message=message, error=RefusedError("no"), is_refused=True)
    failed = NoticeResult(message=message, error=MisconfiguredError("no"))

    assert [one.id for one in refused.left()] == [about(1).delivery_id, about(2).delivery_id]
    assert (list(refused.notices), list(failed.left()), len(failed.notices)) == ([], [], 2)


def test_a_deadline_is_met_by_a_message_in_doubt_only_after_the_last_attempt() -> None:
    [message] = messages_of([about(1)], {}, NOON)
    lost = UnknownOutcomeError("no answer")

    assert not NoticeResult(message=message, error=lost).is_told
    assert NoticeResult(message=attrs.evolve(message, attempt=2), error=lost).is_told
