"""A report of trouble goes up and is closed, and each change is one revision."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from provisioner.core.governance.incidents import (
    Incident,
    IncidentEscalated,
    IncidentEvent,
    IncidentReported,
    IncidentResolved,
    IncidentState,
    IncidentStep,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TROUBLE = Incident(id="t1", login="a", text="no log-in", reporter="p1", reported_at=NOON, unit="school")


def test_a_report_that_goes_up_stays_open_and_is_a_new_revision() -> None:
    moved = TROUBLE.moved_to("district")

    assert (moved.unit, moved.state, moved.revision) == ("district", IncidentState.OPEN, 2)
    assert (moved.id, moved.reporter, moved.text) == ("t1", "p1", "no log-in")


def test_a_resolution_closes_the_report_where_it_is() -> None:
    resolved = TROUBLE.moved_to("district").resolved("new password")

    assert (resolved.unit, resolved.state, resolved.revision) == ("district", IncidentState.RESOLVED, 3)
    assert resolved.resolution == "new password"


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (IncidentReported, "trouble_reported"),
        (IncidentEscalated, "trouble_escalated"),
        (IncidentResolved, "trouble_resolved"),
    ],
)
def test_names_in_the_audit_log_are_a_promise(event: type[IncidentEvent], kind: str) -> None:
    assert event.kind == kind
    assert kind in set(IncidentStep)
