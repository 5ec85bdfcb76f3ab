"""Request forms: a renewal begins with one that is complete, signed and approved, and that is archived (001 ¶4)."""

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

#: What a form may ask for: all that officers carry out.
REQUESTABLE = tuple(kind for kind, spec in KINDS.items() if spec.officer is not OfficerRight.NEVER)

#: How much work it is to try one number; some tens of milliseconds.
_SLOWLY = {"n": 1 << 14, "r": 8, "p": 1, "dklen": 32}


class FormState(StrEnum):
    """Where a form stands."""

    #: Filled in, and waiting for the supervisor.
    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"
    #: Its operation was begun and is not done.
    EXECUTING = "executing"
    #: Carried out, and kept as it is.
    ARCHIVED = "archived"

    @property
    def is_open(self) -> bool:
        """Whether something is still to happen to it."""
        return self not in {FormState.REJECTED, FormState.ARCHIVED}


@attrs.frozen(kw_only=True)
class AccessRequest:
    """One form, from hand to hand: "Kullanıcı Talep Formu"."""

    id: str
    kind: OperationKind
    login: str
    #: The code of the unit that the account belongs to.
    unit: str
    #: Who asks; the supervisor of this person decides.
    requester: str
    #: Why.
    reason: str
    submitted_at: datetime
    #: Who is to receive the password; ``None`` if there will be none.
    recipient: str | None = None
    #: The mark of the mobile number that the recipient had, by :meth:`mark_of`. The number itself is not kept.
    mobile_mark: str | None = None
    #: The SHA-256 of the signed paper, if it was scanned.
    scan_sha256: str | None = None
    state: FormState = FormState.SUBMITTED
    #: Counts the changes, from 1; a change to anything but the latest revision is refused.
    revision: int = 1
    #: Who decided.
    approver: str | None = None
    #: The supervisor for whom the approver decided, who stays answerable (003 m.10).
    approver_for: str | None = None
    decided_at: datetime | None = None
    #: What was said about a rejection.
    remark: str = ""
    #: Who confirmed that a mobile number that has changed is right.
    mobile_confirmed_by: str | None = None
    mobile_confirmed_at: datetime | None = None
    #: Who is to carry it out, if it says so, and in the end who did.
    officer: str | None = None
    #: The officer for whom this one acted.
    officer_for: str | None = None
    begun_at: datetime | None = None
    #: The id of the operation that carries it out.
    operation: str | None = None
    archived_at: datetime | None = None
    #: The form as it was archived, as canonical JSON, and the SHA-256 of that.
    archive: str | None = None
    archive_sha256: str | None = None

    @property
    def deciders(self) -> Collection[str]:
        """Who decided, and who is answerable for that."""
        return {person for person in (self.approver, self.approver_for) if person}

    def mark_of(self, mobile: str | None) -> str | None:
        """Return what is remembered of a number: enough to see that it has changed.

        There are so few numbers that a plain hash could be tried on all of them, and the mark is stored for good.
        """
        return hashlib.scrypt(mobile.encode(), salt=self.id.encode(), **_SLOWLY).hex() if mobile else None

    def changed(self, **changes: Any) -> AccessRequest:
        """Return the next revision."""
        return attrs.evolve(self, revision=self.revision + 1, **changes)

    def archived(self, at: datetime) -> AccessRequest:
        """Return the form as it is kept for good, with its canonical copy."""
        done = self.changed(state=FormState.ARCHIVED, archived_at=at)
        copy = canonical_json(done.facts())
        return attrs.evolve(done, archive=copy, archive_sha256=sha256(copy))

    def facts(self) -> dict[str, object]:
        """Return all that the form says, as scripts read it: words and times in UTC."""
        hidden = {"revision", "mobile_mark", "archive", "archive_sha256"}
        fields = [field.name for field in attrs.fields(type(self)) if field.name not in hidden]
        return {name: _plain(getattr(self, name)) for name in fields}


@attrs.frozen(kw_only=True)
class FormEvent(Event):
    """Something that happened to a form."""

    actor: str
    #: The form as it is from now on.
    form: AccessRequest


@attrs.frozen(kw_only=True)
class RequestSubmitted(FormEvent):
    """Somebody asked for something."""

    kind = "request_submitted"


@attrs.frozen(kw_only=True)
class RequestApproved(FormEvent):
    """The supervisor, or somebody for him, agreed."""

    kind = "request_approved"


@attrs.frozen(kw_only=True)
class RequestRejected(FormEvent):
    """The supervisor, or somebody for him, did not agree."""

    kind = "request_rejected"


@attrs.frozen(kw_only=True)
class MobileConfirmed(FormEvent):
    """Somebody answers for a mobile number that has changed since the form was submitted."""

    kind = "request_mobile_confirmed"


@attrs.frozen(kw_only=True)
class RequestBegun(FormEvent):
    """An officer began to carry it out."""

    kind = "request_begun"


@attrs.frozen(kw_only=True)
class RequestArchived(FormEvent):
    """It was carried out, and is kept."""

    kind = "request_archived"


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return iso(value)
    return value.value if isinstance(value, StrEnum) else value
