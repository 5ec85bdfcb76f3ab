"""The actions on an account that are due at one moment, and their order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import attrs

from provisioner.core.api.events import DeadlineMet
from provisioner.core.api.kinds import KIND_OF_ACTION, KINDS
from provisioner.core.api.rules import Action, Deadline, MetDeadline
from provisioner.core.engine.plan import POLICY_ACTOR
from provisioner.core.model import Account, Unit

#: How long a closure is postponed when the holder can't be warned.
LAST_CALL = timedelta(days=7)


@attrs.frozen(kw_only=True)
class DueAction:
    """The due actions on one account."""

    account: Account
    unit: Unit
    #: The due rotation. It is tried first, because it makes a closure unnecessary.
    rotate: Deadline | None = None
    #: The due closure or deletion.
    closure: Deadline | None = None
    #: The due reminders of duties.
    duties: tuple[Deadline, ...] = ()
    #: The due verification.
    verify: Deadline | None = None
    #: The due warnings of the holder, unless the rotation succeeds. With a due closure, they are the last warning: the
    #: account is closed only if the holder can't be warned.
    warnings: tuple[Deadline, ...] = ()
    #: When the account is closed or deleted next, if a rule says so.
    closes_at: datetime | None = None
    #: What the rules were given; see :func:`basis`.
    basis: int = 0

    @classmethod
    def at(
        cls, now: datetime, account: Account, unit: Unit, deadlines: Sequence[Deadline], marks: Sequence[MetDeadline]
    ) -> DueAction:
        """Return the due actions on an account at *now*.

        Args:

            now: The time.

            account: The account.

            unit: Its unit.

            deadlines: Its deadlines that were not met, the earliest first.

            marks: Its deadlines that were met.
        """
        due = [deadline for deadline in deadlines if deadline.at <= now]
        rotate = _first(Action.ROTATE, due)
        closing = next((deadline for deadline in deadlines if _closes(deadline)), None)
        closure = closing if closing in due else None
        unannounced = closure is not None and _is_unannounced(closure, due, account, marks)
        if closure and unannounced and now < closure.at + LAST_CALL:
            closure = None
        return cls(
            account=account,
            unit=unit,
            rotate=rotate,
            closure=closure,
            duties=latest(deadline for deadline in due if deadline.action is Action.DUTY),
            verify=_first(Action.VERIFY, due),
            warnings=()
            if closure and not unannounced
            else latest(deadline for deadline in due if deadline.action is Action.WARN),
            closes_at=closing.at if closing else None,
            basis=basis(account, unit, marks),
        )


def basis(account: Account, unit: Unit, marks: Sequence[MetDeadline]) -> int:
    """Return a number that differs when the rules are given something else. The same facts give the same deadlines.

    Args:

        account: The account.

        unit: Its unit.

        marks: Its deadlines that were met.
    """
    return hash((account, unit, tuple(marks)))


def met(
    deadline: Deadline, subject: str, *, at: datetime, login: str, operation_id: str = "", reference: str | None = None
) -> DeadlineMet:
    """Return the event of a deadline that is met.

    Args:

        deadline: The deadline.

        subject: What it is a deadline of: a login, or the name of another subject.

        at: When it is met.

        login: The same, if it is the login of an account.

        operation_id: The ID of the operation that met it.

        reference: The gateway's reference of the notice that met it.
    """
    return DeadlineMet(
        at=at,
        actor=f"{POLICY_ACTOR}{deadline.rule_set}",
        login=login,
        operation_id=operation_id,
        subject=subject,
        deadline=deadline,
        reference=reference,
    )


def _closes(deadline: Deadline) -> bool:
    kind = KIND_OF_ACTION.get(deadline.action)
    return kind is not None and KINDS[kind].closes


def _first(action: Action, due: Iterable[Deadline]) -> Deadline | None:
    return next((deadline for deadline in due if deadline.action is action), None)


def _is_unannounced(closing: Deadline, due: Iterable[Deadline], account: Account, marks: Iterable[MetDeadline]) -> bool:
    """Whether the rule set of a closure sends warnings, and has sent none since the password was set.

    This happens if no sweep ran for long, a rule set became stricter, or a unit came under a stricter one.
    """
    since = account.password_set_at
    warns = any(deadline.action is Action.WARN and deadline.rule_set == closing.rule_set for deadline in due)
    return warns and not any(
        mark.action is Action.WARN and mark.rule_set == closing.rule_set and (since is None or mark.met_at > since)
        for mark in marks
    )


def latest(deadlines: Iterable[Deadline]) -> tuple[Deadline, ...]:
    """Return the last deadline of each kind; earlier ones are outdated."""
    return tuple({(deadline.rule_set, deadline.action): deadline for deadline in deadlines}.values())
