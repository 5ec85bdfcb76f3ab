"""What each event leaves in the store."""

from __future__ import annotations

import pkgutil
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from provisioner import store as parts
from provisioner.core.api.errors import BusyError, LeaseLostError
from provisioner.core.model import (
    Account,
    AccountKind,
    AccountState,
    Handover,
    Operation,
    OperationKind,
    OperationState,
    Outcome,
    Step,
    StepError,
    TargetState,
)
from provisioner.core.model.secret import Secret
from provisioner.store import Store
from provisioner.store.journal import apply

if TYPE_CHECKING:
    from tests.store.conftest import Clock, Story

HOUR = timedelta(hours=1)


class TestChanges:
    """What events change that belong to no operation."""

    @pytest.mark.parametrize("name", [info.name for info in pkgutil.iter_modules(parts.__path__)])
    def test_are_found_for_each_event_of_which_a_part_of_the_store_knows_any(self, name: str) -> None:
        """An event whose module is not in the table would be kept in the audit log, and change nothing."""
        changes = getattr(import_module(f"{parts.__name__}.{name}"), "CHANGES", {})

        assert {kind: apply.changes_of(kind) for kind in changes} == changes


class TestPlanned:
    def test_every_field_comes_back(self, store: Store, story: type[Story]) -> None:
        tale = story("746123")
        error = StepError(name="RefusedError", message="hayır: ğüşiöç", cure="ask")
        operation = Operation(
            id=tale.id,
            kind=OperationKind.HANDOVER,
            login="746123",
            actor="p9",
            created_at=tale.at + timedelta(microseconds=1),
            reason="müdür değişti",
            state=OperationState.STAGED,
            holder="p2",
            outgoing="p1",
            tries=3,
            next_try_at=tale.at + HOUR,
            steps=(
                Step(name="mail", hook="account_create", outcome=Outcome.APPLIED, attempts=2, reference="uid=x"),
                Step(name="pys", hook="account_create", outcome=Outcome.NOT_APPLIED, error=error),
                Step(name="sms", hook="secret_deliver"),
            ),
            error=error,
        )
        account = Account(
            login="746123",
            domain="meb.gov.tr",
            unit="46",
            kind=AccountKind.PERSONAL,
            holder="p1",
            state=AccountState.OPEN,
            password_changed_at=tale.at,
            next_deadline=tale.at + HOUR,
        )

        store.write(attrs.evolve(tale.planned(), operation=operation, account=account))

        assert store.operations.get_many([tale.id]) == {tale.id: operation}
        assert store.operations.unended(["746123"]) == {"746123": operation}
        assert store.accounts.get_many(["746123"]) == {"746123": account}

    def test_account_that_exists_is_left_as_it_is(self, store: Store, story: type[Story]) -> None:
        first = story("a", id="op1")
        store.write(first.planned())
        store.write(first.started(), first.finished())
        before = store.accounts.get_many(["a"])

        later = attrs.evolve(story("a", id="op2").planned(opened=True), at=first.at + HOUR)
        store.write(attrs.evolve(later, account=attrs.evolve(later.account, next_deadline=first.at + HOUR)))

        assert store.accounts.get_many(["a"]) == before
        assert before["a"].state is AccountState.OPEN

    def test_second_unended_operation_is_refused(self, store: Store, story: type[Story]) -> None:
        store.write(story("a", id="op1").planned())

        with pytest.raises(BusyError, match="another operation on a is not finished"):
            store.write(story("b").planned(), story("a", id="op2").planned())

        assert [entry.operation_id for entry in store.audit_log.entries()] == ["op1"]
        assert store.accounts.get_many(["b"]) == {}

    @pytest.mark.parametrize("change", [{"holder": "p9"}, {"state": AccountState.CLOSED}])
    def test_account_that_was_changed_after_the_plan_was_made_is_refused(
        self, store: Store, story: type[Story], change: dict[str, Any]
    ) -> None:
        """Otherwise a rotation could send the new password to the person who has just handed the account over."""
        first, second = story("a", id="op1"), story("a", id="op2")
        store.write(first.planned())
        store.write(first.started(), first.finished(account=attrs.evolve(first.opened, **change)))

        with pytest.raises(BusyError, match="a was changed by another process"):
            store.write(second.planned(opened=True))

        assert store.operations.unended(["a"]) == {}

    def test_account_that_is_changed_in_the_same_transaction_is_refused_too(
        self, store: Store, story: type[Story]
    ) -> None:
        first, second = story("a", id="op1"), story("a", id="op2")
        store.write(first.planned())

        with pytest.raises(BusyError, match="a was changed by another process"):
            store.write(first.started(), first.finished(), second.planned())

    def test_same_account_twice_in_one_submission_is_refused(self, store: Store, story: type[Story]) -> None:
        with pytest.raises(BusyError):
            store.write(story("a", id="op1").planned(), story("a", id="op2").planned())

        assert store.operations.unended(["a"]) == {}

    def test_next_operation_may_come_once_the_first_has_ended(self, store: Store, story: type[Story]) -> None:
        first, second = story("a", id="op1"), story("a", id="op2")
        store.write(first.planned())
        store.write(first.started(), first.finished())

        store.write(second.planned(opened=True))

        assert set(store.operations.get_many(["op1", "op2"])) == {"op1", "op2"}

    def test_one_submission_can_put_an_operation_in_the_place_of_another(
        self, store: Store, story: type[Story]
    ) -> None:
        """Superseding ends one operation and plans the next in one transaction, in this order."""
        first, second = story("a", id="op1"), story("a", id="op2")
        store.write(first.planned())

        store.write(first.started(), first.finished(OperationState.FAILED), second.planned(opened=True))

        assert store.operations.unended(["a"])["a"].id == "op2"
        assert store.operations.get_many(["op1"])["op1"].state is OperationState.FAILED

    def test_a_whole_life_may_come_in_one_submission(self, store: Store, story: type[Story]) -> None:
        tale = story("a")

        store.write(*(event for submission in tale.submissions() for event in submission))

        (operation,) = store.operations.find()
        assert (operation.state, len(operation.steps)) == (OperationState.DONE, 2)


