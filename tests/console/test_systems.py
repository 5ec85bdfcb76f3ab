"""Targets and channels on a page: whether they work, and maintenance."""

from __future__ import annotations

from datetime import timedelta

from provisioner.core.gateways.health import TargetHealth
from provisioner.core.model import StepError
from provisioner.services.targets import Condition, System
from tests.console_office import ADMINISTRATOR, TEACHER, Office


def system(office: Office, name: str) -> System:
    return next(one for one in office.harness.app.targets.systems() if one.name == name)


def test_a_maintenance_begins_and_ends(office: Office) -> None:
    browser = office.logged_in(ADMINISTRATOR)

    wrong = browser.post("/systems/directory/maintenance", {"until": "tomorrow"})
    past = browser.post("/systems/directory/maintenance", {"until": "2020-01-01T18:00"})
    browser.post("/systems/directory/maintenance", {"until": "2026-03-01T18:00", "reason": "disk <b>"})
    page = browser.get("/systems").text

    assert (wrong.status_code, past.status_code) == (422, 422)
    assert "1 Mar 2026 18:00" in page
    assert "disk &lt;b&gt;" in page
    assert system(office, "directory").condition is Condition.MAINTENANCE
    browser.post("/systems/directory/service")
    assert system(office, "directory").condition is Condition.WORKS


def test_a_quarantine_ends_only_if_the_check_passes_and_names_no_server_to_others(office: Office) -> None:
    now = office.harness.clock()
    broken = TargetHealth(
        name="directory",
        failing_since=now - timedelta(hours=2),
        quarantined_at=now,
        error=StepError(name="UnavailableError", message="ldap.internal.example refuses"),
    )
    office.harness.store.health.change("directory", lambda _: broken)
    browser, teacher = office.logged_in(ADMINISTRATOR), office.logged_in(TEACHER)

    assert "ldap.internal.example" in browser.get("/systems").text
    page = teacher.get("/systems").text
    assert "quarantined" in page
    assert "ldap.internal.example" not in page
    assert "<form" not in page.split("<main")[1].split("</main")[0]
    browser.post("/systems/directory/resume")
    assert system(office, "directory").condition is Condition.WORKS
