"""Reports of trouble in the store."""

from __future__ import annotations

import pytest

from provisioner.core.api.errors import BusyError
from provisioner.core.governance.incidents import (
    Incident,
    IncidentEscalated,
    IncidentReported,
    IncidentResolved,
    IncidentState,
)
from provisioner.store import Store
from tests.store.conftest import NOON, Story


class TestTroubles:
    """Reports of trouble."""

    def test_are_read_as_they_stand(self, store: Store, story: type[Story]) -> None:
        store.write(story("ab46").planned())
        incident = Incident(id="t1", login="ab46", text="x", reporter="p1", reported_at=NOON, unit="46")
        make = {"at": NOON, "actor": "p1", "login": "ab46"}
        store.write(IncidentReported(trouble=incident, **make))  # type: ignore[arg-type]
        assert store.incidents.get("t1") == incident
        assert list(store.incidents.find(state=IncidentState.OPEN, under="46")) == [incident]

        moved = incident.moved_to("46")
        store.write(IncidentEscalated(trouble=moved, **make))  # type: ignore[arg-type]
        with pytest.raises(BusyError):
            store.write(IncidentResolved(trouble=incident.resolved("late"), **make))  # type: ignore[arg-type]
        store.write(IncidentResolved(trouble=moved.resolved("done"), **make))  # type: ignore[arg-type]

        assert list(store.incidents.find(state=IncidentState.OPEN)) == []
