"""What is due of an account at one moment, and what of it comes first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import attrs

from provisioner.core.api.kinds import KIND_OF_ACTION, KINDS
from provisioner.core.api.rules import Action, Deadline, MetDeadline
from provisioner.core.model import Account, Unit

#: How long a closure is postponed when the holder can't be warned.
LAST_CALL = timedelta(days=7)


@attrs.frozen(kw_only=True)
class DueAction:
    """What is due of one account."""

    account: Account
    unit: Unit
    #: The renewal that is due. It is tried before anything else, as it makes a closing unnecessary.
    rotate: Deadline | None = None
    #: The closing or deletion that is due.
    shut: Deadline | None = None
    #: What somebody has to be reminded of.
    duties: tuple[Deadline, ...] = ()
    #: What the holder has to be warned of, unless the renewal works. Beside a closing they are the last call: it is
    #: carried out only if the holder cannot be warned.
    warnings: tuple[Deadline, ...] = ()

    @classmethod
    def at(
        cls, now: datetime, account: Account, unit: Unit, deadlines: Sequence[Deadline], marks: Iterable[MetDeadline]
    ) -> DueAction:
        """Return what is due of an account at *now*.

        Args:

            now: The time.

            account: The account.

            unit: Its unit.

            deadlines: Its deadlines that were not met, the earliest first.

            marks: Those that were.
        """
        due = [deadline for deadline in deadlines if deadline.at <= now]
        rotate = next((deadline for deadline in due if deadline.action is Action.ROTATE), None)
        shut = next(
            (deadline for deadline in due if (kind := KIND_OF_ACTION.get(deadline.action)) and KINDS[kind].closes), None
        )
        unannounced = shut is not None and _is_unannounced(shut, due, account, marks)
        if shut and unannounced and now < shut.at + LAST_CALL:
            shut = None
        return cls(
            account=account,
            unit=unit,
            rotate=rotate,
            shut=shut,
            duties=latest(deadline for deadline in due if deadline.action is Action.DUTY),
            warnings=()
            if shut and not unannounced
            else latest(deadline for deadline in due if deadline.action is Action.WARN),
        )


def _is_unannounced(closing: Deadline, due: Iterable[Deadline], account: Account, marks: Iterable[MetDeadline]) -> bool:
    """Whether the rule set of a closing warns, and has not warned since the password was set.

    That is so when no sweep ran for long, when a rule set was made stricter, and when a unit came under a stricter one.
    """
    since = account.password_set_at
    warns = any(deadline.action is Action.WARN and deadline.rule_set == closing.rule_set for deadline in due)
    return warns and not any(
        mark.action is Action.WARN and mark.rule_set == closing.rule_set and (since is None or mark.met_at > since)
        for mark in marks
    )


def latest(deadlines: Iterable[Deadline]) -> tuple[Deadline, ...]:
    """Return the last deadline of each kind: nobody needs to hear what was true a week ago."""
    return tuple({(deadline.rule_set, deadline.action): deadline for deadline in deadlines}.values())
