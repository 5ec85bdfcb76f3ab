"""The personnel office asks on a page whether a person may leave."""

from __future__ import annotations

from provisioner.core.governance.roles import Role
from tests.console_office import ADMINISTRATOR, OFFICER, STRANGER, SUPERVISOR, TEACHER, Office


def test_what_is_left_to_do_leads_to_the_page_where_it_is_done(office: Office) -> None:
    office.harness.app.delegation.grant(SUPERVISOR, Role.PERSONNEL_OFFICE, unit="ilce", actor=ADMINISTRATOR)

    page = office.logged_in(SUPERVISOR).get(f"/clearance?person={TEACHER}&passage=leaving").text

    assert "The personnel office may not process it yet" in page
    assert "Ayşe Işık" in page
    assert 'href="/accounts/okul46/handover"' in page
    assert "provisioner handover" not in page


def test_who_holds_nothing_may_leave(office: Office) -> None:
    browser = office.logged_in(ADMINISTRATOR)
    office.harness.hand_over("okul46", to=OFFICER)

    assert "The personnel office may process it" in browser.get(f"/clearance?person={TEACHER}&passage=leaving").text


def test_nobody_else_gets_an_answer(office: Office) -> None:
    """Not even whether there is such a person."""
    for person in (TEACHER, "4711"):
        answer = office.logged_in(STRANGER).get(f"/clearance?person={person}&passage=leaving")

        assert answer.status_code == 403
        assert "Ayşe" not in answer.text
    assert office.logged_in(ADMINISTRATOR).get(f"/clearance?person={TEACHER}&passage=x").status_code == 422
