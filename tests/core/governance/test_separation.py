"""Nobody has two parts in one matter, and neither has who acts for them; administrators are no exception."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

from provisioner.core.api.errors import DeniedError
from provisioner.core.api.messages import AuthorizeOperation
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.roles import Role, RoleAssignment
from provisioner.core.governance.separation import SeparationOfDuties
from provisioner.core.model import Account, OperationKind, Person, Unit
from tests.core.governance.offices import NOW, Office, assignment, denied, token_for
from tests.core.governance.test_authority import Known, role

UNIT = Unit(code="46", name="Kahramanmaraş", kind="province", custodian="p5")
REQUEST = AuthorizeOperation(
    kind=OperationKind.HANDOVER,
    account=Account(login="a", domain="meb.gov.tr", unit="46"),
    unit=UNIT,
    actor="admin",
    by_policy=False,
    at=datetime(2026, 11, 22, 12, tzinfo=UTC),
)
NEW = Unit(code="n", name="Yeni Okul", kind="school", parent="46-1", custodian="local")
PERSON = Person(id="admin", name="Ayşe Işık", mobile="+905320000001", supervisor="boss")

ADMINISTRATORS = [assignment(name, Role.ADMINISTRATOR) for name in ("admin", "second")]
STAND_IN = assignment("deputy", Role.OFFICER, delegator="admin", starts_at=NOW)


def duties(*grants: RoleAssignment, enforced: bool = True) -> SeparationOfDuties:
    known = Office([*ADMINISTRATORS, *grants])
    return SeparationOfDuties(Authority(records=known, now=lambda: NOW, enforced=enforced))


@pytest.mark.parametrize("releaser", ["admin", "deputy"])
def test_a_run_is_not_released_by_who_asked_for_it(releaser: str) -> None:
    request = attrs.evolve(REQUEST, kind=OperationKind.CLOSE, actor=releaser, asked_by="admin")

    assert duties(STAND_IN).operation_authorize(request)
    assert not duties(STAND_IN).operation_authorize(attrs.evolve(request, actor="second"))


def test_a_service_does_not_release_a_run() -> None:
    """Who uses its token may be the one who asked for the run."""
    request = attrs.evolve(REQUEST, kind=OperationKind.CLOSE, actor="service:list", asked_by="admin")
    denial = duties(assignment("service:list", Role.ADMINISTRATOR)).operation_authorize(request)

    assert denial
    assert "only a person" in str(denial.reason)
    assert not duties().operation_authorize(attrs.evolve(request, asked_by=None))


def test_what_a_service_does_counts_for_who_has_created_a_token_of_it() -> None:
    """An administrator starts a run or a handover as a service, and would be the second person."""
    grants = [*ADMINISTRATORS, assignment("service:list", Role.OFFICER)]
    known = Office(grants, made=[token_for("service:list", "admin")])
    separation = SeparationOfDuties(Authority(records=known, now=lambda: NOW))
    run = attrs.evolve(REQUEST, kind=OperationKind.CLOSE, asked_by="service:list")
    handover = attrs.evolve(REQUEST, actor="service:list", incoming="admin")
    named = attrs.evolve(UNIT, custodian="admin")

    assert separation.operation_authorize(run)
    assert not separation.operation_authorize(attrs.evolve(run, actor="second"))
    assert separation.operation_authorize(handover)
    assert not separation.operation_authorize(attrs.evolve(handover, incoming="second"))
    reached = attrs.evolve(PERSON, mobile="+905320000002")
    with pytest.raises(DeniedError, match="may not change the mobile number"):
        separation.require_for_persons("service:list", {"admin": PERSON}, [reached])
    with pytest.raises(DeniedError, match="may not name admin the custodian"):
        separation.require_for_units("service:list", {"46": UNIT}, [named])


@pytest.mark.parametrize("receiver", ["admin", "deputy"])
def test_an_account_is_not_handed_over_to_who_does_it(receiver: str) -> None:
    denial = duties(STAND_IN).operation_authorize(attrs.evolve(REQUEST, incoming=receiver))

    assert denial
    assert "second" in str(denial.cure)
    assert "admin" not in str(denial.cure)
    assert not duties(STAND_IN).operation_authorize(attrs.evolve(REQUEST, incoming="p7"))


def test_policies_and_sites_without_roles_are_free() -> None:
    own = attrs.evolve(REQUEST, incoming="admin")

    assert not duties().operation_authorize(attrs.evolve(own, by_policy=True))
    assert not duties(enforced=False).operation_authorize(own)


@pytest.mark.parametrize(("field", "value"), [("mobile", "+905320000002"), ("supervisor", "friend")])
@pytest.mark.parametrize("actor", ["admin", "deputy"])
def test_nobody_changes_where_the_own_passwords_go(actor: str, field: str, value: str) -> None:
    change: dict[str, Any] = {field: value}
    changed = [attrs.evolve(PERSON, **change)]

    with pytest.raises(DeniedError, match="may not change the mobile number or supervisor of admin"):
        duties(STAND_IN).require_for_persons(actor, {"admin": PERSON}, changed)
    assert denied(duties(STAND_IN).require_for_persons, "second", {"admin": PERSON}, changed) is None


def test_the_own_other_data_and_new_staff_may_be_imported() -> None:
    changed = attrs.evolve(PERSON, name="Ayşe Yılmaz")

    assert denied(duties().require_for_persons, "admin", {"admin": PERSON}, [changed]) is None
    assert denied(duties().require_for_persons, "admin", {}, [PERSON]) is None


def test_an_officer_does_not_name_themselves_as_custodian() -> None:
    officer = assignment("officer", Role.OFFICER, unit="46")
    named = attrs.evolve(UNIT, custodian="officer")

    with pytest.raises(DeniedError, match="may not name officer the custodian of 46"):
        duties(officer).require_for_units("officer", {"46": UNIT}, [named])
    check = duties(officer).require_for_units
    assert denied(check, "officer", {"46": named}, [attrs.evolve(named, name="İl MEM")]) is None
    assert denied(check, "admin", {"46": UNIT}, [attrs.evolve(UNIT, custodian="admin")]) is None


def test_rights_are_looked_up_once_for_a_list_and_not_for_each_unit() -> None:
    known = Known([role("local", Role.ADMINISTRATOR, "46-1")])
    duties = SeparationOfDuties(Authority(records=known, administrators=("admin",), now=lambda: NOW))
    units = [attrs.evolve(NEW, code=f"n{number}") for number in range(2000)]

    assert denied(duties.require_for_units, "local", {}, units) is None
    with pytest.raises(DeniedError, match="the custodian of n1999"):
        duties.require_for_units("local", {}, [*units[:-1], attrs.evolve(units[-1], parent="46-2")])

    assert known.lookups < 20


def test_the_first_unit_of_the_list_that_is_denied_is_named() -> None:
    known = Known([role("officer", Role.OFFICER, "46")])
    duties = SeparationOfDuties(Authority(records=known, administrators=("admin",), now=lambda: NOW))
    units = [attrs.evolve(NEW, code=f"n{number}", custodian=f"{number}") for number in range(9)]
    kept = attrs.evolve(NEW, code="kept", custodian="officer")
    own = [attrs.evolve(NEW, code=code, custodian="officer") for code in ("b", "a")]

    with pytest.raises(DeniedError, match="may not name officer the custodian of b:"):
        duties.require_for_units("officer", {"kept": kept}, [*units, kept, *own])
