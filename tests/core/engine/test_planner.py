from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from provisioner.core.api.errors import Denial, InputError, NotAuthorizedError, UnavailableError
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import FindPerson
from provisioner.core.model import AccountState, OperationKind, OperationState, Person, Unit
from provisioner.core.model.text import Text
from provisioner.testing import samples
from provisioner.testing.clock import FakeClock
from provisioner.testing.faults import Fault, FaultTarget
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

SCHOOL = Unit(code="712345", name="Atatürk Ortaokulu", kind="school", custodian="1001")
OFFICE = Unit(code="46-HUK", name="Hukuk Şube Müdürlüğü", kind="branch", custodian="1002")


@pytest.fixture(name="target")
def _target() -> FaultTarget:
    return FaultTarget(MemoryTarget())


@pytest.fixture(name="harness")
def _harness(tmp_path: Path, target: FaultTarget) -> Iterator[Harness]:
    with Harness(tmp_path / "store.sqlite", targets={"posta": target}, channels={"sms": MemoryChannel()}) as harness:
        harness.know(units=[samples.UNIT, SCHOOL, OFFICE], persons=[samples.HOLDER, samples.SUCCESSOR])
        yield harness


def problems(error: InputError) -> set[tuple[str | None, str, str]]:
    return {(problem.subject, problem.field, str(problem.message)) for problem in error.problems}


def test_the_manifests_name_wins_over_every_rule(harness: Harness) -> None:
    plan = harness.planner.open_units([samples.UNIT], initiator=INITIATOR)

    assert plan.work[0].account.mail == "temelegitim46@meb.gov.tr"


def test_a_school_is_named_by_its_code_and_an_office_by_its_name_and_the_plate_code(harness: Harness) -> None:
    """000 m.4/f and m.4/h."""
    plan = harness.planner.open_units([SCHOOL, OFFICE], initiator=INITIATOR)

    assert [work.account.login for work in plan.work] == ["712345", "hukuksubemudurlugu46"]


def test_a_plan_shows_its_steps_and_stores_nothing(harness: Harness) -> None:
    plan = harness.planner.open_units([samples.UNIT], initiator=INITIATOR)
    operation = plan.work[0].operation

    assert operation.state is OperationState.PLANNED
    assert [(step.name, step.hook, step.outcome) for step in operation.steps] == [
        ("posta", "account_create", None),
        ("posta", "account_probe", None),
        ("sms", "secret_deliver", None),
    ]
    assert harness.store.accounts.get_many(["temelegitim46"]) == {}


def test_what_is_open_is_left_alone_and_said_so(harness: Harness, target: FaultTarget) -> None:
    harness.open([samples.UNIT.code])
    calls = target.faults.calls.copy()
    plan = harness.planner.open_units([samples.UNIT], initiator=INITIATOR)

    assert plan.work == ()
    assert [(one.login, str(one.reason)) for one in plan.unchanged] == [("temelegitim46", "it is open already")]
    assert harness.run(plan) == []
    assert target.faults.calls == calls


def test_a_closed_unit_is_reopened(harness: Harness) -> None:
    harness.open([samples.UNIT.code])
    harness.close_accounts(["temelegitim46"])

    plan = harness.planner.open_units([samples.UNIT], initiator=INITIATOR)
    assert [work.operation.kind for work in plan.work] == [OperationKind.REOPEN]


def test_every_problem_is_named_in_one_go(harness: Harness) -> None:
    units = [
        attrs.evolve(samples.UNIT, login="kötü giriş"),
        attrs.evolve(SCHOOL, custodian=None),
        attrs.evolve(OFFICE, custodian="9999"),
    ]
    with pytest.raises(InputError) as caught:
        harness.planner.open_units(units, initiator=INITIATOR)

    assert problems(caught.value) == {
        ("46-TEM", "login", "kötü giriş is not a valid login"),
        ("712345", "custodian", "the unit has no custodian to send the password to"),
        ("46-HUK", "custodian", "person 9999 not found; check the ID, or import the person"),
    }


def test_who_may_not_open_a_unit_is_not_told_who_its_custodian_is(harness: Harness) -> None:
    planner = attrs.evolve(harness.planner, authorize=lambda _: [Denial(reason=Text("no"), cure=Text(""))])

    with pytest.raises(NotAuthorizedError):
        planner.open_units([attrs.evolve(OFFICE, custodian="9999")], initiator=INITIATOR)


