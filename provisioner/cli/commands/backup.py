"""``provisioner backup``: a copy of the store to restore it from (002 m.64/ğ, 003 m.8)."""

from __future__ import annotations

from pathlib import Path

import click

from provisioner.cli.commands.audit import complain, finding_document, head_document
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import json_option
from provisioner.cli.session import Session
from provisioner.core.model.days import utc_now
from provisioner.core.model.text import Text
from provisioner.documents import iso
from provisioner.services.backup import Backups
from provisioner.services.parts import authority_of


@click.command("backup")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@json_option
@click.pass_obj
def command(session: Session, file: Path) -> ExitCode:
    """Back up the store while it is in use.

    The command writes a tar archive to FILE that only you can read. It never replaces an existing file. It copies the
    store, checks the copy and its audit log, checks the archive made from the copy, and only then creates FILE. If the
    audit log was altered, the exit code is 4.

    The archive contains names, mobile numbers and the key that protects the numbers in the audit log. Encrypt it before
    it leaves the machine.

    Example:

        provisioner backup /var/backups/provisioner/2026-03-01.tar
    """
    with session.store() as store:
        backups = Backups(store=store, authority=authority_of(session.configuration, store), now=utc_now)
        made = backups.make(file, actor=session.actor)
    session.output.document(
        {
            "file": str(made.file),
            "at": iso(made.at),
            "size": made.size,
            "sha256": made.sha256,
            "audit_log": head_document(made.head),
            "finding": finding_document(session, made.finding),
        }
    )
    if made.finding:
        return complain(session, made.finding)
    session.output.say(
        Text.counted(
            "{file} has the store with {count} entry of the audit log",
            "{file} has the store with {count} entries of the audit log",
            count=made.head.seq,
            file=made.file,
        )
    )
    return ExitCode.DONE
