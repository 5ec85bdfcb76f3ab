"""What waits for whom, and why a person may not do a step."""

from __future__ import annotations

import pytest

from provisioner.core.api.errors import Denial, UnavailableError
from provisioner.core.api.messages import FindPerson
from provisioner.core.governance.access_requests import AccessRequest
from provisioner.core.model import OperationKind, Person
from provisioner.store.role_assignments import StoredRoleAssignments
from tests.console_office import ADMINISTRATOR, OFFICER, STRANGER, SUPERVISOR, TEACHER, Office


def submitted(office: Office, actor: str = TEACHER, login: str = "okul46") -> AccessRequest:
    return office.harness.app.access_requests.submit(login, OperationKind.ROTATE, actor=actor, reason="unuttum")


def said(denial: Denial | None) -> str:
    """Return why something may not be done, and who may."""
    return f"{denial.reason}; {denial.cure}" if denial else ""


def waiting(office: Office, person: str) -> tuple[int, int, int]:
    inbox = office.harness.app.inboxes.of(person)
    return len(inbox.to_decide), len(inbox.to_carry_out), len(inbox.own)


def test_a_request_goes_from_one_inbox_to_the_next(office: Office) -> None:
    app, request = office.harness.app, submitted(office)
    everybody = (TEACHER, SUPERVISOR, OFFICER, ADMINISTRATOR, STRANGER)

    assert [waiting(office, one) for one in everybody] == [(0, 0, 1), (1, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0)]
    app.access_requests.approve(request.id, actor=SUPERVISOR)
    assert [waiting(office, one) for one in everybody] == [(0, 0, 1), (0, 0, 0), (0, 1, 0), (0, 1, 0), (0, 0, 0)]
    app.access_requests.execute(request.id, actor=OFFICER).wait()
    assert [waiting(office, one) for one in everybody] == [(0, 0, 1), (0, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0)]
    assert app.inboxes.of(OFFICER).waiting == 0


def test_a_stranger_does_not_read_in_the_reasons_who_has_a_part(office: Office) -> None:
    """The page masks the requester, and the reason why the viewer can't decide had the ID."""
    app, request = office.harness.app, submitted(office)

    assert said(app.inboxes.steps(request, viewer=STRANGER).not_deciding) == "you have no part in this request; "
    assert SUPERVISOR in said(app.inboxes.steps(request, viewer=OFFICER).not_deciding)
    approved = app.access_requests.approve(request.id, actor=SUPERVISOR)
    assert said(app.inboxes.steps(approved, viewer=STRANGER).not_carrying_out) == "you have no part in this request; "


def test_nobody_decides_on_or_carries_out_an_own_request(office: Office) -> None:
    """Three persons, also if one of them has all the rights."""
    own = submitted(office, actor=OFFICER, login="bilgi46")
    steps = office.harness.app.inboxes.steps(own, viewer=OFFICER)

    assert not steps.may_decide
    assert "supervisor" in said(steps.not_deciding)
    approved = office.harness.app.access_requests.approve(own.id, actor=SUPERVISOR)
    steps = office.harness.app.inboxes.steps(approved, viewer=OFFICER)
    assert not steps.may_carry_out
    assert "another role" in said(steps.not_carrying_out)
    assert waiting(office, OFFICER) == (0, 0, 1)
    assert office.harness.app.inboxes.steps(approved, viewer=ADMINISTRATOR).may_carry_out


def test_a_requester_who_has_left_waits_for_nobody(office: Office) -> None:
    request = submitted(office)
    office.harness.app.planner.people.stored = lambda _: {}

    assert waiting(office, SUPERVISOR) == (0, 0, 0)
    steps = office.harness.app.inboxes.steps(request, viewer=SUPERVISOR)
    assert "does not know" in said(steps.not_deciding)


def test_a_personnel_system_that_is_down_hides_no_other_request(office: Office) -> None:
    first = submitted(office)
    own = submitted(office, actor=OFFICER, login="bilgi46")
    office.harness.app.access_requests.approve(own.id, actor=SUPERVISOR)

    def down(_: FindPerson) -> Person | None:
        raise UnavailableError("no answer")

    people = office.harness.app.planner.people
    people.find, people.has_system = down, lambda: True

    inbox = office.harness.app.inboxes.of(ADMINISTRATOR)
    assert [one.id for one in inbox.to_carry_out] == [own.id]
    assert waiting(office, SUPERVISOR) == (0, 0, 0)
    assert "no answer" in str(inbox.error)
    assert "no answer" in said(office.harness.app.inboxes.steps(first, viewer=SUPERVISOR).not_deciding)


def test_a_long_inbox_reads_the_roles_of_a_person_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waiting request read them again: an inbox in an office with 250 of them took a tenth of a second."""
    for login, actor in {"okul46": TEACHER, "bilgi46": OFFICER, "baska46": STRANGER}.items():
        submitted(office, actor, login)
    read: list[str | None] = []
    find = StoredRoleAssignments.find

    def counted(self: StoredRoleAssignments, *, person: str | None = None, delegator: str | None = None) -> object:
        read.append(person)
        return find(self, person=person, delegator=delegator)

    monkeypatch.setattr(StoredRoleAssignments, "find", counted)

    assert len(office.harness.app.inboxes.of(ADMINISTRATOR).to_decide) == 1
    assert read.count(ADMINISTRATOR) == 1
