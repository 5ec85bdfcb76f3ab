"""Incidents: reports of a problem with a login, escalated until they are resolved (000 m.5/g, m.6/g, m.7/f)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import attrs

from provisioner.core.api.events import Event


class IncidentState(StrEnum):
    """The state of an incident."""

    OPEN = "open"
    RESOLVED = "resolved"


class IncidentStep(StrEnum):
    """A change of an incident."""

    REPORTED = "trouble_reported"
    ESCALATED = "trouble_escalated"
    RESOLVED = "trouble_resolved"


@attrs.frozen(kw_only=True)
class Incident:
    """One incident: a report of a problem with a login."""

    id: str
    login: str
    #: The description by the reporter.
    text: str
    reporter: str
    reported_at: datetime
    #: The code of the unit that handles it now: a school, then its district, then the province.
    unit: str
    state: IncidentState = IncidentState.OPEN
    #: The solution.
    resolution: str = ""
    #: The number of the revision, from 1. Only the latest revision can be changed.
    revision: int = 1

    def moved_to(self, unit: str) -> Incident:
        """Return the incident, handled by another unit."""
        return attrs.evolve(self, unit=unit, revision=self.revision + 1)

    def resolved(self, resolution: str) -> Incident:
        """Return the resolved incident."""
        return attrs.evolve(self, state=IncidentState.RESOLVED, resolution=resolution, revision=self.revision + 1)


@attrs.frozen(kw_only=True)
class IncidentEvent(Event):
    """A change of an incident."""

    actor: str
    #: The incident in its new state.
    trouble: Incident


@attrs.frozen(kw_only=True)
class IncidentReported(IncidentEvent):
    """A person reported a problem with a login."""

    kind = IncidentStep.REPORTED.value


@attrs.frozen(kw_only=True)
class IncidentEscalated(IncidentEvent):
    """The incident was passed to the unit above."""

    kind = IncidentStep.ESCALATED.value


@attrs.frozen(kw_only=True)
class IncidentResolved(IncidentEvent):
    """The incident was resolved."""

    kind = IncidentStep.RESOLVED.value
