"""Rules: what is to happen to an account, and when.

A rule is a pure function of what is known of one account. It has no memory and no clock of its own: it answers with
*all* deadlines that follow from what is known, past and future, and the product remembers which of them were met.
That is what makes a policy that can be simulated, and one whose deadlines can be stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

import attrs

from provisioner.core.model import Account, Unit
from provisioner.core.text import Text


class Action(StrEnum):
    """What a deadline asks for."""

    #: Tell the holder what is going to happen.
    WARN = "warn"
    #: Make a new password and bring it to the holder.
    ROTATE = "rotate"
    #: Close the account.
    CLOSE = "close"
    #: Somebody has to do something that no program can do, for example a backup. It stays until it is confirmed.
    DUTY = "duty"
    #: Delete what the targets have of a closed account.
    DELETE = "delete"


@attrs.frozen(kw_only=True)
class Deadline:
    """Something that is to happen to an account."""

    action: Action
    #: When, in UTC.
    at: datetime
    #: Why, for people: it is what a warning says, and what is written into the trail.
    reason: Text
    #: Where the rule comes from, for example ``001 ¶2``.
    source: str
    #: The name of the rule set. The product fills it in.
    rule_set: str = ""


@attrs.frozen(kw_only=True)
class Mark:
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
    marks: Mapping[Action, Mark] = attrs.field(factory=dict)
    #: Since when the rule set holds; ``None`` if it is new.
    since: datetime | None = None


class Rule:
    """One rule of a rule set. Subclass it; what it needs to know are the fields of the subclass."""

    def deadlines(self, facts: Facts) -> Sequence[Deadline]:
        """Return all deadlines that follow from what is known of one account.

        Args:

            facts: What is known. The same facts always give the same answer.

        Returns:

            Deadlines in any order, those that are over included.

        Called: whenever something about the account changed, for each account when the rule sets changed, and
        thousands of times by a simulation; so it must be quick, and must not ask any other system.
        """
        raise NotImplementedError

    def conflict_with(self, _other: Rule, /) -> Text | None:
        """Say why this rule makes no sense for an account for which the other one holds too; ``None`` if it does.

        Called: once at start for each pair of rules that may hold for one account.
        """
        return None
