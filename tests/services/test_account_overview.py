"""One account as people look at it."""

from __future__ import annotations

import attrs
import pytest

from provisioner.core.api.errors import DeniedError, InputError
from provisioner.core.governance.privacy import MASK
from provisioner.core.model import OperationKind, TargetState
from tests.console_office import ADMINISTRATOR, OFFICER, PERSONS, STRANGER, TEACHER, Office


def test_all_that_is_known_comes_together(office: Office) -> None:
    app = office.harness.app
    app.access_requests.submit("okul46", OperationKind.ROTATE, actor=TEACHER, reason="unuttum")
    list(app.verification.verify([office.harness.account("okul46")], actor=ADMINISTRATOR))

    one = app.account_overviews.of("okul46@meb.gov.tr", viewer=OFFICER)

    assert [unit.code for unit in one.units] == ["il", "ilce", "okul"]
    assert (one.holder and one.holder.name, one.holder_error) == ("Ayşe Işık", None)
    assert one.details.targets == {"directory": TargetState.OPEN}
    assert one.answers["directory"].difference is None
    assert set(one.last_seen) == {"directory"}
    assert [delivery.number for delivery in one.deliveries] == [1]
    assert [operation.kind for operation in one.operations] == [OperationKind.CREATE]
    assert [request.reason for request in one.requests] == ["unuttum"]


def test_those_who_may_not_read_the_holder_see_nothing(office: Office) -> None:
    for viewer in (STRANGER, "nobody"):
        with pytest.raises(DeniedError):
            office.harness.app.account_overviews.of("okul46", viewer=viewer)
        with pytest.raises(DeniedError):
            office.harness.app.account_overviews.number_of_holder("okul46", viewer=viewer)
    assert "number_shown" not in office.kinds()


def test_an_officer_reads_no_number_of_a_holder_from_another_unit(office: Office) -> None:
    """The command 'person show' denies it, too."""
    office.harness.know(persons=[attrs.evolve(PERSONS[0], unit="baska")])
    overviews = office.harness.app.account_overviews

    assert overviews.of("okul46", viewer=OFFICER).holder is None
    with pytest.raises(DeniedError):
        overviews.number_of_holder("okul46", viewer=OFFICER)
    for viewer in (TEACHER, ADMINISTRATOR):
        holder = overviews.of("okul46", viewer=viewer).holder
        assert holder == overviews.number_of_holder("okul46", viewer=viewer)
    assert office.kinds().count("number_shown") == 2


def test_a_holder_does_not_read_who_got_passwords_before(office: Office) -> None:
    office.harness.hand_over("okul46", STRANGER)
    overviews = office.harness.app.account_overviews

    assert [one.person for one in overviews.of("okul46", viewer=STRANGER).deliveries] == [STRANGER, MASK]
    assert [one.person for one in overviews.of("okul46", viewer=OFFICER).deliveries] == [STRANGER, TEACHER]


def test_a_number_that_is_shown_is_in_the_audit_log(office: Office) -> None:
    person = office.harness.app.account_overviews.number_of_holder("okul46", viewer=OFFICER)

    last = list(office.harness.store.audit_log.entries())[-1]
    assert person.mobile == "+905321234567"
    assert (last.kind, last.actor, last.login) == ("number_shown", OFFICER, "okul46")
    assert "5321234567" not in last.body


def test_an_unknown_login_is_told(office: Office) -> None:
    with pytest.raises(InputError):
        office.harness.app.account_overviews.of("nobody46", viewer=ADMINISTRATOR)
