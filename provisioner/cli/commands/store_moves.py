"""``provisioner store move``: from SQLite to PostgreSQL."""

from __future__ import annotations

import json
from pathlib import Path

import click

from provisioner.cli.commands.audit import head_document
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import recording
from provisioner.cli.session import Session
from provisioner.core.model.days import utc_now
from provisioner.documents import Document
from provisioner.services.parts import authority_of
from provisioner.services.store_moves import MovedStore, StoreMoves


@click.command("move")
@click.argument("url", metavar="URL")
@click.option(
    "--store-password", "password", metavar="REFERENCE", default="", help="Password of the role, as a secret reference."
)
@click.option(
    "--store-folder",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of the key file; by default, the folder of the configuration.",
)
@recording
@click.pass_obj
def move(session: Session, url: str, password: str, folder: Path | None, *, dry_run: bool) -> ExitCode:
    """Move the store from SQLite to PostgreSQL.

    The database must be empty. Stop services and timers first. The command copies everything, verifies the audit log
    before and after, and blocks any further use of the SQLite file. If it fails or is interrupted, run it again. Then
    set the new store in the configuration.

    With --dry-run, the command performs the whole move and then rolls it back.

    Example:

        provisioner store move postgresql://provisioner@db.example.org/provisioner
    """
    config, folder = session.configuration, folder.absolute() if folder else None
    with session.store() as store:
        moves = StoreMoves(store=store, config=config, authority=authority_of(config, store), now=utc_now)
        moved = moves.move(
            url,
            password=password,
            folder=folder,
            actor=session.actor,
            dry_run=dry_run,
            watch=lambda tables: session.output.progress(tables, len(tables), "copying the tables"),
        )
    session.output.document(_document(moved, dry_run=dry_run))
    if dry_run:
        session.output.say(
            "the store {source} can be moved to {destination}", source=moved.source, destination=moved.destination
        )
        session.output.say("this is a dry run, nothing was changed")
        return ExitCode.DONE
    session.output.say(
        "the store {source} was moved to {destination}; the audit log ends with entry {seq}",
        source=moved.source,
        destination=moved.destination,
        seq=moved.head.seq,
    )
    session.output.say("set in the configuration:")
    settings = {"store": url, "store_password": password, "store_folder": folder and str(folder)}
    for key, value in settings.items():
        if value:
            session.output.line(f"  {key} = {json.dumps(value, ensure_ascii=False)}")
    return ExitCode.DONE


def _document(moved: MovedStore, *, dry_run: bool) -> Document:
    return {
        "from": moved.source,
        "to": moved.destination,
        "rows": moved.rows,
        "audit_log": head_document(moved.head),
        "dry_run": dry_run,
    }
