"""Submits, decides and executes access requests (001 ¶4).

The methods check the rules and return the event to record; the caller records it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from typing import TypeVar

import attrs

from provisioner.core.api.errors import BusyError, DeniedError, InputError, Problem, TargetError
from provisioner.core.api.events import Event, OperationEnded
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.engine.people import People
from provisioner.core.engine.plan import PlannedOperation
from provisioner.core.engine.ports import Recorder
from provisioner.core.governance.access_requests import (
    AccessRequest,
    MobileConfirmed,
    RequestApproved,
    RequestArchived,
    RequestBegun,
    RequestEvent,
    RequestRejected,
    RequestState,
    RequestSubmitted,
)
from provisioner.core.governance.ports import AccessRequestRecords
from provisioner.core.governance.request_authority import RequestAuthority
from provisioner.core.model import Account, OperationKind, OperationState, Person
from provisioner.core.model.text import Text

RequestEventT = TypeVar("RequestEventT", bound=RequestEvent)


@attrs.frozen(kw_only=True)
class AccessRequestDraft:
    """The content of a new access request."""

    kind: OperationKind
    account: Account
    #: The requester.
    requester: str
    reason: str
    #: The receiver of the password; ``None`` if there is no password.
    recipient: str | None = None
    #: The officer who must execute it; ``None`` if any officer of the unit may.
    officer: str | None = None
    #: The SHA-256 of the signed paper.
    scan_sha256: str | None = None


@attrs.define(eq=False, kw_only=True)
class RequestService:
    """The rules of access requests.

    Args:

        access_requests: The requests that are known.

        people: Reads the personnel system, so that decisions use current data.

        authority: Tells who may decide on a request and carry it out.

        record: Stores events.

        now: The clock.
    """

    access_requests: AccessRequestRecords
    people: People
    authority: RequestAuthority
    record: Recorder
    now: Callable[[], datetime]
    #: The operations of access requests that must be archived when they end, if this process knows them.
    _awaited: set[str] | None = attrs.field(default=None, init=False)

    def find(self, request_id: str) -> AccessRequest:
        """Return an access request.

        Raises:

            InputError: It doesn't exist.
        """
        access_request = self.access_requests.get(request_id)
        if access_request is None:
            raise InputError([Problem(field="id", message=Text("there is no request {id}", {"id": request_id}))])
        return access_request

    def submit(self, draft: AccessRequestDraft) -> RequestSubmitted | AccessRequest:
        """Submit an access request.

        Returns:

            The event, or the existing request if the same person has requested the same and it is unfinished.

        Raises:

            DeniedError: The personnel system doesn't know the requester, or one person would have two roles in the
                request.

            TargetError: The personnel system can't be used.
        """
        self.authority.require_submittable(
            draft.requester, unit=draft.account.unit, recipient=draft.recipient, officer=draft.officer
        )
        for access_request in self.access_requests.open_for(draft.account.login):
            if (access_request.kind, access_request.requester, access_request.recipient) == (
                draft.kind,
                draft.requester,
                draft.recipient,
            ):
                return access_request
        found = self._known([draft.requester])
        if draft.recipient:
            found |= self._receiver(draft)
        access_request = AccessRequest(
            id=str(uuid.uuid4()),
            kind=draft.kind,
            login=draft.account.login,
            unit=draft.account.unit,
            requester=draft.requester,
            reason=draft.reason,
            submitted_at=self.now(),
            recipient=draft.recipient,
            officer=draft.officer,
            scan_sha256=draft.scan_sha256,
        )
        mobile = found[draft.recipient].mobile if draft.recipient else None
        return self._event(
            RequestSubmitted, draft.requester, attrs.evolve(access_request, mobile_mark=access_request.mark_of(mobile))
        )

    def approve(self, access_request: AccessRequest, actor: str, scan_sha256: str | None = None) -> RequestApproved:
        """Approve, as the requester's supervisor or a delegate.

        Args:

            access_request: The access request.

            actor: Who approves.

            scan_sha256: The SHA-256 of the paper with both signatures, if it was scanned.

        Raises:

            InputError: It was decided already.

            DeniedError: The actor may not decide, or has another role in the request.

            TargetError: The personnel system can't be used.
        """
        scan = scan_sha256 or access_request.scan_sha256
        return self._decided(RequestApproved, access_request, actor, state=RequestState.APPROVED, scan_sha256=scan)

    def reject(self, access_request: AccessRequest, actor: str, remark: str) -> RequestRejected:
        """Reject, as the requester's supervisor or a delegate.

        Raises:

            InputError: It was decided already.

            DeniedError: The actor may not decide, or has another role in the request.

            TargetError: The personnel system can't be used.
        """
        return self._decided(RequestRejected, access_request, actor, state=RequestState.REJECTED, remark=remark)

    def may_decide(self, access_request: AccessRequest, person: str) -> bool:
        """Whether a person may decide on an access request, as far as the personnel system can answer now."""
        try:
            self._require_decider(access_request, person)
        except (DeniedError, TargetError):
            return False
        return True

    def confirm_mobile(self, access_request: AccessRequest, actor: str) -> MobileConfirmed:
        """Confirm the recipient's current mobile number in the personnel system (001 ¶4, ¶5).

        Raises:

            InputError: There is nothing to confirm.

            DeniedError: The actor is not an officer for the unit, or receives the password.

            TargetError: The personnel system can't be used.
        """
        if not access_request.state.is_open or access_request.recipient is None:
            raise _wrong_state(access_request)
        self.authority.require_confirmer(access_request, actor)
        mobile = self._known([access_request.recipient])[access_request.recipient].mobile
        changes = {"mobile_mark": access_request.mark_of(mobile), "mobile_confirmed_at": self.now()}
        return self._event(MobileConfirmed, actor, access_request.changed(**changes, mobile_confirmed_by=actor))

    def require_ready(self, access_request: AccessRequest, actor: str, recipient: str | None) -> None:
        """Check that this actor can execute an access request now.

        Args:

            access_request: The access request.

            actor: Who wants to execute it.

            recipient: The current receiver of the password.

        Raises:

            InputError: It was not approved.

            DeniedError: The actor may not execute it, or the personnel data has changed.

            TargetError: The personnel system can't be used.
        """
        if access_request.state not in {RequestState.APPROVED, RequestState.EXECUTING}:
            raise _wrong_state(access_request)
        self.authority.require_officer(access_request, actor)
        self._require_current(access_request, recipient)

    def require_current(self, work: PlannedOperation) -> None:
        """Check the number again for an operation of an access request; it may run days after its start.

        Raises:

            DeniedError: The number has changed.
        """
        request = work.operation.request
        access_request = self.access_requests.get(request) if request and work.holder else None
        if access_request and work.holder:
            self.require_number(access_request, work.holder)

    def require_number(self, access_request: AccessRequest, recipient: Person) -> None:
        """Check that the password goes to the number at submission, or to a confirmed number.

        Raises:

            DeniedError: The number has changed.
        """
        if access_request.mark_of(recipient.mobile) != access_request.mobile_mark:
            raise DeniedError(
                "the mobile number of {person} has changed since request {id} was submitted",
                cure="verify the number, then run 'provisioner request confirm-mobile {id}'",
                person=recipient.id,
                id=access_request.id,
            )

    def begin(self, access_request: AccessRequest, actor: str, operation_id: str | None) -> AccessRequest:
        """Return the access request with its officer and operation, and record it.

        Raises:

            BusyError: The access request was changed in the meantime.
        """
        begun = access_request.changed(
            state=RequestState.EXECUTING,
            officer=actor,
            officer_for=self.authority.officer_for(access_request, actor),
            begun_at=self.now(),
            operation=operation_id,
        )
        self.record(self._event(RequestBegun, actor, begun))
        if self._awaited is not None and operation_id:
            self._awaited.add(operation_id)
        return begun

    def archive(self, access_request: AccessRequest) -> AccessRequest:
        """Archive an executed access request.

        Raises:

            BusyError: The access request was changed in the meantime.
        """
        archived = access_request.archived(self.now())
        self.record(self._event(RequestArchived, access_request.officer or "", archived))
        return archived

    def settle(self) -> None:
        """Archive the access requests whose operation is done, regardless of who finished it."""
        for access_request in self.access_requests.carried_out():
            with suppress(BusyError):  # another process was faster
                self.archive(access_request)

    @hookimpl
    def operation_event(self, event: Event) -> None:
        """Archive the access request of an operation as soon as it is done.

        Thousands of operations may end for each that belongs to an access request, so the store is read once.
        """
        if isinstance(event, OperationEnded) and event.state is OperationState.DONE:
            if self._awaited is None:
                self._awaited = set(self.access_requests.executing_operations())
            if event.operation_id in self._awaited:
                self.settle()

    def _decided(
        self, make: type[RequestEventT], access_request: AccessRequest, actor: str, **changes: object
    ) -> RequestEventT:
        if access_request.state is not RequestState.SUBMITTED:
            raise _wrong_state(access_request)
        accountable = self._require_decider(access_request, actor)
        self.authority.require_no_other_part(access_request, actor, accountable)
        decided = access_request.changed(approver=actor, approver_for=accountable, decided_at=self.now(), **changes)
        return self._event(make, actor, decided)

    def _require_decider(self, access_request: AccessRequest, actor: str) -> str | None:
        return self.authority.require_decider(
            access_request, actor, self._known([access_request.requester])[access_request.requester]
        )

    def _require_current(self, access_request: AccessRequest, recipient: str | None) -> None:
        found = self._known([access_request.requester, access_request.recipient])
        if access_request.recipient is None:
            return
        if recipient != access_request.recipient:
            raise DeniedError(
                "the holder of {login} has changed since request {id} was submitted",
                cure="submit a new request",
                login=access_request.login,
                id=access_request.id,
            )
        self.require_number(access_request, found[access_request.recipient])

    def _receiver(self, draft: AccessRequestDraft) -> dict[str, Person]:
        """Return who receives the password. The requester, who may not know the holder, is not told who this is.

        Raises:

            DeniedError: The personnel system does not know the person.
        """
        try:
            return self._known([draft.recipient])
        except DeniedError:
            if draft.kind is OperationKind.HANDOVER or draft.recipient == draft.requester:
                raise
            raise DeniedError(
                "the personnel system does not know the holder of {login}",
                cure="correct the personnel data; a person who has left needs no account",
                login=draft.account.login,
            ) from None

    def _known(self, ids: Iterable[str | None]) -> dict[str, Person]:
        """Return people with their current data in the personnel system.

        Raises:

            DeniedError: It no longer knows one of them.
        """
        wanted = [person for person in ids if person]
        found = self.people.find_all(wanted)
        missing = [person for person in wanted if person not in found]
        if missing:
            raise DeniedError(
                "the personnel system does not know {person}",
                cure="correct the personnel data; a person who has left needs no account",
                person=missing[0],
            )
        return dict(found)

    def _event(self, make: type[RequestEventT], actor: str, access_request: AccessRequest) -> RequestEventT:
        return make(
            at=self.now(),
            actor=actor,
            login=access_request.login,
            operation_id=access_request.operation or "",
            form=access_request,
        )


def _wrong_state(access_request: AccessRequest) -> InputError:
    message = Text("the request is in the state '{state}'", {"state": access_request.state.value})
    return InputError([Problem(subject=access_request.id, field="id", message=message)])
