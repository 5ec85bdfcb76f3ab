"""``provisioner audit``: the audit log of all that happened (003 m.13, m.14; 004 m.14, m.15).

Exit code 4 means that the audit log is not as it was written, in every command that goes along it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from provisioner.audit.anchors import anchor_line, append_anchor, parse_anchor, read_anchors
from provisioner.audit.jsonl import Exported, jsonl
from provisioner.audit.syslog import DOCUMENTATION_NUMBER, Syslog
from provisioner.catalogue import Catalogue
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import DAY, json_option
from provisioner.cli.render.documents import Document, iso
from provisioner.cli.session import Session
from provisioner.cli.streams import write_lines
from provisioner.core.governance.authority import Role
from provisioner.services.bootstrap import authority_of
from provisioner.services.ids import find_id
from provisioner.store import Store
from provisioner.store.audit.chain import Head
from provisioner.store.audit.reader import AuditLogReader, StoredEntry
from provisioner.store.audit.verification import Anchors, ChainEntry, ChainFinding, ChainVerifier
from provisioner.store.ids import Named


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
            self.fail(output.text("Give SEQ:HASH, as 'provisioner audit anchor' prints it."), param, ctx)


_SEQ = re.compile(r"[0-9]{1,18}")
#: Makes one line of an entry and the hash before it.
Line = Callable[[ChainEntry, str], bytes]

_FILE = click.Path(path_type=Path)


@click.command("list")
@click.option("--login", metavar="LOGIN", help="Only events of this account.")
@click.option("--operation", "operation_id", metavar="ID", help="Only events of this operation.")
@click.option("--actor", metavar="ID", help="Only events that this person or policy caused.")
@click.option("--person", metavar="ID", help="Only events about this person: data, accounts, passwords, forms, roles.")
@click.option("--unit", metavar="CODE", help="Only events about this unit.")
@click.option("--since", metavar="DATE", type=DAY, help="Only from this day on.")
@click.option("--until", metavar="DATE", type=DAY, help="Only up to the end of this day.")
@click.option("--kind", metavar="KIND", help="Only events of this kind, such as step_ended.")
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
    """List what happened.

    Nothing is verified here.
    """
    with _store(session) as store:
        found = list(
            store.audit_log.find(
                login=_login(session, login) if login else None,
                operation_id=find_id(store, Named.OPERATION, operation_id) if operation_id else None,
                actor=actor,
                kind=kind,
                person=person,
                unit=unit,
                since=session.start_of(since) if since else None,
                until=session.start_of(until + timedelta(days=1)) if until else None,
            )
        )
    session.output.document({"items": [{"seq": one.seq, "hash": one.hash, "event": one.event} for one in found]})
    session.output.table(
        ("place", "time", "actor", "login", "event", "what", "operation"), [_row(one, session) for one in found]
    )
    return ExitCode.DONE


@click.command("verify")
@click.option("--anchor", "given", type=_Place(needs_hash=True), multiple=True, metavar="SEQ:HASH", help="An anchor.")
@click.option("--anchor-file", "files", type=_FILE, multiple=True, metavar="FILE", help="A file with anchors.")
@click.option("--export", "exports", type=_FILE, multiple=True, metavar="FILE", help="Verify exports, not the store.")
@json_option
@click.pass_obj
def verify(
    session: Session, *, given: tuple[Head, ...], files: tuple[Path, ...], exports: tuple[Path, ...]
) -> ExitCode:
    """Verify that the audit log is unchanged.

    It shows the first entry that was changed. If the end of the audit log was cut off or rewritten together with the
    record of its end, only an anchor from before shows it.

    Several exports are verified as one, in their order. The exit code is 4 if something is wrong.
    """
    known = [*given, *(anchor for file in files for anchor in read_anchors(file))]
    if exports:
        start, verifier = Exported(exports).verify(Anchors.of(known), _watched(session, None))
    else:
        with _audit_log(session) as audit_log:
            end = audit_log.head() or Head()
            start, verifier = Head(), audit_log.verify(known, _watched(session, end.seq))
    _tell(session, start, verifier, known)
    return ExitCode.UNFINISHED if verifier.finding else ExitCode.DONE


@click.command("anchor")
@click.option("--file", type=_FILE, metavar="FILE", help="Append it to this file.")
@json_option
@click.pass_obj
def anchor(session: Session, *, file: Path | None) -> ExitCode:
    """Print where the audit log ends, to keep elsewhere.

    Keep the line where nobody can change it together with the store.
    """
    with _audit_log(session) as audit_log:
        end = audit_log.head() or Head()
        verifier = audit_log.after(max(end.seq - 1, 0)).to_the_end()
    now = datetime.now(UTC)
    line = anchor_line(verifier.head, now)
    if file and not verifier.finding:
        append_anchor(file, line)
    session.output.document({**_head(verifier.head), "at": iso(now), "finding": _finding(session, verifier.finding)})
    if verifier.finding:
        return _complain(session, verifier.finding)
    session.output.line(line)
    return ExitCode.DONE


@click.command("export")
@click.option(
    "--format", "form", type=click.Choice(["jsonl", "syslog"]), default="jsonl", help="The format; by default jsonl."
)
@click.option(
    "--after",
    type=_Place(needs_hash=False),
    default="0",
    metavar="SEQ[:HASH]",
    help="Only what comes after this entry; with its hash, the export fails if that entry was changed.",
)
@click.option(
    "--enterprise-number",
    type=click.IntRange(1, 0xFFFFFFFF),
    default=DOCUMENTATION_NUMBER,
    metavar="N",
    help=f"Yours, for the structured data of syslog; by default {DOCUMENTATION_NUMBER}, the one for documentation.",
)
@json_option
@click.pass_obj
def export(session: Session, *, form: str, after: Head, enterprise_number: int) -> ExitCode:
    """Export the audit log as JSON Lines or syslog.

    It writes one entry per line to stdout, and verifies the audit log on the way. The export ends with exit code 4 at
    the first entry that was changed.
    """
    if session.json and form == "syslog":
        raise click.UsageError(session.output.text("Give either --json or --format syslog."))
    line: Line = jsonl if form == "jsonl" else Syslog(enterprise_number=enterprise_number).message
    with _audit_log(session) as audit_log:
        verifier = audit_log.after(after.seq, after.hash or None)
        taken = write_lines(_lines(verifier, line))
    if verifier.finding:
        return _complain(session, verifier.finding)
    return ExitCode.DONE if taken else ExitCode.UNFINISHED


@contextmanager
def _audit_log(session: Session) -> Iterator[AuditLogReader]:
    with _store(session) as store:
        yield store.audit_log


@contextmanager
def _store(session: Session) -> Iterator[Store]:
    """Open the store for somebody to read its audit log. Every command that reads it comes through here.

    Raises:

        ConfigurationError: The configuration is wrong.

        DeniedError: The actor is no auditor.

        StoreError: The store cannot be opened.
    """
    with session.store() as store:
        authority_of(session.configuration, store).require(session.actor, {Role.AUDITOR})
        yield store


def _login(session: Session, given: str) -> str:
    """Return a login without its domain. It need not be known any more, nor be one that would be given today."""
    try:
        return session.configuration.content.accounts.naming.login(given)
    except ValueError:
        return given


def _row(one: StoredEntry, session: Session) -> tuple[str, ...]:
    event = one.event or {}
    shown = (str(event.get(name, "?")) for name in ("actor", "login", "kind"))
    what = session.output.translated(_what(event, session.catalogue))
    return (str(one.seq), _local(event.get("at"), session), *shown, what, str(event.get("operation_id", "?")))


def _local(text: object, session: Session) -> str:
    try:
        return session.local_time(datetime.fromisoformat(str(text)))
    except (ValueError, OverflowError):
        return "?"


def _what(event: Document, word: Catalogue) -> str:
    """Return what an event says beside who and when, in short, with our own words in the reader's language."""
    match event:
        case {"error": {"message": message}} | {"step": {"error": {"message": message}}}:
            return str(message)
        case {"before": {**before}, "after": {**after}}:
            return ", ".join(f"{name}: {before.get(name) or '-'} → {value or '-'}" for name, value in after.items())
        case {"step": {**step}}:
            return _step(step, event.get("recipient"), word)
        case {"state": what} | {"operation": {"kind": what}}:
            return word(str(what))
    return ""


