"""What is wrong with one account of a list keeps nothing from the others, and is named with its cure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from provisioner import hookimpl
from provisioner.core.api.errors import (
    Denial,
    ForbiddenError,
    MisconfiguredError,
    NotAuthorizedError,
    TargetError,
    TransientError,
    UnavailableError,
)
from provisioner.core.api.messages import AuthorizeOperation, FindPerson
from provisioner.core.model import AccountState, OperationKind, OperationState, Person, Unit
from provisioner.testing.faults import Fault, FaultTarget
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

UNITS = [
    Unit(code=f"u{n}", name=f"Birim {n}", kind="office", login=f"birim{n}", custodian=str(n + 1)) for n in range(4)
]
PERSONS = [Person(id=str(n), name=f"Kişi {n}", mobile=f"+9053200000{n:02}") for n in range(1, 10)]
CODES = [unit.code for unit in UNITS]
LOGINS = [f"birim{n}" for n in range(4)]


class Staff:
    """A personnel system that knows everybody until somebody leaves."""

    def __init__(self) -> None:
        self.known = {person.id: person for person in PERSONS}
        self.errors: dict[str, TargetError] = {}

    @hookimpl
    def person_find(self, request: FindPerson) -> Person | None:
        if request.person_id in self.errors:
            raise self.errors[request.person_id]
        return self.known.get(request.person_id)


@pytest.fixture(name="staff")
def _staff() -> Staff:
    return Staff()


@pytest.fixture(name="target")
def _target() -> FaultTarget:
    return FaultTarget(MemoryTarget())


@pytest.fixture(name="office")
def _office(tmp_path: Path, target: FaultTarget, staff: Staff) -> Iterator[Harness]:
    with Harness(tmp_path / "store.sqlite", targets={"posta": target}, channels={"sms": MemoryChannel()}) as harness:
        harness.plugins.add("staff", staff)
        harness.know(units=UNITS)
        harness.open(CODES[:3])
        yield harness


@pytest.fixture(name="stuck")
def _stuck(office: Harness, target: FaultTarget) -> Harness:
    """An office in which the handover of birim0 to 9 is stuck half-way."""
    target.faults.on("account_handover", Fault.APPLY_AND_LOSE_ANSWER)
    target.faults.on("account_probe", Fault.CANNOT_CONNECT)
    [operation] = office.hand_over("birim0", "9")
    assert operation.state is OperationState.INCOMPLETE
    target.faults.clear()
    return office


def test_opening_a_list_carries_on_a_handover_that_is_stuck(stuck: Harness) -> None:
    done = {one.login: (one.kind, one.state) for one in stuck.open(CODES)}

    assert done == {
        "birim0": (OperationKind.HANDOVER, OperationState.DONE),
        "birim3": (OperationKind.CREATE, OperationState.DONE),
    }
    assert stuck.account("birim0").holder == "9"


def test_a_handover_to_somebody_who_left_keeps_no_list_back(stuck: Harness, staff: Staff) -> None:
    del staff.known["9"]
    units = stuck.store.units.get_many(CODES)

    plan = stuck.planner.open_units([units[code] for code in CODES], initiator=INITIATOR)

    assert [one.account.login for one in plan.work] == ["birim3"]
    assert [one.login for one in plan.unchanged] == ["birim1", "birim2"]
    [refused] = plan.refused
    assert refused.login == "birim0"
    assert str(refused.reason) == ("its handover is not finished, and the receiver of the password, 9, is unknown")
    assert "provisioner handover birim0 --to PERSON" in str(refused.cure)


def test_the_cure_that_is_named_works(stuck: Harness, staff: Staff) -> None:
    del staff.known["9"]

    [operation] = stuck.hand_over("birim0", "5")

    assert operation.state is OperationState.DONE
    assert stuck.account("birim0").holder == "5"


def test_reopening_goes_on_beside_a_handover_that_is_stuck(stuck: Harness, staff: Staff) -> None:
    stuck.close_accounts(["birim1", "birim2"])
    del staff.known["9"]

    plan = stuck.planner.reopen([stuck.account(login) for login in LOGINS[:3]], initiator=INITIATOR)

    assert [one.login for one in plan.refused] == ["birim0"]
    assert {one.state for one in stuck.run(plan)} == {OperationState.DONE}
    assert stuck.account("birim2").state is AccountState.OPEN


@pytest.mark.parametrize("kind", ["rotate", "reopen"])
def test_a_holder_who_left_keeps_nobody_else_from_a_password(office: Harness, staff: Staff, kind: str) -> None:
    if kind == "reopen":
        office.close_accounts(LOGINS[:3])
    del staff.known["2"]

    plan = getattr(office.planner, kind)([office.account(login) for login in LOGINS[:3]], initiator=INITIATOR)

    assert [(one.login, str(one.reason)) for one in plan.refused] == [("birim1", "2, who holds it, is unknown")]
    assert {one.login for one in office.run(plan)} == {"birim0", "birim2"}


def test_what_has_not_ended_keeps_only_its_own_account(office: Harness, target: FaultTarget) -> None:
    target.faults.on("account_close", Fault.CANNOT_CONNECT)
    office.close_accounts(["birim1"])
    target.faults.clear()

    plan = office.planner.rotate([office.account(login) for login in LOGINS[:3]], initiator=INITIATOR)

    assert [(one.login, str(one.reason)) for one in plan.refused] == [("birim1", "its close is not finished")]
    assert str(plan.refused[0].cure) == "run 'provisioner resume' first"
    assert len(plan.work) == 2


@pytest.mark.parametrize("error", [ForbiddenError("HTTP 403"), TransientError("HTTP 500"), UnavailableError("silent")])
def test_one_who_cannot_be_looked_up_keeps_no_list_back(office: Harness, staff: Staff, error: TargetError) -> None:
    units = [attrs.evolve(UNITS[3], code=f"n{n}", login=f"yeni{n}", custodian=str(n)) for n in range(5, 9)]
    office.know(units=units)
    staff.errors["6"] = error
    plan = office.planner.open_units(units, initiator=INITIATOR)

    assert [one.login for one in plan.refused] == ["yeni6"]
    assert str(plan.refused[0].reason) == f"6, who holds or receives it, cannot be looked up: {error}"
    assert {one.login: one.state for one in office.run(plan)} == dict.fromkeys(
        ["yeni5", "yeni7", "yeni8"], OperationState.DONE
    )


def test_a_personnel_system_that_answers_about_nobody_refuses_the_list(office: Harness, staff: Staff) -> None:
    staff.errors |= dict.fromkeys(staff.known, MisconfiguredError("wrong key"))

    with pytest.raises(MisconfiguredError):
        office.planner.open_units(UNITS[3:], initiator=INITIATOR)


def test_closing_asks_the_personnel_system_about_nobody(stuck: Harness, staff: Staff) -> None:
    staff.errors |= dict.fromkeys(staff.known, UnavailableError("down"))

    assert [account.state for account in stuck.close_accounts(LOGINS[:3])] == [OperationState.DONE] * 3


def test_an_account_is_handed_over_by_one_of_whom_the_personnel_system_says_nothing(
    office: Harness, staff: Staff
) -> None:
    """A person who has left may be nobody's business any more."""
    staff.errors["1"] = ForbiddenError("HTTP 403")

    assert [one.state for one in office.hand_over("birim0", "9")] == [OperationState.DONE]
    assert office.account("birim0").holder == "9"


def test_an_authority_that_fails_for_one_account_denies_that_one(office: Harness) -> None:
    class Confused:
        @hookimpl
        def operation_authorize(self, request: AuthorizeOperation) -> Denial | None:
            if request.account.login == "birim1":
                raise KeyError("secret")
            return None

    office.plugins.add("confused", Confused())

    with pytest.raises(NotAuthorizedError) as caught:
        office.rotate(LOGINS[:3])
    [denied] = caught.value.denials
    assert denied.login == "birim1"
    assert "cannot determine whether this is allowed: a plug-in raised KeyError" in str(denied.denial.reason)
