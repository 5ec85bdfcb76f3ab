"""Access requests: submitted, decided on, and carried out (001 ¶4)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Literal, overload

import attrs

from provisioner.core.api.errors import DeniedError, InputError, Problem
from provisioner.core.api.kinds import KINDS
from provisioner.core.engine.plan import Initiator, Plan, Unchanged
from provisioner.core.engine.planner import Planner
from provisioner.core.engine.ports import Recorder
from provisioner.core.governance.access_requests import AccessRequest, RequestEvent, RequestState
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.privacy import MASK, Privacy
from provisioner.core.governance.request_service import AccessRequestDraft, RequestService
from provisioner.core.model import Account, Operation, OperationKind, OperationState, Person
from provisioner.core.model.text import Text
from provisioner.services.accounts import Accounts
from provisioner.services.ids import find_id
from provisioner.services.runs import Run, RunPreview, Runs
from provisioner.store import Store
from provisioner.store.ids import Named


@attrs.frozen(kw_only=True)
class MobileConfirmation:
    """A request with the number that was confirmed."""

    request: AccessRequest
    #: The recipient, as the personnel system knows the person now.
    recipient: Person | None


@attrs.frozen(kw_only=True)
class AccessRequests:
    """Takes access requests through their life.

    Requests are named by their ids, or by the first characters of an id. With ``dry_run``, a method returns the request
    as it would be, and records nothing.

    Args:

        store: The stored data.

        rules: Knows who may do what with a request.

        accounts: Looks accounts up.

        planner: Plans what a request asks for.

        runs: Carries plans out.

        authority: Decides who may read personal data.

        record: Writes events into the audit log, and tells the observers.
    """

    store: Store
    rules: RequestService
    accounts: Accounts
    planner: Planner
    runs: Runs
    authority: Authority
    record: Recorder

    def find(self, request_id: str) -> AccessRequest:
        """Return a request.

        Args:

            request_id: The ID of the request, or the beginning of it.

        Raises:

            InputError: There is none, or several ids begin like this.
        """
        return self.rules.find(find_id(self.store, Named.REQUEST, request_id))

    def submit(
        self,
        login: str,
        kind: OperationKind,
        *,
        actor: str,
        reason: str,
        recipient: str | None = None,
        officer: str | None = None,
        scan_sha256: str | None = None,
        dry_run: bool = False,
    ) -> AccessRequest:
        """Request an action on an account. An open request of the same person for the same action is returned instead.

        Args:

            login: The login of the account; for an opening also one that a unit would get.

            kind: The action.

            actor: Who requests it.

            reason: Why.

            recipient: For a handover: who receives the account.

            officer: Who carries it out; by default any officer of the unit.

            scan_sha256: The SHA-256 of the signed paper.

            dry_run: Only check whether it can be done.

        Raises:

            InputError: There is no such account, or a recipient is given or missing although it must not.

            DeniedError: The personnel system does not know the requester, or one person would have two parts.

            TargetError: The personnel system cannot be used.
        """
        if (kind is OperationKind.HANDOVER) is (recipient is None):
            message = Text("a handover needs the receiver of the account, and other actions must not have one")
            raise InputError([Problem(field="to", message=message)])
        account = self._account(login, kind)
        draft = AccessRequestDraft(
            kind=kind,
            account=account,
            requester=actor,
            reason=reason,
            recipient=recipient or (account.holder if KINDS[kind].delivers else None),
            officer=officer,
            scan_sha256=scan_sha256,
        )
        if not dry_run:
            self.rules.settle()  # a request whose operation is done is no longer open
        answer = self.rules.submit(draft)
        return answer if isinstance(answer, AccessRequest) else self._recorded(answer, dry_run=dry_run)

    def approve(
        self, request_id: str, *, actor: str, scan_sha256: str | None = None, dry_run: bool = False
    ) -> AccessRequest:
        """Approve a request. One that this actor has approved already, with this paper, is returned as it is.

        Args:

            request_id: The ID of the request, or the beginning of it.

            actor: The ID of the person who approves it: the supervisor, or who acts for the supervisor.

            scan_sha256: The SHA-256 of the signed paper; by default, that of the request.

            dry_run: Only check whether it can be done.

        Raises:

            InputError: There is no such request, or it was decided already, not in this way.

            DeniedError: The actor is not the one to decide.

            TargetError: The personnel system cannot be used.
        """
        access_request = self.find(request_id)
        paper = scan_sha256 or access_request.scan_sha256
        if (access_request.state, access_request.approver, access_request.scan_sha256) == (
            RequestState.APPROVED,
            actor,
            paper,
        ):
            return access_request
        with self._discreet(access_request, actor):
            return self._recorded(self.rules.approve(access_request, actor, paper), dry_run=dry_run)

    def reject(self, request_id: str, *, actor: str, reason: str, dry_run: bool = False) -> AccessRequest:
        """Reject a request. One that this actor has rejected already is returned as it is.

        Args:

            request_id: The ID of the request, or the beginning of it.

            actor: The ID of the person who rejects it: the supervisor, or who acts for the supervisor.

            reason: Why. It is kept permanently.

            dry_run: Only check whether it can be done.

        Raises:

            InputError: There is no such request, or it was decided already, not in this way.

            DeniedError: The actor is not the one to decide.

            TargetError: The personnel system cannot be used.
        """
        access_request = self.find(request_id)
        if access_request.state is RequestState.REJECTED and access_request.approver == actor:
            return access_request
        with self._discreet(access_request, actor):
            return self._recorded(self.rules.reject(access_request, actor, reason), dry_run=dry_run)

    def confirm_mobile(self, request_id: str, *, actor: str, dry_run: bool = False) -> MobileConfirmation:
        """Confirm the recipient's mobile number as the personnel system has it now.

        Args:

            request_id: The ID of the request, or the beginning of it.

            actor: The ID of the officer who confirms it.

            dry_run: Only check whether it can be done.

        Raises:

            InputError: There is no such request, or nothing to confirm.

            DeniedError: The actor is not an officer for the unit, or has a part in the request.

            TargetError: The personnel system cannot be used.
        """
        event = self.rules.confirm_mobile(self.find(request_id), actor)
        recipient = event.form.recipient or ""
        person = self.planner.people.find_all([recipient]).get(recipient)
        return MobileConfirmation(request=self._recorded(event, dry_run=dry_run), recipient=person)

    @overload
    def execute(self, request_id: str, *, actor: str, dry_run: Literal[False] = False) -> Run: ...

    @overload
    def execute(self, request_id: str, *, actor: str, dry_run: bool) -> Run | RunPreview: ...

    def execute(self, request_id: str, *, actor: str, dry_run: bool = False) -> Run | RunPreview:
        """Carry out an approved request. What was begun is continued, and what is done is not repeated.

        Args:

            request_id: The ID of the request, or the beginning of it.

            actor: The ID of the officer who carries it out.

            dry_run: Change nothing.

        Returns:

            The run. In a dry run, its preview, unless the request is done or its operation is held.

        Raises:

            InputError: There is no such request, or it was not approved.

            DeniedError: The actor may not do it, or something has changed since it was approved.

            NotReadyError: Targets or channels cannot be used now.

            TargetError: The personnel system cannot be used.
        """
        access_request = self.find(request_id)
        operation = self._operation_of(access_request)
        if access_request.state is RequestState.ARCHIVED or (operation and operation.state is OperationState.DONE):
            if operation and access_request.state is RequestState.EXECUTING and not dry_run:
                self.rules.archive(attrs.evolve(access_request, operation=operation.id))
            return _done_already(access_request)
        account = self.store.accounts.get_many([access_request.login]).get(access_request.login)
        self.rules.require_ready(access_request, actor, self._recipient(access_request, account))
        if operation and not operation.state.ended:
            return self._continue(operation, actor, dry_run=dry_run)
        plan = self._plan(
            access_request, account, Initiator(actor=actor, reason=access_request.reason, request=access_request.id)
        )
        if dry_run:
            return self.runs.preview(plan, viewer=actor)
        return self.runs.start(plan, prepare=partial(self._begin, access_request, plan, actor))

    def execute_for(
        self, request_id: str, kind: OperationKind, login: str, *, actor: str, dry_run: bool = False
    ) -> Run | RunPreview:
        """Carry out an approved request as :meth:`execute` does, if it is for this action.

        Args:

            request_id: The ID of the request, or the beginning of it.

            kind: The action.

            login: The login of the account.

            actor: The ID of the officer who carries it out.

            dry_run: Change nothing.

        Raises:

            ProvisionerError: As in :meth:`execute`.

            InputError: It is for another action, or for another account.
        """
        access_request = self.find(request_id)
        if (access_request.kind, access_request.login) != (kind, login):
            values = {"id": access_request.id, "kind": access_request.kind.value, "login": access_request.login}
            message = Text("request {id} is for '{kind}' of {login}", values)
            raise InputError([Problem(field="request", message=message)])
        return self.execute(access_request.id, actor=actor, dry_run=dry_run)

    def listed(
        self, *, viewer: str, state: RequestState | None = None, login: str | None = None, limit: int | None = None
    ) -> list[AccessRequest]:
        """Return requests as a person may read them, the latest first.

        Args:

            viewer: The person.

            state: Only those in this state.

            login: Only those about this account.

            limit: How many are returned at most; ``None`` for all.
        """
        self.rules.settle()
        wanted = self.planner.naming.login(login) if login else None
        found = islice(self.store.access_requests.find(state=state, login=wanted), limit)
        return list(Privacy(self.authority, viewer).shown(found))

    def current(self, request_id: str) -> AccessRequest:
        """Return a request, which is archived if its operation is done by now.

        Args:

            request_id: The ID of the request, or the beginning of it.

        Raises:

            InputError: There is none, or several ids begin like this.
        """
        self.rules.settle()
        return self.find(request_id)

    def shown(self, access_request: AccessRequest, *, viewer: str) -> AccessRequest:
        """Return a request as a person may read it. Those who may decide on it read all of it."""
        [shown] = Privacy(self.authority, viewer).shown([access_request])
        return access_request if shown != access_request and self.rules.may_decide(access_request, viewer) else shown

    def printable(self, access_request: AccessRequest, *, viewer: str) -> AccessRequest:
        """Return a request as a person may print it.

        Raises:

            DeniedError: The person may not read who submitted it.
        """
        shown = self.shown(access_request, viewer=viewer)
        if shown.requester == MASK:
            Privacy(self.authority, viewer).require(access_request)
        return shown

    def archive_of(self, access_request: AccessRequest, *, viewer: str) -> str:
        """Return the archived copy of a request, exactly as it was hashed.

        Raises:

            DeniedError: The person may not read all of the request.

            InputError: It is not archived yet.
        """
        if self.shown(access_request, viewer=viewer) != access_request:
            Privacy(self.authority, viewer).require(access_request)
        if access_request.archive is None:
            raise InputError([Problem(field="id", message=Text("the request is not archived yet"))])
        return access_request.archive

    def _account(self, login: str, kind: OperationKind) -> Account:
        """Return what a request is about; an opening may be asked for before the account is there."""
        if kind is OperationKind.CREATE:
            return self.accounts.find_or_future(login)
        return self.accounts.find([login])[0]

    @contextmanager
    def _discreet(self, access_request: AccessRequest, actor: str) -> Iterator[None]:
        """Let denials name nobody to an actor who may not read the request."""
        try:
            yield
        except DeniedError as error:
            raise Privacy(self.authority, actor).denied(error, access_request) from None

    def _recorded(self, event: RequestEvent, *, dry_run: bool) -> AccessRequest:
        if not dry_run:
            self.record(event)
        return event.form

    def _operation_of(self, access_request: AccessRequest) -> Operation | None:
        """Return the operation that carries a request out, if it was begun.

        Two officers may have begun at once. Then the request names the later operation, and the journal has the earlier
        one.
        """
        named = (
            self.store.operations.get_many([access_request.operation]).get(access_request.operation)
            if access_request.operation
            else None
        )
        if named or access_request.state is not RequestState.EXECUTING:
            return named
        operations = self.store.operations.find(login=access_request.login)
        return next((operation for operation in operations if operation.request == access_request.id), None)

    def _continue(self, operation: Operation, actor: str, *, dry_run: bool) -> Run | RunPreview:
        if operation.state is OperationState.STAGED:
            return Run([operation])
        plan = Plan(work=(self.planner.again(operation),))
        return self.runs.preview(plan, viewer=actor) if dry_run else self.runs.start(plan)

    def _begin(self, access_request: AccessRequest, plan: Plan, actor: str) -> None:
        """Record by which operation a request is carried out; one for which nothing is left to do is archived."""
        if plan.refused:
            return
        for work in plan.work:
            if work.holder:  # the personnel system was asked again since the request was checked
                self.rules.require_number(access_request, work.holder)
        operation_id = plan.work[0].operation.id if plan.work else None
        begun = self.rules.begin(access_request, actor, operation_id)
        if operation_id is None:
            self.rules.archive(begun)

    def _plan(self, access_request: AccessRequest, account: Account | None, initiator: Initiator) -> Plan:
        """Plan what a request asks for; an account that nobody knows is one that its unit is to get."""
        if account is None:
            plan = self.planner.open_units(list(self.store.units.get_many([access_request.unit]).values()), initiator)
            _require_login(access_request, plan)
            return plan
        if access_request.kind is OperationKind.HANDOVER:
            return self.planner.hand_over(account, to=access_request.recipient or "", initiator=initiator)
        return self.planner.plan(access_request.kind, [account], initiator)

    def _recipient(self, access_request: AccessRequest, account: Account | None) -> str | None:
        """Return who would receive the password today."""
        if not KINDS[access_request.kind].delivers:
            return None
        if access_request.kind is OperationKind.HANDOVER:
            return access_request.recipient
        return (
            account.holder
            if account
            else self.store.units.get_many([access_request.unit])[access_request.unit].custodian
        )


def _done_already(access_request: AccessRequest) -> Run:
    reason = Text("request {id} was executed already", {"id": access_request.id})
    return Run((), unchanged=[Unchanged(login=access_request.login, reason=reason)], total=0)


def _require_login(access_request: AccessRequest, plan: Plan) -> None:
    """Check that the account that would be opened is the one that was approved.

    Raises:

        DeniedError: The unit has got another login in the meantime.
    """
    planned = [work.account.login for work in plan.work]
    others = [*(account.login for account in plan.unchanged), *(account.login for account in plan.refused)]
    for login in (*planned, *others):
        if login != access_request.login:
            raise DeniedError(
                "the login of unit {unit} has changed since request {id} was submitted: {login}",
                cure="submit a new request",
                unit=access_request.unit,
                id=access_request.id,
                login=login,
            )