class TestStarted:
    def test_operation_is_running(self, store: Store, story: type[Story]) -> None:
        tale = story("a")
        store.write(tale.planned())

        store.write(tale.started())

        operation = store.operations.get_many([tale.id])[tale.id]
        assert (operation.state, operation.tries) == (OperationState.RUNNING, 1)

    def test_operation_that_was_begun_after_it_was_read_is_refused(self, store: Store, story: type[Story]) -> None:
        """A person who read it before does not know what that try left, nor that a message may be out."""
        tale = story("a")
        store.write(tale.planned())
        store.write(tale.started(), tale.stuck(None))

        with pytest.raises(BusyError, match="another process has started operation"):
            store.write(tale.started(), tale.begun(0))

        assert store.operations.get_many([tale.id])[tale.id].tries == 1

    def test_steps_and_error_of_the_earlier_try_are_gone(self, store: Store, story: type[Story], clock: Clock) -> None:
        tale = story("a")
        store.write(tale.planned())
        store.write(tale.started(), tale.begun(0))
        store.write(tale.ended(0), tale.begun(1))
        store.write(tale.ended(1), tale.stuck(clock() + HOUR))

        store.write(tale.started(tries=2), tale.begun(0))

        operation = store.operations.get_many([tale.id])[tale.id]
        assert [step.outcome for step in operation.steps] == [None]
        assert (operation.error, operation.next_try_at) == (None, None)
        assert len(list(store.audit_log.entries(operation_id=tale.id))) == 9

    def test_ended_operation_does_not_begin_again(self, store: Store, story: type[Story]) -> None:
        """Somebody read it as resumable just before somebody else finished it."""
        tale = story("a")
        store.write(tale.planned())
        store.write(tale.started(), tale.finished())

        with pytest.raises(BusyError, match="has ended already"):
            store.write(tale.started(tries=2))

        assert store.operations.get_many([tale.id])[tale.id].state is OperationState.DONE

    def test_own_lease_may_be_taken_again(self, store: Store, story: type[Story]) -> None:
        tale = story("a")
        store.write(tale.planned())
        store.write(tale.started(), tale.begun(0), tale.ended(0))

        store.write(tale.started(tries=2))

        assert store.operations.get_many([tale.id])[tale.id].tries == 2
        assert store.operations.get_many([tale.id])[tale.id].steps == ()


class TestSteps:
    def test_end_of_a_step_replaces_its_beginning(self, store: Store, story: type[Story]) -> None:
        tale = story("a")
        store.write(tale.planned())

        store.write(tale.started(), tale.begun(0))
        (begun,) = store.operations.get_many([tale.id])[tale.id].steps
        store.write(tale.ended(0), tale.begun(1))
        ended, _ = store.operations.get_many([tale.id])[tale.id].steps

        assert (begun, ended) == (tale.begun().step, tale.ended().step)

    def test_what_the_account_is_on_a_target_is_kept(self, store: Store, story: type[Story]) -> None:
        tale = story("a")
        store.write(tale.planned())

        store.write(tale.started(), tale.ended(0, TargetState.OPEN))
        store.write(tale.ended(0, None))
        assert store.accounts.target_states("a") == {"mail": TargetState.OPEN}

        store.write(tale.ended(0, TargetState.CLOSED))
        assert store.accounts.target_states("a") == {"mail": TargetState.CLOSED}
        assert store.accounts.all_target_states(["a", "b"]) == {"a": {"mail": TargetState.CLOSED}}

    def test_nobody_writes_steps_of_an_operation_that_was_not_started(self, store: Store, story: type[Story]) -> None:
        tale = story("a")
        store.write(tale.planned())

        with pytest.raises(LeaseLostError, match="operation op-a on a was taken over"):
            store.write(tale.begun(0))

        assert store.operations.get_many([tale.id])[tale.id].steps == ()
        assert len(list(store.audit_log.entries())) == 1


