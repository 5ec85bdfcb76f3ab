"""The record of a handover as a page to print and to sign (000 m.5/e; 003 m.12/4)."""

from __future__ import annotations

from provisioner import handover_record, templates
from provisioner.cli.session import Session
from provisioner.services.handovers import HandoverRecord


def rows(record: HandoverRecord, session: Session) -> list[tuple[str, str]]:
    """Return what the record says, line by line, in the reader's language and time zone."""
    return list(handover_record.rows(record, session.output.said, session.local_time))


def page(record: HandoverRecord, session: Session) -> str:
    """Return the record as one HTML page that needs no other file, with a line for each signature."""
    text = session.output.text
    return templates.render(
        __package__,
        "record.html",
        language=session.language,
        title=text("Record of handover"),
        rows=rows(record, session),
        signatures=handover_record.signatures(record, session.output.said),
        below=text("date, signature"),
        note=handover_record.note(session.output.said),
    )
