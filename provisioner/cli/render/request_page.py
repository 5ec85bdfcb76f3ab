"""A request form as a page to print and to sign: "Kullanıcı Talep Formu" (001 ¶4)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from provisioner import templates
from provisioner.cli.session import Session
from provisioner.core.governance.access_requests import AccessRequest
from provisioner.core.governance.privacy import MASK
from provisioner.core.model import Person


def page(form: AccessRequest, find: Callable[[Collection[str]], Mapping[str, Person]], session: Session) -> str:
    """Return a form as one HTML page that needs no other file, with a line for each signature.

    Args:

        form: The form.

        find: Returns people as the personnel system knows them.

        session: The language, and where people are.

    Raises:

        TargetError: The personnel system cannot be asked.
    """
    text = session.output.text
    people = dict(find(_parts(form)))
    decider = form.approver or (people[form.requester].supervisor if form.requester in people else None)
    if decider and decider not in people:
        people |= find([decider])
    signatures = (
        (text("requested by"), _named(form.requester, people)),
        (text("supervisor"), _named(decider, people)),
        (text("officer"), _named(form.officer, people)),
    )
    note = text("Requester, supervisor and officer are three persons. The form stays in the archive of the unit.")
    return templates.render(
        __package__,
        "record.html",
        language=session.language,
        title=text("User request form"),
        rows=rows(form, people, session),
        signatures=signatures,
        below=text("date, signature"),
        note=note,
    )


def _parts(form: AccessRequest) -> Collection[str]:
    """Return the ids of all who have a part in a form."""
    parts = (form.requester, form.recipient, form.approver, form.approver_for, form.officer, form.officer_for)
    return {part for part in parts if part and part != MASK}


def rows(form: AccessRequest, people: Mapping[str, Person], session: Session) -> list[tuple[str, str]]:
    """Return what a form says, line by line, in the reader's language and time zone."""
    text = session.output.text
    lines = [
        (text("id"), form.id),
        (text("account"), form.login),
        (text("unit"), form.unit),
        (text("kind"), session.output.word(form.kind)),
        (text("reason"), form.reason),
        (text("requested by"), _named(form.requester, people)),
        (text("asked for"), session.local_time(form.submitted_at)),
        (text("receives the password"), _named(form.recipient, people)),
        (text("state"), session.output.word(form.state)),
        (text("decided by"), _named(form.approver, people)),
        (text("answerable for the decision"), _named(form.approver_for, people)),
        (text("decided"), session.local_time(form.decided_at)),
        (text("remark"), form.remark),
        (text("mobile number confirmed by"), _named(form.mobile_confirmed_by, people)),
        (text("officer"), _named(form.officer, people)),
        (text("answerable for the execution"), _named(form.officer_for, people)),
        (text("operation"), form.operation or ""),
        (text("archived"), session.local_time(form.archived_at)),
        (text("signed paper (SHA-256)"), form.scan_sha256 or ""),
        (text("archived copy (SHA-256)"), form.archive_sha256 or ""),
    ]
    return [(name, value) for name, value in lines if value]


def _named(person: str | None, people: Mapping[str, Person]) -> str:
    return f"{people[person].name} ({person})" if person and person in people else person or ""
