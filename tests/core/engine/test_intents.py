"""What is wanted of one account, and why it is not planned."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs
import pytest

from provisioner.core.api.errors import InMaintenanceError, RefusedError, TargetError, UnavailableError
from provisioner.core.engine.intents import (
    Intent,
    concerned,
    is_under_way,
    nobody_to_receive,
    unanswered,
    without_recipient,
)
from provisioner.core.engine.people import LookUp
from provisioner.core.model import Operation, OperationKind, OperationState
from provisioner.testing import samples

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOLDER, SUCCESSOR = samples.HOLDER.id, samples.SUCCESSOR.id


def intent(kind: OperationKind, holder: str | None = HOLDER, outgoing: str | None = None) -> Intent:
    return Intent(kind, samples.ACCOUNT, samples.UNIT, holder, outgoing=outgoing)


def operation(
    kind: OperationKind, holder: str | None = HOLDER, *, outgoing: str | None = None, state: str = "incomplete"
) -> Operation:
    return Operation(
        id="o",
        kind=kind,
        login=samples.ACCOUNT.login,
        actor="tester",
        created_at=NOON,
        holder=holder,
        outgoing=outgoing,
        state=OperationState(state),
    )


def errors(**found: TargetError) -> LookUp:
    names = {"holder": HOLDER, "successor": SUCCESSOR}
    return LookUp(persons={}, errors={names[name]: error for name, error in found.items()})


MAINTENANCE = InMaintenanceError("{target} is in maintenance", target="pys", until=NOON)
DOWN, GONE = UnavailableError("no answer"), RefusedError("nobody of this id")


@pytest.mark.parametrize(
    ("wanted", "stuck", "served"),
    [
        (intent(OperationKind.ROTATE), operation(OperationKind.ROTATE), True),
        (intent(OperationKind.ROTATE), operation(OperationKind.ROTATE, SUCCESSOR), False),
        (intent(OperationKind.HANDOVER, SUCCESSOR), operation(OperationKind.HANDOVER), False),
        (intent(OperationKind.CREATE), operation(OperationKind.HANDOVER, SUCCESSOR), True),
        (intent(OperationKind.CLOSE), operation(OperationKind.CLOSE, None), True),
        (intent(OperationKind.CLOSE), operation(OperationKind.ROTATE), False),
        (intent(OperationKind.ROTATE), operation(OperationKind.CREATE), False),
    ],
)
def test_only_an_operation_with_the_same_end_is_driven_on(wanted: Intent, stuck: Operation, *, served: bool) -> None:
    assert wanted.is_served_by(stuck) is served


def test_a_closing_asks_the_personnel_system_about_nobody() -> None:
    """It must work while that system is down."""
    assert concerned([(intent(OperationKind.CLOSE), operation(OperationKind.ROTATE))]) == set()


def test_all_who_get_or_give_an_account_are_looked_up() -> None:
    stuck = operation(OperationKind.HANDOVER, "third", outgoing="fourth")
    wanted = intent(OperationKind.HANDOVER, SUCCESSOR, outgoing=HOLDER)

    assert concerned([(wanted, stuck)]) == {HOLDER, SUCCESSOR, "third", "fourth"}


@pytest.mark.parametrize(
    ("people", "error"),
    [
        (errors(successor=DOWN), DOWN),
        (errors(successor=GONE), GONE),
        (errors(successor=MAINTENANCE), None),
        (errors(holder=DOWN), DOWN),
        (errors(holder=GONE), None),
        (errors(holder=MAINTENANCE), None),
    ],
    ids=[f"{who}-{why}" for who in ("receives", "gives") for why in ("down", "gone", "maintenance")],
)
def test_of_who_only_gives_an_account_nothing_must_be_known(people: LookUp, error: TargetError | None) -> None:
    """Those who have left are no longer known, and hand over all the same."""
    assert unanswered(operation(OperationKind.HANDOVER, SUCCESSOR, outgoing=HOLDER), people) is error
    assert unanswered(operation(OperationKind.CLOSE), people) is None


@pytest.mark.parametrize(("holder", "message"), [(None, "no custodian"), ("gone", "person gone not found")])
def test_a_password_for_nobody_is_a_problem_of_the_unit(holder: str | None, message: str) -> None:
    problem = without_recipient(operation(OperationKind.ROTATE, holder), samples.UNIT, LookUp(persons={}, errors={}))

    assert problem
    assert (problem.subject, problem.field) == (samples.UNIT.code, "custodian")
    assert message in str(problem.message)


def test_a_closing_needs_no_recipient() -> None:
    people = LookUp(persons={}, errors={})

    assert without_recipient(operation(OperationKind.CLOSE, None), samples.UNIT, people) is None


def test_a_stuck_operation_is_named_with_who_cannot_receive_its_password() -> None:
    wanted = operation(OperationKind.ROTATE)

    assert "is not finished" in str(nobody_to_receive(wanted, operation(OperationKind.HANDOVER)).reason)
    assert "is unknown" in str(nobody_to_receive(wanted, None).reason)
    assert "it has no holder" in str(nobody_to_receive(attrs.evolve(wanted, holder=None), None).reason)


def test_what_is_held_is_not_under_way() -> None:
    assert is_under_way(operation(OperationKind.CLOSE))
    assert not is_under_way(operation(OperationKind.CLOSE, state="staged"))
    assert not is_under_way(None)
