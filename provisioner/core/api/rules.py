"""Rules: what is to happen to an account, and when.

A rule is a pure function of what is known of one account. It has no memory and no clock of its own: it answers with
*all* deadlines that follow from what is known, past and future, and the product remembers which of them were met.
That is what makes a policy that can be simulated, and one whose deadlines can be stored.

What has a date and is no account, such as a certificate, has a :class:`Monitor` instead: it goes and looks.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

import attrs

from provisioner.core.api.errors import TargetError
from provisioner.core.api.messages import TargetReport
from provisioner.core.model import Account, Unit, days
from provisioner.core.model import Action as Action  # noqa: PLC0414 - rules are written with it
from provisioner.core.model.text import Text

#: Returns what the target with this name says of itself; raises a TargetError if it says nothing.
Reports = Callable[[str], TargetReport]


@attrs.frozen(kw_only=True)
class Deadline:
    """Something that is to happen to an account."""

    action: Action
    #: When, in UTC.
    at: datetime
    #: Why, for people: it is what a warning says, and what is written into the audit log.
    reason: Text
    #: Where the rule comes from, for example ``001 ¶2``.
    source: str
    #: The name of the rule set. The product fills it in.
    rule_set: str = ""


@attrs.frozen(kw_only=True)
class MetDeadline:
    """The last deadline of one kind that was met. Whatever came before it is met too."""

    rule_set: str
    action: Action
    #: When the deadline was.
    at: datetime
    #: When it was met: the warning was sent, or the holder was told of the duty.
    met_at: datetime
    #: When somebody confirmed that a duty was done.
    confirmed_at: datetime | None = None


@attrs.frozen(kw_only=True)
class Facts:
    """What is known of one account."""

    account: Account
    #: The unit it belongs to.
    unit: Unit
    #: What was met of this rule set, by action.
    marks: Mapping[Action, MetDeadline] = attrs.field(factory=dict)
    #: Since when the rule set holds. A rule that would otherwise want something of every account on its first day
    #: starts from here. ``None`` if that is not known.
    since: datetime | None = None
    #: Where days begin and end.
    time_zone: ZoneInfo = attrs.field(factory=lambda: ZoneInfo("Europe/Istanbul"))

    def days_after(self, moment: datetime, count: int) -> datetime:
        """Return the same time of day so many days later, where the people are; days before, if negative."""
        return days.days_after(moment, count, self.time_zone)

    def months_after(self, moment: datetime, count: int) -> datetime:
        """Return the same day and time so many months later, or the month's last day if it has no such day."""
        return days.months_after(moment, count, self.time_zone)

    def written_day(self, moment: datetime) -> str:
        """Return the day of a moment, as people there write it."""
        return days.written_day(moment, self.time_zone)


class Rule:
    """One rule of a rule set. Subclass it; its parameters are the fields of the subclass.

    For example::

        @attrs.frozen(kw_only=True)
        class CloseAfterYears(Rule):
            years: int = 5

            def deadlines(self, facts):
                if facts.account.state is not AccountState.OPEN or facts.account.opened_at is None:
                    return []
                at = facts.months_after(facts.account.opened_at, 12 * self.years)
                values = {"mail": facts.account.mail, "years": self.years}
                reason = Text("{mail} was open for {years} years", values)
                return [Deadline(action=Action.CLOSE, at=at, reason=reason, source="our own regulation, m.3")]
    """

    #: What people call the rule; by default, ``CloseAfterYears`` is ``close-after-years``.
    rule_name: ClassVar[str] = ""

    def deadlines(self, facts: Facts) -> Sequence[Deadline]:
        """Return all deadlines that follow from what is known of one account.

        Args:

            facts: What is known. The same facts always give the same answer.

        Returns:

            Deadlines in any order, those that are over included. Of one that comes again and again until somebody
            did something, the next one is enough: it follows from the mark of the last one.

        Called: whenever something about the account changed, for each account when the rule sets changed, and
        thousands of times by a simulation; so it must be quick, and must not ask any other system.
        """
        raise NotImplementedError

    def conflict_with(self, _other: Rule, /) -> Text | None:
        """Say why this rule makes no sense for an account for which the other one holds too; ``None`` if it does.

        Called: once at start for each pair of rules that may hold for one account.
        """
        return None


def share(*key: str) -> float:
    """Return a number from 0 to 1, evenly spread, that depends on the key alone.

    A rule that would otherwise want the same thing of every account at the same moment spreads it with this.
    """
    return int.from_bytes(hashlib.sha256("\0".join(key).encode()).digest()[:6]) / 2**48


@attrs.frozen(kw_only=True)
class Observation:
    """How one thing is that a monitor looked at."""

    #: What it is, always in the same words: what was met of it is remembered under this name.
    subject: str
    #: How it is, for people.
    message: Text
    deadlines: tuple[Deadline, ...] = ()
    #: The id of whoever is to be told; ``None`` for the custodian of the IT unit.
    tell: str | None = None
    #: Why it could not be looked at.
    error: TargetError | None = None


class Monitor:
    """Looks after things with a date that are no accounts. Part of a rule set, like a rule; subclass it."""

    #: What people call it; by default, ``MyWatch`` is ``my-watch``.
    rule_name: ClassVar[str] = ""

    def look(self, reports: Reports, time_zone: ZoneInfo) -> Sequence[Observation]:
        """Look at every thing, and return how each is.

        Args:

            reports: Returns what a target says of itself.

            time_zone: Where days begin and end.

        Returns:

            One entry for each thing, also for those that could not be looked at. Their deadlines are warnings.

        Called: by each sweep and by ``provisioner check``. It may ask other systems, and must end within seconds
        whatever they do.
        """
        raise NotImplementedError


def name_of(rule: Rule | Monitor) -> str:
    """Return what people call a rule: the name that its class says, or else the words of the name of the class."""
    return rule.rule_name or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type(rule).__name__).lower()
