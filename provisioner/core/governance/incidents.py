"""Trouble with a login, reported upward until somebody resolves it (000 m.5/g, m.6/g, m.7/f)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import attrs

from provisioner.core.api.events import Event


class TroubleState(StrEnum):
    """Where a report stands."""

    OPEN = "open"
    RESOLVED = "resolved"


class TroubleStep(StrEnum):
    """What happened to a report."""

    REPORTED = "trouble_reported"
    ESCALATED = "trouble_escalated"
    RESOLVED = "trouble_resolved"


@attrs.frozen(kw_only=True)
class Trouble:
    """One report of trouble with a login."""

    id: str
    login: str
    #: What does not work, in the words of whoever reports it.
    text: str
    reporter: str
    reported_at: datetime
    #: The code of the unit that looks after it now: a school, then its district, then the province.
    unit: str
    state: TroubleState = TroubleState.OPEN
    #: What helped.
    resolution: str = ""
    #: Counts the changes, from 1; a change to anything but the latest revision is refused.
    revision: int = 1

    def moved_to(self, unit: str) -> Trouble:
        """Return the report in the hands of another unit."""
        return attrs.evolve(self, unit=unit, revision=self.revision + 1)

    def resolved(self, resolution: str) -> Trouble:
        """Return the report as it is closed."""
        return attrs.evolve(self, state=TroubleState.RESOLVED, resolution=resolution, revision=self.revision + 1)


@attrs.frozen(kw_only=True)
class TroubleEvent(Event):
    """Something that happened to a report."""

    actor: str
    #: The report as it is from now on.
    trouble: Trouble


@attrs.frozen(kw_only=True)
class TroubleReported(TroubleEvent):
    """Somebody has trouble with a login."""

    kind = TroubleStep.REPORTED.value


@attrs.frozen(kw_only=True)
class TroubleEscalated(TroubleEvent):
    """The unit above looks after it from now on."""

    kind = TroubleStep.ESCALATED.value


@attrs.frozen(kw_only=True)
class TroubleResolved(TroubleEvent):
    """It works again."""

    kind = TroubleStep.RESOLVED.value
