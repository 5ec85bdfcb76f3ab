"""What checks found. Nothing here needs pytest."""

from __future__ import annotations

from enum import StrEnum

import attrs

from provisioner.testing.contract.tags import Tag


class Verdict(StrEnum):
    """What a check found."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


@attrs.frozen(kw_only=True)
class Result:
    """One check, once."""

    #: The name of the check, without ``test_``.
    check: str
    #: What it was made with, if it is made several times.
    case: str
    verdict: Verdict
    tag: Tag
    #: Why it failed or was skipped.
    reason: str
    seconds: float
    #: The logins of accounts that could not be removed.
    left_behind: tuple[str, ...]