def _step(step: Mapping[Any, Any], recipient: object, word: Catalogue) -> str:
    """Return what a step does, to whom a password goes, and how the step ended."""
    what = f"{step.get('hook')} {step.get('name')}"
    match recipient:
        case {"person": person, "mobile_mark": mark}:
            what += f" → {person} ({mark or '-'})"
    return f"{what}: {word(str(step['outcome']))}" if step.get("outcome") else what


def _watched(session: Session, total: int | None) -> Callable[[Iterable[ChainEntry]], Iterable[ChainEntry]]:
    return lambda links: session.output.progress(links, total, "verifying the audit log")


def _tell(session: Session, start: Head, verifier: ChainVerifier, known: list[Head]) -> None:
    output = session.output
    unused = sum(one.seq < start.seq for one in known)
    output.document(
        {
            "whole": verifier.finding is None,
            "after": start.seq,
            **_head(verifier.head),
            "anchors": {"compared": len(known) - unused, "before": unused},
            "finding": _finding(session, verifier.finding),
        }
    )
    if unused:
        output.note("{count} anchor(s) lie before the export and could not be compared", count=unused)
    if verifier.finding:
        _complain(session, verifier.finding)
        output.note("{count} entries before that are as they were written", count=verifier.head.seq - start.seq)
        return
    output.say(
        "the audit log is whole from entry {first} on: {count} entries",
        first=start.seq + 1,
        count=verifier.head.seq - start.seq,
    )
    output.say("it ends with {seq}:{hash}", **_head(verifier.head))
    output.say("{count} anchor(s) agree", count=len(known) - unused)


def _head(head: Head) -> Document:
    return {"seq": head.seq, "hash": head.hash}


def _finding(session: Session, finding: ChainFinding | None) -> Document | None:
    if finding is None:
        return None
    return {"seq": finding.seq, "fault": finding.fault.value, "message": session.output.said(finding.text)}


def _complain(session: Session, finding: ChainFinding) -> ExitCode:
    output = session.output
    cure = output.text("keep a copy of it as it is, and compare it with a backup and with earlier exports")
    output.error_line(f"{output.text('error')}: {output.said(finding.text)}")
    output.error_line(f"  -> {cure}")
    return ExitCode.UNFINISHED


def _lines(verifier: ChainVerifier, line: Line) -> Iterator[bytes]:
    previous = verifier.head.hash
    for one in verifier:
        yield line(one, previous)
        previous = one.hash
