"""``provisioner audit``: the audit log of all that happened (003 m.13, m.14; 004 m.14, m.15).

Exit code 4 means that the audit log is not as it was written, in every command that goes along it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import click

from provisioner.catalogue import Catalogue
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import DAY, json_option
from provisioner.cli.session import Session
from provisioner.cli.streams import write_lines
from provisioner.core.model.text import Text, as_text
from provisioner.documents import Document, iso
from provisioner.services.audit_log import (
    DOCUMENTATION_NUMBER,
    AuditLog,
    ChainEntry,
    ChainFinding,
    Framing,
    Head,
    Line,
    StoredEntry,
    Syslog,
    Verification,
    jsonl,
    parse_anchor,
    read_anchors,
    verify_exports,
)
from provisioner.services.parts import authority_of


class _Place(click.ParamType[Head]):
    """``SEQ:HASH``, or ``SEQ`` alone where a hash may be missing."""

    name = "place"

    def __init__(self, *, needs_hash: bool) -> None:
        self._needs_hash = needs_hash

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Head:
        """Return the place."""
        if isinstance(value, Head):
            return value
        if not self._needs_hash and _SEQ.fullmatch(value):
            return Head(seq=int(value), hash="")
        try:
            return parse_anchor(value)
        except ValueError:
            output = click.get_current_context().ensure_object(Session).output
            self.fail(output.text("Specify SEQ:HASH, as 'provisioner audit anchor' prints it."), param, ctx)


_SEQ = re.compile(r"[0-9]{1,18}")
_FILE = click.Path(path_type=Path)

#: A place of the audit log.
PLACE = _Place(needs_hash=False)

enterprise_number_option = click.option(
    "--enterprise-number",
    type=click.IntRange(1, 0xFFFFFFFF),
    default=DOCUMENTATION_NUMBER,
    metavar="N",
    help=f"Private enterprise number for syslog. Default: {DOCUMENTATION_NUMBER}, which is reserved for documentation.",
)


@click.command("list")
@click.option("--login", metavar="LOGIN", help="Filter by account.")
@click.option("--operation", "operation_id", metavar="ID", help="Filter by operation.")
@click.option("--actor", metavar="ID", help="Filter by the person or policy that caused the event.")
@click.option("--person", metavar="PERSON", help="Filter by the person that the event is about.")
@click.option("--unit", metavar="CODE", help="Filter by unit.")
@click.option("--since", metavar="DATE", type=DAY, help="First day to list (inclusive).")
@click.option("--until", metavar="DATE", type=DAY, help="Last day to list (inclusive).")
@click.option("--kind", metavar="KIND", help="Filter by kind of event, for example step_ended.")
@json_option
@click.pass_obj
def list_(
    session: Session,
    *,
    login: str | None,
    operation_id: str | None,
    actor: str | None,
    person: str | None,
    unit: str | None,
    since: datetime | None,
    until: datetime | None,
    kind: str | None,
) -> ExitCode:
    """List events in the audit log.

    The command doesn't verify the audit log; 'audit verify' does.
    """
    with _audit_log(session) as audit_log:
        found = audit_log.find(
            viewer=session.actor,
            login=login,
            operation_id=operation_id,
            actor=actor,
            kind=kind,
            person=person,
            unit=unit,
            since=session.start_of(since) if since else None,
            until=session.start_of(until + timedelta(days=1)) if until else None,
        )
    session.output.document({"items": [{**head_document(entry), "event": entry.event} for entry in found]})
    session.output.table(
        ("place", "time", "actor", "login", "event", "what", "operation"), [_row(entry, session) for entry in found]
    )
    return ExitCode.DONE


@click.command("verify")
@click.option(
    "--anchor",
    "given",
    type=_Place(needs_hash=True),
    multiple=True,
    metavar="SEQ:HASH",
    help="Anchor to compare the audit log with. Repeatable.",
)
@click.option(
    "--anchor-file",
    "files",
    type=_FILE,
    multiple=True,
    metavar="FILE",
    help="File with anchors to compare the audit log with. Repeatable.",
)
@click.option(
    "--export",
    "exports",
    type=_FILE,
    multiple=True,
    metavar="FILE",
    help="Exported file to verify instead of the store. Repeatable.",
)
@json_option
@click.pass_obj
def verify(
    session: Session, *, given: tuple[Head, ...], files: tuple[Path, ...], exports: tuple[Path, ...]
) -> ExitCode:
    """Verify that no entry of the audit log was altered.

    The command reports the first changed entry and exits with code 4. Someone who can change the store can remove the
    last entries without leaving a trace in it. To detect this, compare the audit log with an anchor that you saved
    earlier (the output of 'audit anchor').

    If you specify several exported files, the command verifies them in the order given, as one audit log.

    Example:

        provisioner audit verify --anchor-file anchors.txt
    """
    known = [*given, *(anchor for file in files for anchor in read_anchors(file))]
    watch = partial(_watched, session)
    if exports:
        found = verify_exports(exports, anchors=known, watch=watch)
    else:
        with _audit_log(session) as audit_log:
            found = audit_log.verify(viewer=session.actor, anchors=known, watch=watch)
    _tell(session, found)
    return ExitCode.UNFINISHED if found.finding else ExitCode.DONE


@click.command("anchor")
@click.option("--file", type=_FILE, metavar="FILE", help="Append the anchor to FILE.")
@json_option
@click.pass_obj
def anchor(session: Session, *, file: Path | None) -> ExitCode:
    """Print an anchor of the audit log.

    An anchor is a line that records where the audit log ends. Save it in a place where the people who can change the
    store have no write access. 'audit verify --anchor' compares the audit log with it.
    """
    with _audit_log(session) as audit_log:
        found = audit_log.anchor(viewer=session.actor, file=file)
    session.output.document(
        {**head_document(found.head), "at": iso(found.at), "finding": finding_document(session, found.finding)}
    )
    if found.finding:
        return complain(session, found.finding)
    session.output.line(found.line)
    return ExitCode.DONE


@click.command("export")
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "syslog"]),
    default="jsonl",
    show_default=True,
    help="Output format.",
)
@click.option(
    "--after",
    type=PLACE,
    default="0",
    metavar="SEQ[:HASH]",
    help="Export only entries after this one. With HASH, the export fails if this entry has changed.",
)
@click.option(
    "--framing",
    type=click.Choice([framing.value for framing in Framing]),
    default=Framing.LINES.value,
    show_default=True,
    help="How syslog messages are separated (RFC 6587).",
)
@click.option(
    "--max-size",
    type=click.IntRange(min=2048),
    metavar="BYTES",
    help="Longest syslog message. Longer ones are written without the event. Default: no limit.",
)
@enterprise_number_option
@json_option
@click.pass_obj
def export(
    session: Session, *, form: str, after: Head, framing: str, max_size: int | None, enterprise_number: int
) -> ExitCode:
    """Export the audit log as JSON Lines or syslog.

    The command writes one line per entry to stdout and verifies the audit log at the same time. At the first changed
    entry, it stops with exit code 4.

    Example:

        provisioner audit export --format syslog --after 1200
    """
    if session.json and form == "syslog":
        raise click.UsageError(session.output.text("Specify either --json or --format syslog."))
    syslog = Syslog(framing=Framing(framing), max_size=max_size, enterprise_number=enterprise_number)
    line: Line = jsonl if form == "jsonl" else syslog.message
    with _audit_log(session) as audit_log:
        exported = audit_log.export(viewer=session.actor, after=after, line=line)
        taken = write_lines(exported)
    if exported.finding:
        return complain(session, exported.finding)
    return ExitCode.DONE if taken else ExitCode.UNFINISHED


@contextmanager
def _audit_log(session: Session) -> Iterator[AuditLog]:
    config = session.configuration
    with session.store() as store:
        yield AuditLog(
            store=store, authority=authority_of(config, store), naming=config.content.accounts.naming, now=store.now
        )


def _row(entry: StoredEntry, session: Session) -> tuple[str, ...]:
    event = entry.event or {}
    shown = (str(event.get(name, "?")) for name in ("actor", "login", "kind"))
    what = session.output.translated(_what(event, session))
    return (str(entry.seq), _local(event.get("at"), session), *shown, what, str(event.get("operation_id", "?")))


def _local(text: object, session: Session) -> str:
    try:
        return session.local_time(datetime.fromisoformat(str(text)))
    except (ValueError, OverflowError):
        return "?"


def _what(event: Document, session: Session) -> str:
    """Return what an event says beside who and when, in short, with our own words in the reader's language."""
    match event:
        case {"error": {"message": message}} | {"step": {"error": {"message": message}}}:
            return session.output.said(as_text(message))
        case {"before": {**before}, "after": {**after}}:
            return ", ".join(f"{name}: {before.get(name) or '-'} → {value or '-'}" for name, value in after.items())
        case {"step": {**step}}:
            return _step(step, event.get("recipient"), session.catalogue)
        case {"matched_by": by, "account": {"unit": unit, "holder": holder}}:
            return f"{unit} → {holder} ({by})"
        case {"state": what} | {"operation": {"kind": what}}:
            return session.catalogue.gettext(str(what))
    return ""


