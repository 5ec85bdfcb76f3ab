"""Comparisons that were recorded, to show whether a target gets better or worse."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import attrs

from provisioner.core.model import StepError


@attrs.frozen(kw_only=True)
class PastComparison:
    """A comparison of one target with the journal."""

    target: str
    started_at: datetime
    ended_at: datetime
    #: The number of accounts that the target listed.
    listed: int
    #: The number of differences by kind; kinds without any are left out.
    differences: Mapping[str, int]
    #: The code of the unit to which the comparison was restricted; ``None`` if it was not.
    unit: str | None = None
    #: Why the comparison is incomplete; ``None`` if it is complete.
    error: StepError | None = None

    @property
    def total(self) -> int:
        """The number of differences."""
        return sum(self.differences.values())
