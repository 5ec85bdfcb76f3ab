"""What the record of a handover says, on a terminal and on pages to print and to sign (000 m.5/e; 003 m.12/4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from provisioner.core.model.text import Text

if TYPE_CHECKING:
    from provisioner.services.handovers import HandoverRecord

#: Returns a message in the language of the reader.
Said = Callable[[Text], str]


def rows(record: HandoverRecord, said: Said, time: Callable[[datetime], str]) -> Sequence[tuple[str, str]]:
    """Return what the record says, line by line.

    Args:

        record: The record.

        said: Returns a message in the reader's language.

        time: Returns a time as the reader writes it.
    """
    handover = record.handover
    return [
        (said(Text("account")), handover.mail),
        (said(Text("unit")), f"{handover.unit_name} ({handover.unit})"),
        (said(Text("handed over by")), _person(handover.outgoing, handover.outgoing_name) or said(Text("nobody"))),
        (said(Text("received by")), _person(handover.incoming, handover.incoming_name)),
        (said(Text("requested")), time(handover.begun_at)),
        (said(Text("received")), time(handover.finished_at)),
        *([(said(Text("not handed over on")), ", ".join(record.not_on))] if record.not_on else ()),
        *([(said(Text("sessions may be open on")), ", ".join(record.open_on))] if record.open_on else ()),
        (said(Text("carried out by")), handover.actor),
        (said(Text("reason")), handover.reason),
        (said(Text("operation")), handover.operation_id),
        ("SHA-256", record.sha256 or ""),
    ]


def signatures(record: HandoverRecord, said: Said) -> Sequence[tuple[str, str]]:
    """Return who signs the record: the part of each, and the name."""
    handover = record.handover
    return [
        (said(Text("handed over by")), handover.outgoing_name or handover.outgoing or ""),
        (said(Text("received by")), handover.incoming_name),
    ]


def note(said: Said) -> str:
    """Return what the record says of the password."""
    return said(Text("The password was sent by SMS to the person who received the account; nobody else has seen it."))


def _person(person_id: str | None, name: str | None) -> str:
    return f"{name} ({person_id})" if name and person_id else person_id or ""
