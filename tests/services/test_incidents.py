"""Reports of trouble without a command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs
import pytest

from provisioner.core.api.errors import DeniedError, InputError
from provisioner.core.engine.plan import Initiator
from provisioner.core.governance.incidents import Incident, IncidentReported, IncidentState, IncidentStep
from provisioner.core.governance.privacy import MASK
from provisioner.core.governance.roles import Role
from provisioner.core.model import Unit
from provisioner.services.application import Application
from provisioner.services.incidents import Incidents, find_incident, shown_with_steps
from tests.services.conftest import Observer

REPORTER, CUSTODIAN, CUSTODIAN_ABOVE, OTHER = "1003", "1002", "1001", "1004"


@pytest.fixture(name="incident")
def _trouble(app: Application) -> Incident:
    """Return a report about the login of a unit with a unit above it."""
    app.runs.start(app.accounts.plan_creation(["arge46"], Initiator(actor="9000"))).wait()
    return app.incidents.report("arge46@meb.gov.tr", "no mail", actor=REPORTER)


class TestReport:
    """Somebody reports trouble."""

    def test_goes_to_the_unit_of_the_account(self, app: Application, incident: Incident) -> None:
        assert (incident.login, incident.unit, incident.state) == ("arge46", "ar-ge", IncidentState.OPEN)
        assert find_incident(app.store, incident.id[:6]) == incident

    def test_twice_is_one_report(self, app: Application, incident: Incident) -> None:
        assert app.incidents.report("arge46", "no mail", actor=REPORTER) == incident

    def test_of_somebody_else_is_another_report(self, app: Application, incident: Incident) -> None:
        assert app.incidents.report("arge46", "no mail", actor=OTHER).id != incident.id

    def test_is_recorded_for_every_observer(self, app: Application, incident: Incident, observer: Observer) -> None:
        app.incidents.report("arge46", "no log-in", actor=REPORTER)

        assert [event.kind for event in observer.seen] == [IncidentReported.kind]

    def test_about_an_unknown_login_is_refused(self, app: Application) -> None:
        with pytest.raises(InputError, match="nosuch is unknown"):
            app.incidents.report("nosuch", "no mail", actor=REPORTER)

    def test_in_a_dry_run_records_nothing(self, app: Application, incident: Incident) -> None:
        planned = app.incidents.report("arge46", "no log-in", actor=REPORTER, dry_run=True)

        with pytest.raises(InputError, match="there is no incident"):
            find_incident(app.store, planned.id)


def test_a_long_list_reads_each_unit_once(
    app: Application, incident: Incident, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        app.incidents.report("arge46", f"no mail, day {number}", actor=REPORTER)
    monkeypatch.setattr("provisioner.services.incidents._PAGE", 2)
    read: list[str] = []
    get_many = app.store.units.get_many

    def counted(codes: Iterable[str]) -> Mapping[str, Unit]:
        wanted = list(codes)
        read.extend(wanted)
        return get_many(wanted)

    monkeypatch.setattr(app.store.units, "get_many", counted)

    found = app.incidents.readable(viewer=CUSTODIAN, state=IncidentState.OPEN, limit=10)

    assert len(found) == 6
    assert read.count("ar-ge") <= 2, "once as the unit of a report, and once for the roles there"


class TestEscalate:
    """A report goes to the unit above."""

    @pytest.mark.parametrize("actor", [REPORTER, CUSTODIAN, "9000"])
    def test_is_for_the_reporter_and_those_who_handle_it(
        self, app: Application, incident: Incident, actor: str
    ) -> None:
        assert app.incidents.escalate(incident.id, actor=actor).unit == "il-mem"

    def test_is_for_an_officer_of_the_unit(self, app: Application, incident: Incident) -> None:
        app.delegation.grant(OTHER, Role.OFFICER, unit="ar-ge", actor="9000")

        assert app.incidents.escalate(incident.id, actor=OTHER).unit == "il-mem"

    @pytest.mark.parametrize("actor", [OTHER, CUSTODIAN_ABOVE])
    def test_is_denied_to_everybody_else(self, app: Application, incident: Incident, actor: str) -> None:
        with pytest.raises(DeniedError):
            app.incidents.escalate(incident.id, actor=actor)

    def test_ends_at_the_top(self, app: Application, incident: Incident) -> None:
        app.incidents.escalate(incident.id, actor=REPORTER)

        with pytest.raises(InputError, match="no unit above"):
            app.incidents.escalate(incident.id, actor=REPORTER)

    def test_goes_from_the_top_to_the_it_unit_and_no_further(self, app: Application, incident: Incident) -> None:
        incidents: Incidents = attrs.evolve(app.incidents, it_unit="ar-ge")
        top = attrs.evolve(incident, unit="il-mem")
        app.incidents.escalate(incident.id, actor=REPORTER)
        assert find_incident(app.store, incident.id).unit == top.unit

        assert incidents.escalate(incident.id, actor=REPORTER).unit == "ar-ge"
        with pytest.raises(InputError, match="no unit above"):
            incidents.escalate(incident.id, actor=REPORTER)

    def test_of_a_closed_report_is_refused(self, app: Application, incident: Incident) -> None:
        app.incidents.resolve(incident.id, "a new cable", actor=CUSTODIAN)

        with pytest.raises(InputError, match="resolved already"):
            app.incidents.escalate(incident.id, actor=CUSTODIAN)


class TestResolve:
    """A report is closed."""

    def test_is_for_those_who_handle_it(self, app: Application, incident: Incident) -> None:
        resolved = app.incidents.resolve(incident.id, "a new cable", actor=CUSTODIAN)

        assert (resolved.state, resolved.resolution) == (IncidentState.RESOLVED, "a new cable")

    def test_is_denied_to_the_reporter(self, app: Application, incident: Incident) -> None:
        with pytest.raises(DeniedError):
            app.incidents.resolve(incident.id, "it went away", actor=REPORTER)

    def test_twice_is_the_same_unless_the_text_differs(self, app: Application, incident: Incident) -> None:
        resolved = app.incidents.resolve(incident.id, "a new cable", actor=CUSTODIAN)

        assert app.incidents.resolve(incident.id, "a new cable", actor=OTHER) == resolved
        with pytest.raises(InputError, match="resolved already"):
            app.incidents.resolve(incident.id, "magic", actor=CUSTODIAN)


class TestRead:
    """Reports are shown with their steps."""

    def test_has_every_step(self, app: Application, incident: Incident) -> None:
        app.incidents.escalate(incident.id, actor=REPORTER)
        moved = find_incident(app.store, incident.id)

        found = shown_with_steps(app.store, app.privacy(REPORTER), moved)

        assert found.unit.code == "il-mem"
        assert [(step.kind, step.actor, step.unit) for step in found.steps] == [
            (IncidentStep.REPORTED, REPORTER, "ar-ge"),
            (IncidentStep.ESCALATED, REPORTER, "il-mem"),
        ]

    def test_names_nobody_to_those_without_a_part(self, app: Application, incident: Incident) -> None:
        found = shown_with_steps(app.store, app.privacy(OTHER), incident)

        assert found.incident.text == MASK
        assert {step.actor for step in found.steps} == {MASK}

    def test_is_for_the_custodian_who_handles_it(self, app: Application, incident: Incident) -> None:
        assert shown_with_steps(app.store, app.privacy(CUSTODIAN), incident).incident == incident
