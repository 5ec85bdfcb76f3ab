"""What is noted of an operation is durable before the next call, and is never lost on the way to the journal."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs
import pytest

from provisioner.core.api.errors import RefusedError, StoreError
from provisioner.core.api.events import Event, OperationEnded, StepBegun, StepEnded
from provisioner.core.engine.recorder import OperationRecorder
from provisioner.core.model import Account, Operation, OperationKind, OperationState, Outcome, TargetState

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
ACCOUNT = Account(login="a", domain="meb.gov.tr", unit="46")
OPERATION = Operation(id="o1", kind=OperationKind.ROTATE, login="a", actor="p1", created_at=NOON, tries=2)


@attrs.define
class Journal:
    """Keeps what is written, submission by submission."""

    submissions: list[list[Event]] = attrs.field(factory=list)
    is_full: bool = False

    def __call__(self, *events: Event) -> None:
        if self.is_full:
            raise StoreError("the disk is full")
        self.submissions.append(list(events))

    @property
    def kinds(self) -> list[list[str]]:
        return [[event.kind for event in events] for events in self.submissions]


@pytest.fixture(name="journal")
def _journal() -> Journal:
    return Journal()


@pytest.fixture(name="recorder")
def _recorder(journal: Journal) -> OperationRecorder:
    recorder = OperationRecorder(OPERATION, journal, lambda: NOON)
    recorder.start()
    return recorder


def test_the_beginning_of_a_change_is_durable_before_the_call(journal: Journal, recorder: OperationRecorder) -> None:
    assert journal.kinds == []
    recorder.begin("mail", "account_rotate")

    assert journal.kinds == [["operation_started", "step_begun"]]


def test_the_end_of_a_step_is_written_with_whatever_comes_next(journal: Journal, recorder: OperationRecorder) -> None:
    recorder.end(recorder.begin("mail", "account_rotate"), Outcome.APPLIED)
    recorder.begin("pys", "account_rotate")

    assert journal.kinds[1] == ["step_ended", "step_begun"]


def test_a_look_has_no_beginning_in_the_journal(journal: Journal, recorder: OperationRecorder) -> None:
    position = recorder.begin_to_look("mail", "account_probe")
    recorder.end(position, Outcome.APPLIED, target_state=TargetState.OPEN)
    recorder.finish(OperationState.DONE, ACCOUNT)

    assert journal.kinds == [["operation_started", "step_ended", "operation_ended"]]


def test_a_journal_that_fails_loses_nothing_that_was_noted(journal: Journal, recorder: OperationRecorder) -> None:
    position = recorder.begin("mail", "account_rotate")
    recorder.end(position, Outcome.APPLIED)
    journal.is_full = True
    with pytest.raises(StoreError):
        recorder.finish(OperationState.DONE, ACCOUNT)
    journal.is_full = False
    recorder.finish(OperationState.INCOMPLETE, ACCOUNT)

    assert "step_ended" in journal.kinds[-1]


def test_a_step_keeps_what_was_known_at_its_beginning(journal: Journal, recorder: OperationRecorder) -> None:
    position = recorder.begin("sms", "secret_deliver", reference="d1")
    recorder.count(position, 3)
    recorder.end(position, Outcome.UNKNOWN, error=RefusedError("no {what}", what="credit"))
    recorder.finish(OperationState.INCOMPLETE, ACCOUNT)
    begun, ended = journal.submissions[0][1], journal.submissions[1][0]

    assert isinstance(begun, StepBegun)
    assert isinstance(ended, StepEnded)
    assert (ended.step.reference, ended.step.attempts, begun.step.attempts) == ("d1", 3, 1)
    assert ended.step.error
    assert (ended.step.error.name, str(ended.step.error.message)) == ("RefusedError", "no credit")


@pytest.mark.parametrize("state", [OperationState.DONE, OperationState.INCOMPLETE])
def test_what_is_returned_is_what_the_journal_has(
    journal: Journal, recorder: OperationRecorder, state: OperationState
) -> None:
    recorder.end(recorder.begin("mail", "account_rotate"), Outcome.APPLIED)
    operation = recorder.finish(state, ACCOUNT, next_try_at=NOON)
    ended = journal.submissions[-1][-1]

    assert isinstance(ended, OperationEnded)
    assert (ended.state, ended.next_try_at, ended.operation_id) == (state, NOON, "o1")
    assert (operation.state, operation.tries, len(operation.steps)) == (state, 3, 1)
    assert operation.finished_at == (NOON if state.ended else None)