class TestEnded:
    def test_account_and_operation_are_as_the_event_says(self, store: Store, story: type[Story]) -> None:
        tale = story("a")
        store.write(tale.planned())

        store.write(tale.started(), tale.finished())

        operation = store.operations.get_many([tale.id])[tale.id]
        assert (operation.state, operation.finished_at) == (OperationState.DONE, tale.at)
        assert store.accounts.get_many(["a"]) == {"a": tale.finished().account}
        assert store.operations.unended(["a"]) == {}

    def test_incomplete_operation_keeps_its_reason_and_its_next_try(
        self, store: Store, story: type[Story], clock: Clock
    ) -> None:
        tale = story("a")
        store.write(tale.planned())

        store.write(tale.started(), tale.stuck(clock() + HOUR))

        operation = store.operations.unended(["a"])["a"]
        assert (operation.finished_at, operation.next_try_at) == (None, clock() + HOUR)
        assert operation.error == tale.stuck(None).error
        assert store.accounts.get_many(["a"])["a"].state is AccountState.INCOMPLETE

    def test_account_shows_incomplete_only_when_an_end_says_so(self, store: Store, story: type[Story]) -> None:
        tale = story("a")
        store.write(tale.planned())

        store.write(tale.started(), tale.begun(0))

        assert store.accounts.get_many(["a"])["a"].state is AccountState.PLANNED

    def test_nothing_can_be_written_after_the_end(self, store: Store, story: type[Story]) -> None:
        tale = story("a")
        store.write(tale.planned())
        store.write(tale.started(), tale.finished())

        with pytest.raises(LeaseLostError):
            store.write(tale.finished())


class TestHandover:
    def test_incoming_person_is_the_custodian(self, store: Store, record: Handover) -> None:
        assert store.units.get_many(["46"])["46"].custodian == "p2"

    def test_record_is_in_the_trail(self, store: Store, record: Handover) -> None:
        *_, last = store.audit_log.entries()

        assert '"incoming_name":"Işıl"' in last.body
        assert store.audit_log.verify_chain() is None


def test_nothing_of_a_refused_submission_is_stored(store: Store, story: type[Story]) -> None:
    good, bad = story("good"), story("bad")

    with pytest.raises(LeaseLostError):
        store.write(good.planned(), good.started(), bad.begun(0))

    assert store.accounts.get_many(["good"]) == {}
    assert list(store.audit_log.entries()) == []
    assert store.audit_log.verify_chain() is None


def test_no_events_are_no_trouble(store: Store) -> None:
    store.write()

    assert list(store.audit_log.entries()) == []


def test_secret_does_not_get_into_the_trail(store: Store, story: type[Story]) -> None:
    event = attrs.evolve(story("a").planned(), actor=Secret("hunter2"))  # type: ignore[arg-type]

    with pytest.raises(TypeError, match="Secret is not for the audit log"):
        store.write(event)

    assert list(store.audit_log.entries()) == []


def test_broken_text_of_another_system_does_not_stop_the_journal(store: Store, story: type[Story]) -> None:
    """Half of a surrogate pair, as a JSON answer may contain it, has no UTF-8."""
    tale = story("a")
    error = StepError(name="RefusedError", message="bad \ud800 text")
    store.write(tale.planned())

    store.write(tale.started(), tale.finished(OperationState.FAILED, error=error))

    assert store.operations.get_many([tale.id])[tale.id].error == error
    assert store.audit_log.verify_chain() is None


def test_events_come_back_in_their_order(store: Store, story: type[Story]) -> None:
    for name in ("a", "b"):
        for submission in story(name).submissions():
            store.write(*submission)

    kinds = ["operation_planned", "operation_started", "step_begun", "step_ended", "step_begun", "step_ended"]
    assert [entry.kind for entry in store.audit_log.entries(login="b")] == [*kinds, "operation_ended"]
    assert [entry.seq for entry in store.audit_log.entries()] == list(range(1, 15))
    assert [entry.seq for entry in store.audit_log.entries(after=12)] == [13, 14]
