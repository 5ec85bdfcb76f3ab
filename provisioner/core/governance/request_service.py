"""Submits, decides and executes access requests (001 ¶4).

The methods check the rules and return the event to record; the caller records it.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Protocol, TypeVar

import attrs

from provisioner.core.api.errors import BusyError, DeniedError, InputError, Problem, TargetError
from provisioner.core.api.events import Event, OperationEnded
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.engine.people import People
from provisioner.core.engine.plan import PlannedOperation
from provisioner.core.engine.ports import Recorder
from provisioner.core.governance.access_requests import (
    AccessRequest,
    FormEvent,
    FormState,
    MobileConfirmed,
    RequestApproved,
    RequestArchived,
    RequestBegun,
    RequestRejected,
    RequestSubmitted,
)
from provisioner.core.governance.authority import AccessRequestLookup
from provisioner.core.governance.request_authority import RequestAuthority
from provisioner.core.model import Account, OperationKind, OperationState, Person
from provisioner.core.model.text import Text

FormEventT = TypeVar("FormEventT", bound=FormEvent)


class AccessRequestRecords(AccessRequestLookup, Protocol):
    """Reads access requests."""

    def open_for(self, login: str, /) -> Sequence[AccessRequest]:
        """Return the requests about this account that are neither archived nor rejected, the oldest first."""

    def executing_operations(self) -> Collection[str]:
        """Return the ids of the operations that carry out requests which are not archived."""

    def carried_out(self) -> Sequence[AccessRequest]:
        """Return the requests whose operation is done and that are not archived."""


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

    def find(self, form_id: str) -> AccessRequest:
        """Return an access request.

        Raises:

            InputError: It doesn't exist.
        """
        form = self.access_requests.get(form_id)
        if form is None:
            raise InputError([Problem(field="id", message=Text("there is no request {id}", {"id": form_id}))])
        return form

    def submit(self, draft: AccessRequestDraft) -> RequestSubmitted | AccessRequest:
        """Submit an access request.

        Returns:

            The event, or the existing request if the same person has requested the same and it is unfinished.

        Raises:

            DeniedError: The personnel system doesn't know the requester, or one person would have two roles in the
                request.

            TargetError: The personnel system can't be used.
        """
        self.authority.require_submittable(draft.requester, recipient=draft.recipient, officer=draft.officer)
        for form in self.access_requests.open_for(draft.account.login):
            if (form.kind, form.requester, form.recipient) == (draft.kind, draft.requester, draft.recipient):
                return form
        found = self._known([draft.requester, draft.recipient])
        form = AccessRequest(
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
        return self._event(RequestSubmitted, draft.requester, attrs.evolve(form, mobile_mark=form.mark_of(mobile)))

    def approve(self, form: AccessRequest, actor: str, scan_sha256: str | None = None) -> RequestApproved:
        """Approve, as the requester's supervisor or a delegate.

        Args:

            form: The access request.

            actor: Who approves.

            scan_sha256: The SHA-256 of the paper with both signatures, if it was scanned.

        Raises:

            InputError: It was decided already.

            DeniedError: The actor may not decide, or has another role in the request.

            TargetError: The personnel system can't be used.
        """
        scan = scan_sha256 or form.scan_sha256
        return self._decided(RequestApproved, form, actor, state=FormState.APPROVED, scan_sha256=scan)

    def reject(self, form: AccessRequest, actor: str, remark: str) -> RequestRejected:
        """Reject, as the requester's supervisor or a delegate.

        Raises:

            InputError: It was decided already.

            DeniedError: The actor may not decide, or has another role in the request.

            TargetError: The personnel system can't be used.
        """
        return self._decided(RequestRejected, form, actor, state=FormState.REJECTED, remark=remark)

    def may_decide(self, form: AccessRequest, person: str) -> bool:
        """Whether a person may decide on an access request, as far as the personnel system can answer now."""
        try:
            self._require_decider(form, person)
        except (DeniedError, TargetError):
            return False
        return True

    def confirm_mobile(self, form: AccessRequest, actor: str) -> MobileConfirmed:
        """Confirm the recipient's current mobile number in the personnel system (001 ¶4, ¶5).

        Raises:

            InputError: There is nothing to confirm.

            DeniedError: The actor is not an officer for the unit, or receives the password.

            TargetError: The personnel system can't be used.
        """
        if not form.state.is_open or form.recipient is None:
            raise _wrong_state(form)
        self.authority.require_confirmer(form, actor)
        mobile = self._known([form.recipient])[form.recipient].mobile
        changes = {"mobile_mark": form.mark_of(mobile), "mobile_confirmed_at": self.now()}
        return self._event(MobileConfirmed, actor, form.changed(**changes, mobile_confirmed_by=actor))

    def require_ready(self, form: AccessRequest, actor: str, recipient: str | None) -> None:
        """Check that this actor can execute an access request now.

        Args:

            form: The access request.

            actor: Who wants to execute it.

            recipient: The current receiver of the password.

        Raises:

            InputError: It was not approved.

            DeniedError: The actor may not execute it, or the personnel data has changed.

            TargetError: The personnel system can't be used.
        """
        if form.state not in {FormState.APPROVED, FormState.EXECUTING}:
            raise _wrong_state(form)
        self.authority.require_officer(form, actor)
        self._require_current(form, recipient)

    def require_current(self, work: PlannedOperation) -> None:
        """Check the number again for an operation of an access request; it may run days after its start.

        Raises:

            DeniedError: The number has changed.
        """
        request = work.operation.request
        form = self.access_requests.get(request) if request and work.holder else None
        if form and work.holder:
            self.require_number(form, work.holder)

    def require_number(self, form: AccessRequest, recipient: Person) -> None:
        """Check that the password goes to the number at submission, or to a confirmed number.

        Raises:

            DeniedError: The number has changed.
        """
        if form.mark_of(recipient.mobile) != form.mobile_mark:
            raise DeniedError(
                "the mobile number of {person} has changed since request {id} was submitted",
                cure="make sure that it is right, then run 'provisioner request confirm-mobile {id}'",
                person=recipient.id,
                id=form.id,
            )

    def begin(self, form: AccessRequest, actor: str, operation_id: str | None) -> AccessRequest:
        """Return the access request with its officer and operation, and record it.

        Raises:

            BusyError: The access request was changed in the meantime.
        """
        begun = form.changed(
            state=FormState.EXECUTING,
            officer=actor,
            officer_for=self.authority.officer_for(form, actor),
            begun_at=self.now(),
            operation=operation_id,
        )
        self.record(self._event(RequestBegun, actor, begun))
        if self._awaited is not None and operation_id:
            self._awaited.add(operation_id)
        return begun

    def archive(self, form: AccessRequest) -> AccessRequest:
        """Archive an executed access request.

        Raises:

            BusyError: The access request was changed in the meantime.
        """
        archived = form.archived(self.now())
        self.record(self._event(RequestArchived, form.officer or "", archived))
        return archived

    def settle(self) -> None:
        """Archive the access requests whose operation is done, regardless of who finished it."""
        for form in self.access_requests.carried_out():
            with suppress(BusyError):  # another process was faster
                self.archive(form)

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

    def _decided(self, make: type[FormEventT], form: AccessRequest, actor: str, **changes: object) -> FormEventT:
        if form.state is not FormState.SUBMITTED:
            raise _wrong_state(form)
        answerable = self._require_decider(form, actor)
        self.authority.require_no_other_part(form, actor, answerable)
        decided = form.changed(approver=actor, approver_for=answerable, decided_at=self.now(), **changes)
        return self._event(make, actor, decided)

    def _require_decider(self, form: AccessRequest, actor: str) -> str | None:
        return self.authority.require_decider(form, actor, self._known([form.requester])[form.requester])

    def _require_current(self, form: AccessRequest, recipient: str | None) -> None:
        found = self._known([form.requester, form.recipient])
        if form.recipient is None:
            return
        if recipient != form.recipient:
            raise DeniedError(
                "{login} has another holder than when request {id} was submitted",
                cure="submit a new request",
                login=form.login,
                id=form.id,
            )
        self.require_number(form, found[form.recipient])

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
                cure="correct the personnel data; whoever has left needs no account",
                person=missing[0],
            )
        return dict(found)

    def _event(self, make: type[FormEventT], actor: str, form: AccessRequest) -> FormEventT:
        return make(at=self.now(), actor=actor, login=form.login, operation_id=form.operation or "", form=form)


def _wrong_state(form: AccessRequest) -> InputError:
    message = Text("the request is in the state '{state}'", {"state": form.state.value})
    return InputError([Problem(subject=form.id, field="id", message=message)])
