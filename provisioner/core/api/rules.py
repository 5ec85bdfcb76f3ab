"""Rules: what happens to an account, and when.

A rule is a pure function of the facts of one account. It has no state and no clock. It returns *all* deadlines that
follow from the facts, past and future, and the product stores which of them were met. Therefore a policy can be
simulated, and its deadlines can be stored.

For things that have a date but are not accounts, such as a certificate, use a :class:`Monitor`. All times are in UTC,
and days begin at midnight in the time zone of the configuration.
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
from provisioner.core.model.text import CountedText, Text

#: Returns the report of the target with this name; raises a TargetError if there is none.
Reports = Callable[[str], TargetReport]


@attrs.frozen(kw_only=True)
class Deadline:
    """A time at which an action on an account is required."""

    action: Action
    #: The time, in UTC.
    at: datetime
    #: The reason, for people: the text of a warning, and part of the audit log.
    reason: Text
    #: The source of the rule, for example ``001 ¶2``.
    source: str
    #: The name of the rule set. The product sets it.
    rule_set: str = ""
    #: The same reason for several accounts of one person, as :meth:`Text.counted()
    #: <provisioner.core.model.text.Text.counted>` makes it. Deadlines with equal ones share a message, which fills in
    #: the count and lists the accounts. ``None`` if each account needs a message of its own.
    digest: CountedText | None = None

    def of(self, rule_set: str) -> Deadline:
        """Return the deadline as one of a rule set. The product calls it for each deadline of each account."""
        return Deadline(
            action=self.action,
            at=self.at,
            reason=self.reason,
            source=self.source,
            rule_set=rule_set,
            digest=self.digest,
        )


@attrs.frozen(kw_only=True)
class MetDeadline:
    """The last deadline of one action that was met. All earlier ones count as met too."""

    rule_set: str
    action: Action
    #: The time of the deadline.
    at: datetime
    #: When it was met: the warning was sent, or the holder was reminded of the duty.
    met_at: datetime
    #: When a person confirmed that a duty was done.
    confirmed_at: datetime | None = None


@attrs.frozen(kw_only=True)
class Facts:
    """The facts of one account."""

    account: Account
    #: The unit of the account.
    unit: Unit
    #: The last deadlines of this rule set that were met, by action.
    marks: Mapping[Action, MetDeadline] = attrs.field(factory=dict)
    #: When the rule set started to apply; ``None`` if unknown. A rule that would otherwise require something for every
    #: account on its first day starts from here.
    since: datetime | None = None
    #: The time zone of days.
    time_zone: ZoneInfo = attrs.field(factory=lambda: ZoneInfo("Europe/Istanbul"))

    def days_after(self, moment: datetime, count: int) -> datetime:
        """Return the same local time *count* days later, in UTC; earlier if negative."""
        return days.days_after(moment, count, self.time_zone)

    def months_after(self, moment: datetime, count: int) -> datetime:
        """Return the same local day and time *count* months later, in UTC; earlier if negative.

        If the month has no such day, it is the last one of the month.
        """
        return days.months_after(moment, count, self.time_zone)

    def written_day(self, moment: datetime) -> str:
        """Return the local day of a moment, in Turkish notation, for example ``22.11.2026``."""
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

    #: The name of the rule for people; by default, ``CloseAfterYears`` is ``close-after-years``.
    rule_name: ClassVar[str] = ""

    def deadlines(self, facts: Facts) -> Sequence[Deadline]:
        """Return all deadlines that follow from the facts of one account.

        Args:

            facts: The facts. The same facts always give the same result.

        Returns:

            Deadlines in any order, including past ones. If one recurs until a person acts, return only the next one; it
            follows from the mark of the last one.

        Called: whenever an account changed, for each account when the rule sets changed, and thousands of times by a
        simulation. It must be quick and must not call other systems.
        """
        raise NotImplementedError

    def conflict_with(self, _other: Rule, /) -> Text | None:
        """Return why this rule can't apply to the same account as another one.

        Args:

            _other: The other rule.

        Returns:

            The reason, for people; ``None`` if both can apply.

        Called: once at start for each pair of rules that may apply to one account.
        """
        return None


def share(*key: str) -> float:
    """Return a number from 0 to 1, evenly distributed, that depends on the key only.

    Use it to spread deadlines that would otherwise be at the same time for every account.
    """
    return int.from_bytes(hashlib.sha256("\0".join(key).encode()).digest()[:6]) / 2**48


@attrs.frozen(kw_only=True)
class Observation:
    """The state of one thing that a monitor observes."""

    #: Its name, always in the same words: met deadlines are stored under it.
    subject: str
    #: Its state, for people.
    message: Text
    deadlines: tuple[Deadline, ...] = ()
    #: The ID of the person to warn; ``None`` for the custodian of the IT unit.
    tell: str | None = None
    #: Why it couldn't be observed.
    error: TargetError | None = None


class Monitor:
    """Observes things that have a date but are not accounts. Part of a rule set, like a rule; subclass it."""

    #: The name for people; by default, ``MyMonitor`` is ``my-monitor``.
    rule_name: ClassVar[str] = ""

    def look(self, reports: Reports, time_zone: ZoneInfo) -> Sequence[Observation]:
        """Observe every thing, and return the state of each.

        Args:

            reports: Returns the report of a target.

            time_zone: The time zone of days.

        Returns:

            One entry for each thing, including those that couldn't be observed. Their deadlines are warnings.

        Called: by each sweep and by ``provisioner check``. It may call other systems, and must return within seconds in
        every case.
        """
        raise NotImplementedError


def name_of(rule: Rule | Monitor) -> str:
    """Return the name of a rule for people: the name that its class sets, or the words of the class name."""
    return rule.rule_name or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type(rule).__name__).lower()
