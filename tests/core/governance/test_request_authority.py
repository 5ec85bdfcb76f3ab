"""Who may do what with an access request: three persons have three parts in it."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.core.api.errors import DeniedError
from provisioner.core.governance.access_requests import AccessRequest, RequestState
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.request_authority import RequestAuthority
from provisioner.core.governance.roles import Role
from provisioner.core.model import OperationKind, Person
from tests.core.governance.offices import NOW, Office, assignment, denied, token_for

ASKS = Person(id="asks", name="Ayşe Işık", unit="s1", supervisor="boss")
GRANTS = [
    assignment("officer", Role.OFFICER, unit="46"),
    assignment("admin", Role.ADMINISTRATOR),
    assignment("head", Role.SUPERVISOR, unit="s1"),
    assignment("deputy", Role.SUPERVISOR, unit="s1", delegator="boss", starts_at=NOW),
    assignment("relief", Role.OFFICER, unit="46", delegator="officer", starts_at=NOW),
    assignment("friend", Role.OFFICER, unit="46"),
    assignment("friend", Role.SUPERVISOR, unit="s1", delegator="holder", starts_at=NOW),
]


def access_request(**more: Any) -> AccessRequest:
    facts: dict[str, Any] = {
        "id": "f1",
        "kind": OperationKind.ROTATE,
        "login": "a",
        "unit": "s1",
        "requester": "asks",
        "reason": "lost",
        "recipient": "holder",
        "submitted_at": NOW,
    }
    return AccessRequest(**{**facts, **more})


APPROVED = access_request(state=RequestState.APPROVED, approver="boss")


@pytest.fixture(name="authority")
def _authority() -> RequestAuthority:
    return RequestAuthority(Authority(records=Office(GRANTS), now=lambda: NOW, enforced=True))


def test_an_officer_is_not_named_who_asks(authority: RequestAuthority) -> None:
    with pytest.raises(DeniedError, match="the requester and the officer"):
        authority.require_submittable("officer", unit="s1", recipient="holder", officer="officer")


def test_naming_an_officer_does_not_tell_who_holds_the_account(authority: RequestAuthority) -> None:
    """A teacher could try the colleagues one after the other, and one answer was another."""
    said = set()
    for officer, recipient in (("holder", "holder"), ("officer", "officer"), ("nobody", "holder"), ("boss", "holder")):
        with pytest.raises(DeniedError) as caught:
            authority.require_submittable("asks", unit="s1", recipient=recipient, officer=officer)
        said.add((caught.value.text.template, caught.value.cure.template))

    assert len(said) == 1
    assert denied(authority.require_submittable, "asks", unit="s1", recipient="holder", officer="officer") is None


def test_without_an_officer_nobody_has_two_parts(authority: RequestAuthority) -> None:
    assert denied(authority.require_submittable, "asks", unit="s1", recipient=None, officer=None) is None


@pytest.mark.parametrize(("actor", "decides_for"), [("boss", None), ("deputy", "boss")])
def test_the_supervisor_decides_or_a_delegate(authority: RequestAuthority, actor: str, decides_for: str | None) -> None:
    assert authority.require_decider(access_request(), actor, ASKS) == decides_for


def test_a_service_does_not_decide_even_with_the_role() -> None:
    """Who uses its token may be the requester."""
    service = assignment("service:list", Role.SUPERVISOR, unit="s1")
    authority = RequestAuthority(Authority(records=Office([*GRANTS, service]), now=lambda: NOW, enforced=True))
    with pytest.raises(DeniedError, match="only a person"):
        authority.require_decider(access_request(), "service:list", Person(id="asks", name="Ayşe Işık", unit="s1"))


def test_where_no_supervisor_is_named_the_role_decides(authority: RequestAuthority) -> None:
    assert authority.require_decider(access_request(), "head", Person(id="asks", name="Ayşe Işık", unit="s1")) is None


@pytest.mark.parametrize("actor", ["asks", "head", "officer", "admin"])
def test_nobody_else_decides_and_who_could_is_named(authority: RequestAuthority, actor: str) -> None:
    with pytest.raises(DeniedError) as caught:
        authority.require_decider(access_request(), actor, ASKS)

    assert "boss" in str(caught.value.cure)


@pytest.mark.parametrize("deciders", [("asks",), ("deputy", "officer")])
def test_neither_the_requester_nor_the_named_officer_decides(
    authority: RequestAuthority, deciders: tuple[str, ...]
) -> None:
    with pytest.raises(DeniedError, match="has another role in request"):
        authority.require_no_other_part(access_request(officer="officer"), *deciders)


def test_of_who_decides_for_nobody_else_nothing_more_is_asked(authority: RequestAuthority) -> None:
    assert denied(authority.require_no_other_part, access_request(), "boss", None) is None


@pytest.mark.parametrize("actor", ["officer", "relief", "admin"])
def test_an_officer_confirms_a_number_and_carries_the_request_out(authority: RequestAuthority, actor: str) -> None:
    assert denied(authority.require_confirmer, APPROVED, actor) is None
    assert denied(authority.require_officer, APPROVED, actor) is None


@pytest.mark.parametrize("actor", ["asks", "holder", "head", "friend"])
def test_who_receives_the_password_or_acts_for_them_does_neither(authority: RequestAuthority, actor: str) -> None:
    """They could let the password go to a number of their own."""
    with pytest.raises(DeniedError):
        authority.require_confirmer(APPROVED, actor)
    with pytest.raises(DeniedError):
        authority.require_officer(APPROVED, actor)


@pytest.mark.parametrize("creator", ["asks", "holder", "boss"])
def test_a_service_does_not_carry_out_for_who_has_created_its_token(creator: str) -> None:
    known = Office([*GRANTS, assignment("service:list", Role.OFFICER)], made=[token_for("service:list", creator)])
    authority = RequestAuthority(Authority(records=known, now=lambda: NOW))

    with pytest.raises(DeniedError, match="has another role in request"):
        authority.require_officer(APPROVED, "service:list")
    known.made[:] = [token_for("service:list", "admin")]
    authority.require_officer(APPROVED, "service:list")


def test_who_has_approved_does_not_carry_it_out(authority: RequestAuthority) -> None:
    with pytest.raises(DeniedError, match="has another role in request"):
        authority.require_officer(access_request(state=RequestState.APPROVED, approver="officer"), "officer")


def test_another_officer_than_the_named_one_does_not_carry_it_out(authority: RequestAuthority) -> None:
    named = access_request(state=RequestState.APPROVED, approver="boss", officer="second")
    with pytest.raises(DeniedError, match="names another officer"):
        authority.require_officer(named, "officer")
    authority.require_officer(named, "admin")


@pytest.mark.parametrize(("actor", "officer"), [("officer", None), ("relief", "officer")])
def test_for_whom_a_delegate_carries_it_out_is_known(
    authority: RequestAuthority, actor: str, officer: str | None
) -> None:
    assert authority.officer_for(APPROVED, actor) == officer
