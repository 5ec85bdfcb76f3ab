"""How much may change at once."""

from __future__ import annotations

from datetime import timedelta

import attrs


@attrs.frozen(kw_only=True)
class MassChangeLimit:
    """How many accounts a run may close or delete without a release."""

    #: The share of the open accounts that may be closed within the window, in percent.
    percent: int = 20
    #: The number of open accounts from which the limit applies.
    from_accounts: int = 10
    #: The period in which earlier closures count.
    window: timedelta = timedelta(hours=24)