def _step(step: Mapping[Any, Any], recipient: object, catalogue: Catalogue) -> str:
    """Return what a step does, to whom a password goes, and how the step ended."""
    what = f"{step.get('hook')} {step.get('name')}"
    match recipient:
        case {"person": person, "mobile_mark": mark}:
            what += f" → {person} ({mark or '-'})"
    return f"{what}: {catalogue.gettext(str(step['outcome']))}" if step.get("outcome") else what


def _watched(session: Session, entries: Iterable[ChainEntry], total: int | None) -> Iterable[ChainEntry]:
    return session.output.progress(entries, total, "verifying the audit log")


def _tell(session: Session, found: Verification) -> None:
    output = session.output
    output.document(
        {
            "whole": found.finding is None,
            "after": found.start.seq,
            **head_document(found.head),
            "anchors": {"compared": found.compared, "before": found.before},
            "finding": finding_document(session, found.finding),
        }
    )
    if found.before:
        output.note(
            Text.counted(
                "{count} anchor lies before the export and could not be compared",
                "{count} anchors lie before the export and could not be compared",
                count=found.before,
            )
        )
    if found.finding:
        complain(session, found.finding)
        output.note(
            Text.counted(
                "the {count} entry before it is valid",
                "the {count} entries before it are valid",
                count=found.count,
            )
        )
        return
    output.say(
        Text.counted(
            "the audit log is intact from entry {first} on: {count} entry",
            "the audit log is intact from entry {first} on: {count} entries",
            count=found.count,
            first=found.start.seq + 1,
        )
    )
    output.say("it ends with {seq}:{hash}", **head_document(found.head))
    if not found.compared:
        output.say("no anchors were compared")
        return
    output.say(Text.counted("{count} anchor agrees", "{count} anchors agree", count=found.compared))


def head_document(head: Head) -> Document:
    """Return a place of the audit log as JSON shows it."""
    return {"seq": head.seq, "hash": head.hash}


def finding_document(session: Session, finding: ChainFinding | None) -> Document | None:
    """Return what is wrong with the audit log as JSON shows it."""
    if finding is None:
        return None
    return {"seq": finding.seq, "fault": finding.fault.value, "message": session.output.said(finding.text)}


def complain(session: Session, finding: ChainFinding) -> ExitCode:
    """Say what is wrong with the audit log, and return the exit code."""
    output = session.output
    cure = output.text("keep a copy of its current state, and compare it with a backup and with earlier exports")
    output.error_line(f"{output.text('error')}: {output.said(finding.text)}")
    output.error_line(f"  -> {cure}")
    return ExitCode.UNFINISHED