def test_two_units_cannot_share_a_login(harness: Harness) -> None:
    with pytest.raises(InputError) as caught:
        harness.planner.open_units([samples.UNIT, attrs.evolve(OFFICE, login="temelegitim46")], initiator=INITIATOR)

    assert {problem[0] for problem in problems(caught.value)} == {"46-TEM", "46-HUK"}


def test_a_login_that_is_taken_is_refused(harness: Harness) -> None:
    harness.open([samples.UNIT.code])
    with pytest.raises(InputError, match="belongs to another unit"):
        harness.planner.open_units([attrs.evolve(OFFICE, login="temelegitim46")], initiator=INITIATOR)


def test_a_closed_account_is_not_created_and_an_unopened_one_not_reopened(harness: Harness) -> None:
    harness.open([samples.UNIT.code])
    harness.close_accounts(["temelegitim46"])
    closed = harness.account("temelegitim46")

    with pytest.raises(InputError, match="it is closed; reopen it"):
        harness.planner.create([closed], initiator=INITIATOR)
    with pytest.raises(InputError, match="it was never opened; create it"):
        harness.planner.reopen([attrs.evolve(closed, state=AccountState.PLANNED)], initiator=INITIATOR)


def test_a_closed_account_is_not_rotated(harness: Harness) -> None:
    """A new password must never be the way in which a closed account comes back."""
    harness.open([samples.UNIT.code])
    harness.close_accounts(["temelegitim46"])

    with pytest.raises(InputError, match="it is closed; reopen it"):
        harness.rotate(["temelegitim46"])


def test_an_account_that_was_never_opened_is_neither_rotated_nor_handed_over(
    harness: Harness, target: FaultTarget
) -> None:
    target.faults.on("account_create", Fault.REFUSE)
    harness.open([samples.UNIT.code])

    with pytest.raises(InputError, match="it was never opened; create it"):
        harness.rotate(["temelegitim46"])
    with pytest.raises(InputError, match="it was never opened; create it"):
        harness.hand_over("temelegitim46", samples.SUCCESSOR.id)


def test_a_deletion_that_did_not_end_is_driven_on(harness: Harness, target: FaultTarget) -> None:
    harness.open([samples.UNIT.code])
    harness.close_accounts(["temelegitim46"])
    target.faults.on("account_delete", Fault.APPLY_AND_LOSE_ANSWER)
    target.faults.on("account_probe", Fault.CANNOT_CONNECT)
    stuck = harness.delete(["temelegitim46"])[0]
    target.faults.clear()
    done = harness.delete(["temelegitim46"])[0]

    assert (stuck.state, done.state) == (OperationState.INCOMPLETE, OperationState.DONE)
    assert done.id == stuck.id


def test_what_is_deleted_is_left_alone_until_it_was_open_again(harness: Harness) -> None:
    clock = harness.clock
    assert isinstance(clock, FakeClock)
    harness.open([samples.UNIT.code])
    harness.close_accounts(["temelegitim46"])
    clock.advance(timedelta(seconds=1))
    harness.delete(["temelegitim46"])
    plan = harness.planner.delete([harness.account("temelegitim46")], initiator=INITIATOR)
    assert plan.work == ()
    assert [str(one.reason) for one in plan.unchanged] == ["it was deleted already"]

    harness.reopen(["temelegitim46"])
    clock.advance(timedelta(seconds=1))
    harness.close_accounts(["temelegitim46"])
    assert len(harness.delete(["temelegitim46"])) == 1


def test_the_personnel_system_knows_better_than_the_store(harness: Harness) -> None:
    newer = attrs.evolve(samples.HOLDER, mobile="+905559998877")

    class Personnel:
        @hookimpl
        def person_find(self, request: FindPerson) -> Person | None:
            return newer if request.person_id == newer.id else None

    harness.plugins.add("personnel", Personnel())

    assert harness.planner.open_units([samples.UNIT], initiator=INITIATOR).work[0].holder == newer


def test_nothing_is_planned_when_the_personnel_system_cannot_tell(harness: Harness) -> None:
    class Personnel:
        @hookimpl
        def person_find(self, request: FindPerson) -> Person | None:
            raise UnavailableError("connection refused")

    harness.plugins.add("personnel", Personnel())

    with pytest.raises(UnavailableError):
        harness.planner.open_units([samples.UNIT], initiator=INITIATOR)
