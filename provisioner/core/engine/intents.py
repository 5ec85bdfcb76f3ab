"""The requested change of one account, and the reasons why it cannot be planned."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from provisioner.core.api.errors import (
    InMaintenanceError,
    ItemMisconfiguredError,
    Problem,
    RefusedError,
    TargetError,
    UnsupportedError,
)
from provisioner.core.api.kinds import KINDS
from provisioner.core.engine.people import LookUp
from provisioner.core.engine.plan import Refused
from provisioner.core.model import Account, Operation, OperationKind, OperationState, Unit
from provisioner.core.model.text import Text


@attrs.frozen
class Intent:
    """The requested change of one account."""

    kind: OperationKind
    account: Account
    unit: Unit
    #: The ID of the new holder.
    holder: str | None
    #: In a handover, the ID of the current holder.
    outgoing: str | None = None
    #: Whether the caller names the new holder. If that person is unknown, the input is wrong, and not the account.
    names_holder: bool = False

    @property
    def recipient(self) -> str | None:
        """The ID of the person who receives the new password, if there is one."""
        return self.holder if KINDS[self.kind].delivers else None

    def is_served_by(self, stuck: Operation) -> bool:
        """Whether finishing *stuck* has the requested effect: an account in a handover will be open after it."""
        same = stuck.kind is self.kind and stuck.holder == self.recipient
        return same or (KINDS[self.kind].opens and KINDS[stuck.kind].renews)


def concerned(intents: Iterable[tuple[Intent, Operation | None]]) -> set[str]:
    """Return the IDs of all who receive or hand over an account, also in an unfinished operation.

    A closure needs no person, so it doesn't depend on the personnel system.
    """
    intents = [(intent, stuck) for intent, stuck in intents if KINDS[intent.kind].delivers]
    ids = {intent.recipient for intent, _ in intents} | {intent.outgoing for intent, _ in intents}
    ids |= {person for _, stuck in intents if stuck for person in (stuck.holder, stuck.outgoing)}
    return {person for person in ids if person}


def unanswered(operation: Operation, people: LookUp) -> TargetError | None:
    """Return the error for a person whom an operation needs, if there is one.

    During a maintenance, it waits without knowing them. Of the person who hands over, only the name is needed, and the
    personnel system may no longer know a person who has left.
    """
    if not KINDS[operation.kind].delivers:
        return None
    incoming, outgoing = (people.errors.get(person or "") for person in (operation.holder, operation.outgoing))
    if incoming is not None and not isinstance(incoming, InMaintenanceError):
        return incoming
    return None if isinstance(outgoing, (InMaintenanceError, ItemMisconfiguredError, RefusedError)) else outgoing


def not_looked_up(operation: Operation, error: TargetError) -> Refused:
    """Return why nothing can be done to an account whose holder or recipient cannot be looked up."""
    values = {"person": operation.holder or "", "why": error.text}
    return Refused(
        login=operation.login,
        reason=Text("{person}, who holds or receives it, cannot be looked up: {why}", values),
        cure=error.cure if error.cure.template else Text("run the command again when the personnel system answers"),
    )


def without_recipient(operation: Operation, unit: Unit, people: LookUp) -> Problem | None:
    """Return the problem if a password would be generated and nobody can receive it."""
    holder = operation.holder
    if not KINDS[operation.kind].delivers or holder in people.persons or holder in people.errors:
        return None
    message = Text("the unit has no custodian to send the password to")
    if holder is not None:
        message = Text("person {person} not found", {"person": holder})
    return Problem(subject=unit.code, field="custodian", message=message)


def impossible(intent: Intent, missing: UnsupportedError) -> Refused:
    """Return why something cannot be done to an account of which a target or channel lacks the hook."""
    values = {"login": intent.account.login, "kind": intent.kind.value, "missing": missing.text}
    reason = Text("{missing}, so '{kind}' of {login} cannot be done there", values)
    return Refused(login=intent.account.login, reason=reason, cure=missing.cure)


def unended_before(stuck: Operation) -> Refused:
    """Return why nothing can be done to an account of which another operation has not ended."""
    return Refused(
        login=stuck.login,
        reason=Text("its {kind} is not finished", {"kind": stuck.kind.value}),
        cure=Text("run 'provisioner resume' first"),
    )


def nobody_to_receive(operation: Operation, stuck: Operation | None) -> Refused:
    """Return why nothing can be done to an account whose holder is unknown."""
    values = {"kind": operation.kind.value, "person": operation.holder or "", "login": operation.login}
    if operation.holder is None:
        reason = Text("it has no holder, so nobody can receive the password")
    elif stuck:
        reason = Text("its {kind} is not finished, and the receiver of the password, {person}, is unknown", values)
    else:
        reason = Text("{person}, who holds it, is unknown", values)
    cure = Text("correct the personnel data, or run 'provisioner handover {login} --to PERSON'", values)
    return Refused(login=operation.login, reason=reason, cure=cure)


def is_under_way(operation: Operation | None) -> bool:
    """Whether it will be carried out. A held operation was never started, and is not."""
    return operation is not None and operation.state is not OperationState.STAGED
