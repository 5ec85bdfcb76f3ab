"""The JSON of the API: what programs send, and the shapes of the answers, which are those of the command line."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from provisioner.core.api.messages import Passage
from provisioner.core.governance.access_requests import RequestState
from provisioner.core.governance.incidents import IncidentState, IncidentStep
from provisioner.core.model import (
    AccountKind,
    AccountState,
    Action,
    MessageState,
    OperationKind,
    OperationState,
    Outcome,
    SessionsState,
    TargetState,
)
from provisioner.core.model.tokens import TokenAccess

#: A time in UTC.
Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]

#: Text that people read, such as a reason.
Sentence = Annotated[str, Meta(min_length=1, max_length=500, pattern=r"\S")]

#: A login with or without its domain, the ID of a person, or another ID.
Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^\S+$")]


class JsonShape(Struct, kw_only=True, forbid_unknown_fields=True):
    """A JSON object with exactly these fields."""


class TokenAnswer(JsonShape):
    """The token of this request."""

    id: str
    name: str
    owner: str
    access: TokenAccess
    created_by: str
    created_at: Time
    expires_at: Time
    revoked_by: str | None
    revoked_at: Time | None


class TargetOfAccount(JsonShape):
    """The state of an account on one target."""

    name: str
    state: TargetState


class SeenTarget(JsonShape):
    """The state of an account on one target, and when the target last listed it."""

    name: str
    state: TargetState
    last_seen: Time | None


class SessionsOfAccount(JsonShape):
    """Whether sessions of an account are left on one target."""

    name: str
    state: SessionsState


class AccountFacts(JsonShape):
    """What is stored of an account itself."""

    login: str
    unit: str
    kind: AccountKind
    holder: str | None
    state: AccountState
    password_changed_at: Time | None
    next_deadline: Time | None
    next_action: Action | None
    closes_at: Time | None


class AccountItem(AccountFacts):
    """An account."""

    targets: list[TargetOfAccount]
    sessions: list[SessionsOfAccount]


class DeliveryAnswer(JsonShape):
    """What became of a message with a password."""

    id: str
    operation: str
    channel: str
    gateway: str | None
    reference: str | None
    number: int
    state: MessageState
    sent_at: Time
    handed_over_at: Time | None
    accepted_at: Time | None
    ended_at: Time | None
    deadline: Time | None


class AccountAnswer(AccountFacts):
    """An account, with what is known of it on each target and its last message with a password."""

    targets: list[SeenTarget]
    sessions: list[SessionsOfAccount]
    delivery: DeliveryAnswer | None


class FoundItems(JsonShape):
    """The accounts that a search found, and whether these are all."""

    items: list[AccountItem]
    is_complete: bool


class AccountItems(JsonShape):
    """A page of accounts."""

    items: list[AccountItem]
    next: str | None


class ErrorAnswer(JsonShape):
    """Why a step or an operation didn't do what it should."""

    error_class: str = field(name="class")
    message: str
    cure: str


class StepAnswer(JsonShape):
    """One step of an operation."""

    name: str
    hook: str
    outcome: Outcome | None
    attempts: int
    error: ErrorAnswer | None


class OperationAnswer(JsonShape):
    """An operation with its steps."""

    id: str
    kind: OperationKind
    login: str
    state: OperationState
    actor: str
    reason: str
    staging: str | None
    created_at: Time
    finished_at: Time | None
    next_try_at: Time | None
    error: ErrorAnswer | None
    steps: list[StepAnswer]


class OperationPage(JsonShape):
    """A page of operations."""

    items: list[OperationAnswer]
    next: str | None


class LeftOut(JsonShape):
    """An account for which no operation was started."""

    login: str
    reason: str


class RunAnswer(JsonShape):
    """The operations of a run as they ended or stopped, and the accounts without one."""

    operations: list[OperationAnswer]
    unchanged: list[LeftOut]
    refused: list[LeftOut]


class StartedRun(JsonShape):
    """A run that goes on after the answer."""

    run: str
    operations: int


class HeldRunItem(JsonShape):
    """A run that waits for its release."""

    id: str
    staged_at: Time
    actor: str
    reason: str
    target: str | None
    affected: int
    out_of: int
    percent: int
    operations: int
    logins: list[str]


class HeldRunPage(JsonShape):
    """A page of runs that wait for their release."""

    items: list[HeldRunItem]
    next: str | None


class RequestAnswer(JsonShape):
    """An access request."""

    id: str
    kind: OperationKind
    login: str
    unit: str
    requester: str
    reason: str
    recipient: str | None
    submitted_at: Time
    scan_sha256: str | None
    state: RequestState
    approver: str | None
    approver_for: str | None
    decided_at: Time | None
    remark: str
    mobile_confirmed_by: str | None
    mobile_confirmed_at: Time | None
    officer: str | None
    officer_for: str | None
    begun_at: Time | None
    operation: str | None
    archived_at: Time | None
    archive_sha256: str | None


class RequestPage(JsonShape):
    """A page of access requests."""

    items: list[RequestAnswer]
    next: str | None


class InboxAnswer(JsonShape):
    """A page of the access requests that wait for the owner of the token, whether all are known, and the own ones."""

    to_decide: list[RequestAnswer]
    to_carry_out: list[RequestAnswer]
    own: list[RequestAnswer]
    is_complete: bool
    own_is_complete: bool
    next: str | None


class HandoverAnswer(JsonShape):
    """The record of a handover, and the SHA-256 of its other fields."""

    id: str
    login: str
    mail: str
    unit: str
    unit_name: str
    outgoing: str | None
    outgoing_name: str
    incoming: str
    incoming_name: str
    actor: str
    reason: str
    begun_at: Time
    finished_at: Time
    not_handed_over_on: list[str]
    sha256: str | None


class HandoverPage(JsonShape):
    """A page of records of handovers."""

    items: list[HandoverAnswer]
    next: str | None


class BlockAnswer(JsonShape):
    """Something that stands in the way of a person."""

    subject: str
    reason: str
    cure: str


class ClearanceReply(JsonShape):
    """Whether the personnel office may process a person."""

    person: str
    passage: Passage
    clear: bool
    blocks: list[BlockAnswer]
    remarks: list[str]


class IncidentItem(JsonShape):
    """A report of trouble with a login."""

    id: str
    login: str
    text: str
    reporter: str
    reported_at: Time
    unit: str
    custodian: str | None
    state: IncidentState
    resolution: str


class IncidentPage(JsonShape):
    """A page of reports of trouble."""

    items: list[IncidentItem]
    next: str | None


class PastStepAnswer(JsonShape):
    """Something that happened to a report of trouble."""

    at: Time
    kind: IncidentStep
    actor: str
    unit: str


class IncidentAnswer(IncidentItem):
    """A report of trouble, and what happened to it."""

    steps: list[PastStepAnswer]


class ReasonBody(JsonShape):
    """Why something is done, for the audit log."""

    reason: Sentence


class TextBody(JsonShape):
    """What helped. It is kept permanently, so it must not contain a password."""

    text: Sentence


class IncidentBody(JsonShape):
    """A report of trouble with a login. It is kept permanently, so it must not contain a password."""

    login: Name
    text: Sentence


class RequestBody(JsonShape):
    """A new access request."""

    login: Name
    kind: OperationKind
    reason: Sentence
    #: Who receives the account; only for a handover.
    to: Name | None = None


class HandoverBody(JsonShape):
    """A handover of an account."""

    #: The ID of the person who receives the account.
    to: Name
    reason: Sentence
    #: The ID of the person who is to hold the account now; if another one does, nothing is done.
    outgoing: Name | None = None
