"""``provisioner person``: staff, where no personnel system supplies them."""

from __future__ import annotations

from pathlib import Path

import click

from provisioner.cli.exits import ExitCode
from provisioner.cli.options import dry_run_option, json_option
from provisioner.cli.render.documents import person_document
from provisioner.cli.session import Session
from provisioner.manifest import read_persons
from provisioner.services.parts import authority_of
from provisioner.services.persons import changed_persons, require_importer

#: How many digits of a number are shown.
SHOWN_DIGITS = 2


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@dry_run_option
@json_option
@click.pass_obj
def import_(session: Session, file: Path, *, dry_run: bool) -> ExitCode:
    """Import staff from a CSV, TOML or Excel file.

    FILE has the columns id,name,unit,title,mobile,supervisor. Existing records are updated. If a personnel system is
    connected, its data takes precedence.
    """
    with session.store() as store:
        authority = authority_of(session.configuration, store)
        require_importer(authority, session.actor)
        manifest = read_persons(file, store)
        session.output.warn(manifest.warnings)
        changed = changed_persons(store, authority, manifest.items, actor=session.actor)
    if changed and not dry_run:
        with session.application() as app:
            changed = app.persons.save(changed, actor=session.actor)
    session.output.document({"items": [person_document(person, masked(person.mobile)) for person in changed]})
    tell_imported(session, changed=len(changed), unchanged=len(manifest.items) - len(changed), dry_run=dry_run)
    return ExitCode.DONE


@click.command("show")
@click.argument("person_id", metavar="PERSON")
@click.option("--full", is_flag=True, help="Show the complete mobile number.")
@json_option
@click.pass_obj
def show(session: Session, person_id: str, *, full: bool) -> ExitCode:
    """Show a member of staff.

    The data comes from the personnel system or from the store.
    """
    with session.application() as app:
        person = app.persons.find(person_id, viewer=session.actor)
    content = person_document(person, person.mobile if full else masked(person.mobile))
    session.output.document(content)
    session.output.fields([(name, str(value or "")) for name, value in content.items()])
    return ExitCode.DONE


def masked(mobile: str | None) -> str | None:
    """Return a number with its last digits only."""
    return mobile and "*" * (len(mobile) - SHOWN_DIGITS) + mobile[-SHOWN_DIGITS:]


def tell_imported(session: Session, *, changed: int, unchanged: int, dry_run: bool) -> None:
    """Say how much of a file was imported, or would be."""
    counts = {"changed": changed, "unchanged": unchanged}
    if dry_run:
        session.output.say("{changed} would be imported, {unchanged} unchanged", **counts)
    else:
        session.output.say("{changed} imported, {unchanged} unchanged", **counts)
