"""Accounts are verified on their targets, so that nobody relies on what was true long ago."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import attrs
from attrs.validators import and_, ge

from provisioner.core.api.bounds import DAYS
from provisioner.core.api.rules import Action, Deadline, Facts, Rule, share
from provisioner.core.model import AccountState
from provisioner.core.model.text import Text

#: Where the periods are counted from.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: The states in which it is known what the targets should have.
KNOWN = frozenset({AccountState.OPEN, AccountState.CLOSED})


@attrs.frozen(kw_only=True)
class Verify(Rule):
    """Verify every open or closed account on its targets at least once in so many days. Nothing is changed there.

    Each account has its own time in the period, so that the accounts are spread evenly over the days, also if all of
    them were opened on one day. The period is a day shorter than the parameter, because a sweep may run once a day.
    """

    #: Within how many days every account is seen.
    days: int = attrs.field(default=30, validator=and_(DAYS, ge(2)))

    def deadlines(self, facts: Facts) -> Sequence[Deadline]:
        """Return the next verification."""
        account, met = facts.account, facts.marks.get(Action.VERIFY)
        if account.state not in KNOWN:
            return []
        times = (account.opened_at, account.closed_at, facts.since, *((met.at, met.met_at) if met else ()))
        at = self._next(account.login, max(filter(None, times), default=EPOCH))
        reason = Text("{mail} must be verified on its targets", {"mail": account.mail})
        return [Deadline(action=Action.VERIFY, at=at, reason=reason, source="verify")]

    def _next(self, login: str, after: datetime) -> datetime:
        """Return the next time of an account that is later than another time."""
        period = timedelta(days=self.days - 1)
        first = EPOCH + share(login) * period
        return first + ((after - first) // period + 1) * period
