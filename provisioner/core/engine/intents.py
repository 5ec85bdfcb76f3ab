"""The requested change of one account, and the reasons why it cannot be planned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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
from provisioner.core.api.messages import Entitlements
from provisioner.core.engine.people import LookUp
from provisioner.core.engine.plan import PlannedOperation, Refused, is_delivered, was_refused
from provisioner.core.model import Account, Operation, OperationKind, OperationState, Unit
from provisioner.core.model.text import Text


@attrs.frozen(kw_only=True)
class Place:
    """Where an operation changes an account, and its entitlements there afterwards, by target."""

    targets: frozenset[str] = frozenset()
    #: The targets on which it is opened again, although it is open.
    joins: frozenset[str] = frozenset()
    #: The targets on which sessions are ended afterwards.
    sessions: frozenset[str] = frozenset()
    #: Those on which earlier operations have left sessions, also if they are no longer configured.
    left: frozenset[str] = frozenset()
    #: The channels that may deliver the password; ``None`` for all.
    channels: frozenset[str] | None = None
    entitlements: Mapping[str, Entitlements] = attrs.field(factory=dict)
    #: The unit above the unit of the account; ``None`` at the top.
    parent: Unit | None = None


@attrs.frozen
class Intent:
    """The requested change of one account."""

    kind: OperationKind
    account: Account
    unit: Unit
    #: The ID of the holder afterwards.
    holder: str | None
    #: In a handover, the ID of the current holder.
    outgoing: str | None = None
    #: Whether the caller names the new holder. If that person is unknown, the input is wrong, and not the account.
    names_holder: bool = False
    #: Whether it is done also where the journal says that it is done.
    again: bool = False
    place: Place = attrs.Factory(Place)

    @property
    def recipient(self) -> str | None:
        """The ID of the person whom the operation names as the holder, if it names one."""
        return self.holder if KINDS[self.kind].needs_holder else None

    def planned(self, operation: Operation, people: LookUp) -> PlannedOperation:
        """Return an operation that does it, with everything that is needed to carry it out.

        Args:

            operation: The operation.

            people: Those whom it concerns.
        """
        return PlannedOperation(
            operation=operation,
            account=self.account,
            unit=self.unit,
            holder=people.persons.get(operation.holder or ""),
            outgoing=people.persons.get(operation.outgoing or ""),
            targets=self.place.targets,
            joins=self.place.joins,
            sessions=self.place.sessions,
            left=self.place.left,
            channels=self.place.channels,
            entitlements=self.place.entitlements,
            parent=self.place.parent,
        )

    def is_served_by(self, stuck: Operation) -> bool:
        """Whether finishing *stuck* has the requested effect: an account in a handover will be open after it.

        If only sessions are left, it replaces no delivered password, and opens no account that was disabled meanwhile.
        """
        if was_refused(stuck) or (is_delivered(stuck) and (self.again or self.kind is OperationKind.ROTATE)):
            return False
        same = stuck.kind is self.kind and stuck.holder == self.recipient
        return same or (KINDS[self.kind].opens and KINDS[stuck.kind].renews)

    def supersedes(self, stuck: Operation) -> bool:
        """Whether it may replace *stuck*. It ends the sessions that *stuck* has left."""
        return stuck.kind in KINDS[self.kind].supersedes or was_refused(stuck) or self._takes_over_sessions(stuck)

    def _takes_over_sessions(self, stuck: Operation) -> bool:
        """Whether it ends the sessions that a delivered password has left. Of a crash, only a new password does so."""
        if not is_delivered(stuck):
            return False
        is_clear = self.kind is OperationKind.UPDATE and stuck.state is OperationState.INCOMPLETE
        return KINDS[self.kind].delivers or is_clear


def may_change_hands(operation: Operation | None) -> bool:
    """Whether the holder may not be known for sure before an unfinished operation has ended."""
    if operation is None or not KINDS[operation.kind].alters:
        return False
    if was_refused(operation):
        return False
    return operation.kind is OperationKind.HANDOVER or not is_delivered(operation)


def concerned(intents: Iterable[tuple[Intent, Operation | None]]) -> set[str]:
    """Return the IDs of all who hold, receive or hand over an account, also in an unfinished operation.

    A closure needs no person, so it doesn't depend on the personnel system.
    """
    intents = [(intent, stuck) for intent, stuck in intents if KINDS[intent.kind].needs_holder]
    ids = {intent.recipient for intent, _ in intents} | {intent.outgoing for intent, _ in intents}
    ids |= {person for _, stuck in intents if stuck for person in (stuck.holder, stuck.outgoing)}
    return {person for person in ids if person}


def unanswered(operation: Operation, people: LookUp) -> TargetError | None:
    """Return the error for a person whom an operation needs, if there is one.

    During a maintenance, it waits without knowing them. Of the person who hands over, only the name is needed, and the
    personnel system may no longer know a person who has left.
    """
    if not KINDS[operation.kind].needs_holder:
        return None
    incoming, outgoing = (people.errors.get(person or "") for person in (operation.holder, operation.outgoing))
    waits = KINDS[operation.kind].delivers and isinstance(incoming, InMaintenanceError)
    if incoming is not None and not waits:
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
    """Return the problem if nobody can receive a new password, or the holder is unknown."""
    holder, spec = operation.holder, KINDS[operation.kind]
    if not spec.needs_holder or holder in people.persons or holder in people.errors:
        return None
    if holder is None and not spec.delivers:
        return None
    message = Text("the unit has no custodian to send the password to")
    if holder is not None:
        message = Text("person {person} not found; check the ID, or import the person", {"person": holder})
    return Problem(subject=unit.code, field="custodian", message=message)


def impossible(intent: Intent, missing: UnsupportedError) -> Refused:
    """Return why something cannot be done to an account of which a target or channel lacks the hook."""
    values = {"login": intent.account.login, "kind": intent.kind.value, "missing": missing.text}
    reason = Text("{missing}, so '{kind}' of {login} cannot be done there", values)
    return Refused(login=intent.account.login, reason=reason, cure=missing.cure)


def of_removed_unit(unit: Unit, login: str) -> Refused:
    """Return why nothing can be opened for a unit that was removed."""
    return Refused(
        login=login,
        reason=Text("its unit {code} was removed", {"code": unit.code}),
        cure=Text("import a list that names the unit first"),
    )


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


def is_changing(operation: Operation | None) -> bool:
    """Whether it will change the account as a whole, and not only adapt targets to it."""
    return operation is not None and is_under_way(operation) and KINDS[operation.kind].alters
