"""A request form as a page to print and to sign: "Kullanıcı Talep Formu" (001 ¶4)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from provisioner import templates
from provisioner.cli.session import Session
from provisioner.core.governance.access_requests import AccessRequest
from provisioner.core.governance.privacy import MASK
from provisioner.core.model import Person


def page(
    access_request: AccessRequest, find: Callable[[Collection[str]], Mapping[str, Person]], session: Session
) -> str:
    """Return a form as one HTML page that needs no other file, with a line for each signature.

    Args:

        access_request: The form.

        find: Returns people as the personnel system knows them.

        session: The language, and where people are.

    Raises:

        TargetError: The personnel system cannot be used.
    """
    text = session.output.text
    people = dict(find(_parts(access_request)))
    decider = access_request.approver or (
        people[access_request.requester].supervisor if access_request.requester in people else None
    )
    if decider and decider not in people:
        people |= find([decider])
    signatures = (
        (text("requested by"), _named(access_request.requester, people)),
        (text("supervisor"), _named(decider, people)),
        (text("officer"), _named(access_request.officer, people)),
    )
    note = text("Requester, supervisor and officer are three persons. The form stays in the archive of the unit.")
    return templates.render(
        __package__,
        "record.html",
        language=session.language,
        title=text("User request form"),
        rows=rows(access_request, people, session),
        signatures=signatures,
        below=text("date, signature"),
        note=note,
    )


def _parts(access_request: AccessRequest) -> Collection[str]:
    """Return the ids of all who have a part in a form."""
    parts = (
        access_request.requester,
        access_request.recipient,
        access_request.approver,
        access_request.approver_for,
        access_request.officer,
        access_request.officer_for,
    )
    return {part for part in parts if part and part != MASK}


def rows(access_request: AccessRequest, people: Mapping[str, Person], session: Session) -> list[tuple[str, str]]:
    """Return what a form says, line by line, in the reader's language and time zone."""
    text = session.output.text
    lines = [
        (text("id"), access_request.id),
        (text("account"), access_request.login),
        (text("unit"), access_request.unit),
        (text("kind"), session.output.word(access_request.kind)),
        (text("reason"), access_request.reason),
        (text("requested by"), _named(access_request.requester, people)),
        (text("requested"), session.local_time(access_request.submitted_at)),
        (text("receives the password"), _named(access_request.recipient, people)),
        (text("state"), session.output.word(access_request.state)),
        (text("decided by"), _named(access_request.approver, people)),
        (text("accountable for the decision"), _named(access_request.approver_for, people)),
        (text("decided"), session.local_time(access_request.decided_at)),
        (text("remark"), access_request.remark),
        (text("mobile number confirmed by"), _named(access_request.mobile_confirmed_by, people)),
        (text("officer"), _named(access_request.officer, people)),
        (text("accountable for the execution"), _named(access_request.officer_for, people)),
        (text("operation"), access_request.operation or ""),
        (text("archived"), session.local_time(access_request.archived_at)),
        (text("signed paper (SHA-256)"), access_request.scan_sha256 or ""),
        (text("archived copy (SHA-256)"), access_request.archive_sha256 or ""),
    ]
    return [(name, value) for name, value in lines if value]


def _named(person: str | None, people: Mapping[str, Person]) -> str:
    return f"{people[person].name} ({person})" if person and person in people else person or ""
