"""How long a closed account is kept."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from provisioner.core.api.bounds import DAYS
from provisioner.core.api.rules import Action, Deadline, Facts, Rule
from provisioner.core.model import AccountState
from provisioner.core.model.text import Text


@attrs.frozen(kw_only=True)
class Retention(Rule):
    """Delete what the targets have of an account that has been closed for long (000 m.5/h, m.6/h).

    The directives say that the account of a unit that closes is to go, and leave open when. Deleting cannot be taken
    back, so accounts that were closed before the rule set was there are kept as long from that day on.
    """

    #: For how many days after its closing an account is kept.
    days: int = attrs.field(default=180, validator=DAYS)

    def deadlines(self, facts: Facts) -> Sequence[Deadline]:
        """Return when the account is to be deleted."""
        account = facts.account
        if account.state is not AccountState.CLOSED or account.closed_at is None:
            return []
        start = max(account.closed_at, facts.since or account.closed_at)
        reason = Text.counted(
            "{mail} has been closed for {count} day",
            "{mail} has been closed for {count} days",
            count=self.days,
            mail=account.mail,
        )
        at = facts.days_after(start, self.days)
        return [Deadline(action=Action.DELETE, at=at, reason=reason, source="000 m.5/h, m.6/h")]
