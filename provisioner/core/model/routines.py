"""What is done again and again, on a schedule, and when it was done last."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import attrs


class Routine(StrEnum):
    """A command that runs on a schedule."""

    SWEEP = "sweep"
    BACKUP = "backup"


class WorkerRoutine(StrEnum):
    """What a worker does, each in slots of its own."""

    #: What is due of operations and of messages with passwords.
    RESUME = "resume"
    SWEEP = "sweep"
    RECONCILE = "reconcile"


@attrs.frozen(kw_only=True)
class RoutineRun:
    """The last run of a routine."""

    name: Routine
    began_at: datetime
    #: When a run last came to its end, which may be an earlier one; ``None`` if none ever did.
    ended_at: datetime | None = None
