"""Rules about the age of passwords (001 ¶2)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

import attrs
from attrs.validators import deep_iterable

from provisioner.core.api.bounds import DAYS
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.api.rules import Action, Deadline, Facts, Rule, share
from provisioner.core.model import Account, AccountState
from provisioner.core.model.days import days_text
from provisioner.core.model.text import CountedText, Text

SOURCE = "001 ¶2"


@attrs.frozen(kw_only=True)
class RenewOrClose(Rule):
    """Close an open account whose password was not renewed in time, after some warnings (001 ¶2).

    If its password was old already when the rule set was new, it is warned and closed as if the first warning was due
    on that day.
    """

    #: After how many days a password has to be renewed.
    days: int = attrs.field(default=30, validator=DAYS)
    #: How many days before that the holder is warned.
    warn_days: tuple[int, ...] = attrs.field(default=(7, 3, 1), validator=deep_iterable(DAYS))

    def __attrs_post_init__(self) -> None:
        if self._notice_period >= self.days:
            raise ConfigurationError(
                "a warning {warn} before the end is too early for a period of {days}",
                cure="lower warn_days, or raise days",
                warn=days_text(self._notice_period),
                days=days_text(self.days),
            )

    def deadlines(self, facts: Facts) -> Sequence[Deadline]:
        """Return the warnings and the closing."""
        changed = _ageing_since(facts.account)
        if changed is None:
            return []
        start, days, end = self._term(changed, facts)
        closing, mail = self._closing(end, changed, facts), facts.account.mail
        day = facts.written_day(closing)
        digest = _digest(day)
        warnings = [
            _warning(facts.days_after(start, days - left), mail, day, left, digest) for left in set(self.warn_days)
        ]
        reason = Text.counted(
            "the password of {mail} was not renewed within {count} day",
            "the password of {mail} was not renewed within {count} days",
            count=self.days,
            mail=mail,
        )
        return [*warnings, Deadline(action=Action.CLOSE, at=closing, reason=reason, source=SOURCE)]

    def _closing(self, closing: datetime, changed: datetime, facts: Facts) -> datetime:
        """Return when the account is closed: not sooner after a warning than after the last one that is in time."""
        warned = facts.marks.get(Action.WARN)
        if warned is None or warned.met_at <= changed or not self.warn_days:
            return closing
        return max(closing, facts.days_after(warned.met_at, min(self.warn_days)))

    @property
    def _notice_period(self) -> int:
        return max(self.warn_days, default=0)

    def _term(self, changed: datetime, facts: Facts) -> tuple[datetime, int, datetime]:
        """Return from when on the account has how many days, and when they end."""
        since, end = facts.since, facts.days_after(changed, self.days)
        if since and end < (earliest := facts.days_after(since, self._notice_period)):
            return since, self._notice_period, earliest
        return changed, self.days, end


@attrs.frozen(kw_only=True)
class AutoRotate(Rule):
    """Make a new password for an open account, and bring it to its holder, before the old one is too old (001 ¶2).

    The time within the window depends on the account and its password alone, and is spread evenly. Passwords that were
    too old already when the rule set was new are spread over as many days from then on.
    """

    #: After how many days the window opens.
    from_day: int = attrs.field(default=20, validator=DAYS)
    #: After how many days it ends.
    to_day: int = attrs.field(default=27, validator=DAYS)

    def __attrs_post_init__(self) -> None:
        if self.to_day <= self.from_day:
            raise ConfigurationError(
                "the window from day {from_day} to day {to_day} is empty",
                cure="set to_day to a day after from_day",
                from_day=self.from_day,
                to_day=self.to_day,
            )

    def deadlines(self, facts: Facts) -> Sequence[Deadline]:
        """Return when the password is to be rotated."""
        changed = password_since(facts.account)
        if changed is None:
            return []
        start = facts.days_after(changed, self.from_day)
        into = (facts.days_after(changed, self.to_day) - start) * share(facts.account.login, changed.isoformat())
        at = start + into
        if facts.since and at < facts.since:
            at = facts.since + into
        reason = Text("the password of {mail} must be renewed", {"mail": facts.account.mail})
        return [Deadline(action=Action.ROTATE, at=at, reason=reason, source=SOURCE)]

    def conflict_with(self, other: Rule, /) -> Text | None:
        """Rotating too late makes no sense where accounts are closed."""
        if isinstance(other, RenewOrClose) and self.to_day >= other.days:
            return Text(
                "passwords are renewed until day {to_day}, and accounts are closed on day {days}",
                {"to_day": self.to_day, "days": other.days},
            )
        return None


def password_since(account: Account) -> datetime | None:
    """Return since when an open account has its password; ``None`` if it is not open."""
    return account.password_set_at if account.state is AccountState.OPEN else None


def _ageing_since(account: Account) -> datetime | None:
    """Return the same also for an account whose renewal is stuck half-way: the old password may still log in."""
    is_stuck = account.state is AccountState.INCOMPLETE and account.closed_at is None
    return account.password_set_at if is_stuck else password_since(account)


def _warning(at: datetime, mail: str, day: str, left: int, digest: CountedText) -> Deadline:
    reason = Text.counted(
        "please renew the password of {mail} by {day}, in {count} day; otherwise the account will be closed",
        "please renew the password of {mail} by {day}, in {count} days; otherwise the account will be closed",
        count=left,
        mail=mail,
        day=day,
    )
    return Deadline(action=Action.WARN, at=at, reason=reason, source=SOURCE, digest=digest)


@lru_cache(maxsize=64)
def _digest(day: str) -> CountedText:
    return Text.counted(
        "please renew the password of {count} account by {day}; otherwise it will be closed",
        "please renew the passwords of {count} accounts by {day}; otherwise they will be closed",
        count=1,
        day=day,
    )
