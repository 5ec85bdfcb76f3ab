"""The record of a handover, as people read it and as a page to print and to sign (000 m.5/e; 003 m.12/4)."""

from __future__ import annotations

from provisioner import templates
from provisioner.cli.render.documents import handover_document
from provisioner.cli.session import Session
from provisioner.services.handovers import HandoverRecord


def rows(record: HandoverRecord, session: Session) -> list[tuple[str, str]]:
    """Return what the record says, line by line, in the reader's language and time zone."""
    text, handover = session.output.text, record.handover
    return [
        (text("account"), handover.mail),
        (text("unit"), f"{handover.unit_name} ({handover.unit})"),
        (text("handed over by"), _person(handover.outgoing, handover.outgoing_name) or text("nobody")),
        (text("received by"), _person(handover.incoming, handover.incoming_name)),
        (text("requested"), session.local_time(handover.begun_at)),
        (text("received"), session.local_time(handover.finished_at)),
        *([(text("not handed over on"), ", ".join(record.not_on))] if record.not_on else ()),
        *([(text("sessions may be open on"), ", ".join(record.open_on))] if record.open_on else ()),
        (text("carried out by"), handover.actor),
        (text("reason"), handover.reason),
        (text("operation"), handover.operation_id),
        ("SHA-256", str(handover_document(record)["sha256"] or "")),
    ]


def page(record: HandoverRecord, session: Session) -> str:
    """Return the record as one HTML page that needs no other file, with a line for each signature."""
    text, handover = session.output.text, record.handover
    signatures = [
        (text("handed over by"), handover.outgoing_name or handover.outgoing or ""),
        (text("received by"), handover.incoming_name),
    ]
    return templates.render(
        __package__,
        "record.html",
        language=session.language,
        title=text("Record of handover"),
        rows=rows(record, session),
        signatures=signatures,
        below=text("date, signature"),
        note=text("The password was sent by SMS to the person who received the account; nobody else has seen it."),
    )


def _person(person_id: str | None, name: str | None) -> str:
    return f"{name} ({person_id})" if name and person_id else person_id or ""
