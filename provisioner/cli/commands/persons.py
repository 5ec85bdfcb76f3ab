"""``provisioner person``: staff, where no personnel system supplies them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provisioner.cli.commands.runs import follow, run_document, started, tell_obstacles, tell_planned
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import dry_run_option, json_option, recording
from provisioner.cli.render.preview import preview_document
from provisioner.cli.session import Session
from provisioner.core.model.mobile import masked
from provisioner.documents import Document, person_document
from provisioner.manifest import read_persons
from provisioner.services.parts import authority_of
from provisioner.services.persons import changed_persons, require_administrator

if TYPE_CHECKING:
    from provisioner.services.application import Application
    from provisioner.services.imports import Import


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@dry_run_option
@json_option
@click.pass_obj
def import_(session: Session, file: Path, *, dry_run: bool) -> ExitCode:
    """Import staff from a CSV, TOML or Excel file.

    FILE has the columns id,name,unit,title,mobile,supervisor,other_mobile. Existing records are updated. If a personnel
    system is connected, its data takes precedence. If a name, title or mobile number changes, the person's open
    accounts are updated on the targets.
    """
    with session.store() as store:
        authority = authority_of(session.configuration, store)
        require_administrator(authority, session.actor)
        manifest = read_persons(file, store)
        session.output.warn(manifest.warnings)
        changed = changed_persons(store, authority, manifest.items, actor=session.actor)
        changes_nothing = next(changed, None) is None
    if changes_nothing:
        return told_unchanged(session, len(manifest.items), dry_run=dry_run)
    with started(session, dry_run=dry_run) as app:
        found = app.imports.of_persons(manifest.items, session.initiator(""))
        items = (person_document(person, masked) for person in found.persons)
        return imported(session, app, found, items, unchanged=len(manifest.items) - found.size, dry_run=dry_run)


@click.command("show")
@click.argument("person_id", metavar="PERSON")
@click.option("--full", is_flag=True, help="Show the complete mobile numbers.")
@json_option
@click.pass_obj
def show(session: Session, person_id: str, *, full: bool) -> ExitCode:
    """Show a member of staff.

    The data comes from the personnel system or from the store.
    """
    with session.application() as app:
        person = app.persons.find(person_id, viewer=session.actor)
    content = person_document(person, (lambda mobile: mobile) if full else masked)
    session.output.document(content)
    session.output.fields([(name, str(value or "")) for name, value in content.items()])
    return ExitCode.DONE


@click.command("confirm-number")
@click.argument("person_id", metavar="PERSON")
@recording
@click.pass_obj
def confirm_number(session: Session, person_id: str, *, dry_run: bool) -> ExitCode:
    """Confirm a person's other mobile number.

    Verify first that the number is the person's own, for example by calling it. Channels with number = "other" use the
    number only after it is confirmed. If the number changes, it must be confirmed again. You can't confirm your own
    number.
    """
    with session.application() as app:
        person = app.persons.confirm_number(person_id, actor=session.actor, dry_run=dry_run)
    session.output.document(person_document(person, masked))
    session.output.line(f"{person.id}: {masked(person.other_mobile)}")
    return ExitCode.DONE


def told_unchanged(session: Session, unchanged: int, *, dry_run: bool) -> ExitCode:
    """Say that nothing of a list is new or changed."""
    session.output.document({"items": []})
    _tell_imported(session, changed=0, unchanged=unchanged, dry_run=dry_run)
    return ExitCode.DONE


def imported(
    session: Session, app: Application, found: Import, items: Iterable[Document], *, unchanged: int, dry_run: bool
) -> ExitCode:
    """Import a list, or only show what would be changed, and say what becomes of the accounts.

    Args:

        session: Where to answer.

        app: Imports the list.

        found: What the import changes.

        items: The new or changed units or persons, as JSON shows them. They are made only for JSON.

        unchanged: How many others are in the list.

        dry_run: Only show it.
    """
    shown = list(items) if session.json else []
    if dry_run:
        return _previewed(session, app, found, shown, unchanged=unchanged)
    run = app.imports.start(found, session.initiator(""))
    if found.plan.work or found.plan.refused:
        # An error that prevents the run is an answer by itself.
        code = follow(session, app, run, more=lambda: {"items": shown} if run.ended or not run.total else {})
    else:
        run.wait()
        session.output.document({"items": shown})
        code = ExitCode.DONE
    _tell_imported(session, changed=found.size, unchanged=unchanged, dry_run=False)
    return code


def _previewed(
    session: Session, app: Application, found: Import, items: Sequence[Document], *, unchanged: int
) -> ExitCode:
    preview = app.imports.preview(found, viewer=session.actor)
    more = {**run_document(session, preview), "changes": preview_document(preview.changes)}
    session.output.document({"items": items, **more} if found.plan.work or found.plan.refused else {"items": items})
    tell_planned(session, [work.operation for work in preview.plan.work], preview.changes)
    tell_obstacles(session, preview)
    _tell_imported(session, changed=found.size, unchanged=unchanged, dry_run=True)
    return ExitCode.DONE if preview.is_complete else ExitCode.UNFINISHED


def _tell_imported(session: Session, *, changed: int, unchanged: int, dry_run: bool) -> None:
    """Say how much of a file was imported, or would be."""
    counts = {"changed": changed, "unchanged": unchanged}
    if dry_run:
        session.output.say("{changed} would be imported, {unchanged} unchanged", **counts)
    else:
        session.output.say("{changed} imported, {unchanged} unchanged", **counts)
