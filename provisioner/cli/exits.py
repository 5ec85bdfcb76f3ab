"""The exit codes, which scripts rely on."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """How a command ended."""

    #: Done, or nothing to do.
    DONE = 0
    #: A defect in the program.
    DEFECT = 1
    #: Usage, configuration or an input file is wrong; nothing was changed.
    WRONG = 2
    #: Denied: insufficient authority, no approved access request, a blocked clearance, or a protected account.
    DENIED = 3
    #: Some operations are incomplete or failed, and the rest are done; or a check, comparison or verification found a
    #: problem. ``resume`` or the next sweep continues the incomplete operations.
    UNFINISHED = 4
    #: A target or channel is unavailable or quarantined, or the store can't be used now; nothing was changed.
    UNAVAILABLE = 5
    #: The run exceeds the mass-change limit and is held until it is released or discarded.
    STAGED = 6
