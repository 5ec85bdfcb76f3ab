"""Access requests: a renewal needs one that is complete, signed, approved and archived (001 ¶4)."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from typing import Any

import attrs

from provisioner.core.api.events import Event
from provisioner.core.api.kinds import KINDS, OfficerRight
from provisioner.core.model import OperationKind
from provisioner.core.model.canonical import canonical_json, iso, sha256

#: The kinds of operation that can be requested: all that officers carry out.
REQUESTABLE = tuple(kind for kind, spec in KINDS.items() if spec.alters and spec.officer is not OfficerRight.NEVER)

#: The cost of testing one number: some tens of milliseconds.
_SLOWLY = {"n": 1 << 14, "r": 8, "p": 1, "dklen": 32}


class RequestState(StrEnum):
    """The state of an access request."""

    #: It waits for the supervisor.
    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"
    #: Its operation was started and is not done.
    EXECUTING = "executing"
    #: Executed, and stored permanently.
    ARCHIVED = "archived"

    @property
    def is_open(self) -> bool:
        """Whether it can still change."""
        return self not in {RequestState.REJECTED, RequestState.ARCHIVED}


@attrs.frozen(kw_only=True)
class AccessRequest:
    """One access request: "Kullanıcı Talep Formu"."""

    id: str
    kind: OperationKind
    login: str
    #: The code of the account's unit.
    unit: str
    #: The ID of the requester. The supervisor of this person decides.
    requester: str
    #: The reason.
    reason: str
    submitted_at: datetime
    #: The receiver of the password; ``None`` if there is no password.
    recipient: str | None = None
    #: The mark of the recipient's mobile number, by :meth:`mark_of`. The number itself is not stored.
    mobile_mark: str | None = None
    #: The SHA-256 of the signed paper, if it was scanned.
    scan_sha256: str | None = None
    state: RequestState = RequestState.SUBMITTED
    #: The number of the revision, from 1. Only the latest revision can be changed.
    revision: int = 1
    #: Who decided.
    approver: str | None = None
    #: The supervisor for whom the approver decided, who remains accountable (003 m.10).
    approver_for: str | None = None
    decided_at: datetime | None = None
    #: The remark on a rejection.
    remark: str = ""
    #: Who confirmed a changed mobile number.
    mobile_confirmed_by: str | None = None
    mobile_confirmed_at: datetime | None = None
    #: The officer who must execute it, if it names one; later the officer who did.
    officer: str | None = None
    #: The officer for whom this one acted.
    officer_for: str | None = None
    begun_at: datetime | None = None
    #: The ID of the operation that executes it.
    operation: str | None = None
    archived_at: datetime | None = None
    #: The archived copy, as canonical JSON, and its SHA-256.
    archive: str | None = None
    archive_sha256: str | None = None

    @property
    def deciders(self) -> Collection[str]:
        """Who decided, and who is accountable for it."""
        return {person for person in (self.approver, self.approver_for) if person}

    def mark_of(self, mobile: str | None) -> str | None:
        """Return the mark of a number, which shows whether the number has changed.

        There are so few numbers that a simple hash could be reversed by trying all of them, and the mark is stored
        permanently.
        """
        return hashlib.scrypt(mobile.encode(), salt=self.id.encode(), **_SLOWLY).hex() if mobile else None

    def changed(self, **changes: Any) -> AccessRequest:
        """Return the next revision."""
        return attrs.evolve(self, revision=self.revision + 1, **changes)

    def archived(self, at: datetime) -> AccessRequest:
        """Return the request in its final state, with its canonical copy."""
        done = self.changed(state=RequestState.ARCHIVED, archived_at=at)
        copy = canonical_json(done.facts())
        return attrs.evolve(done, archive=copy, archive_sha256=sha256(copy))

    def facts(self) -> dict[str, object]:
        """Return the content of the request, in the format for scripts: words and times in UTC."""
        hidden = {"revision", "mobile_mark", "archive", "archive_sha256"}
        fields = [field.name for field in attrs.fields(type(self)) if field.name not in hidden]
        return {name: _plain(getattr(self, name)) for name in fields}


@attrs.frozen(kw_only=True)
class RequestEvent(Event):
    """A change of an access request."""

    actor: str
    #: The access request in its new state.
    form: AccessRequest


@attrs.frozen(kw_only=True)
class RequestSubmitted(RequestEvent):
    """A person submitted an access request."""

    kind = "request_submitted"


@attrs.frozen(kw_only=True)
class RequestApproved(RequestEvent):
    """The supervisor, or a delegate, approved the access request."""

    kind = "request_approved"


@attrs.frozen(kw_only=True)
class RequestRejected(RequestEvent):
    """The supervisor, or a delegate, rejected the access request."""

    kind = "request_rejected"


@attrs.frozen(kw_only=True)
class MobileConfirmed(RequestEvent):
    """An officer confirmed a mobile number that has changed since the submission."""

    kind = "request_mobile_confirmed"


@attrs.frozen(kw_only=True)
class RequestBegun(RequestEvent):
    """An officer started to execute the access request."""

    kind = "request_begun"


@attrs.frozen(kw_only=True)
class RequestArchived(RequestEvent):
    """The access request was executed and archived."""

    kind = "request_archived"


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return iso(value)
    return value.value if isinstance(value, StrEnum) else value
