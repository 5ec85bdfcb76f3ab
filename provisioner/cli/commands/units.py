"""``provisioner unit``: the tree of units, and the accounts that units bring."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from provisioner.cli.commands.account_views import state_of
from provisioner.cli.commands.persons import imported, told_unchanged
from provisioner.cli.commands.runs import answer, run, started
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import changing, dry_run_option, json_option, recording
from provisioner.cli.session import Session
from provisioner.core.model import Unit
from provisioner.documents import account_document, unit_document
from provisioner.manifest import ENDINGS, read_units
from provisioner.services.parts import authority_of
from provisioner.services.units import changed_units, unit_details

if TYPE_CHECKING:
    from provisioner.services.unit_removal import Removal


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@dry_run_option
@json_option
@click.pass_obj
def import_(session: Session, file: Path, *, dry_run: bool) -> ExitCode:
    """Import units from a CSV, TOML or Excel file.

    FILE has the columns code,name,kind,parent,login,custodian. Existing units are updated. If a name, kind or parent
    changes, the unit's open accounts are updated on the targets. To open accounts, use 'unit open' or 'unit apply'.

    Example:

        provisioner unit import units.csv --dry-run
    """
    with session.store() as store:
        manifest = read_units(file, session.configuration.content.accounts.naming, store)
        session.output.warn(manifest.warnings)
        authority = authority_of(session.configuration, store)
        changed = changed_units(store, authority, manifest.items, actor=session.actor)
    if not changed:
        return told_unchanged(session, len(manifest.items), dry_run=dry_run)
    with started(session, dry_run=dry_run) as app:
        found = app.imports.of_units(changed, session.initiator(""))
        items = (unit_document(unit) for unit in found.units)
        return imported(session, app, found, items, unchanged=len(manifest.items) - found.size, dry_run=dry_run)


@click.command("open")
@click.argument("given", metavar="CODE|FILE...", nargs=-1, required=True)
@changing
@click.pass_obj
def open_(session: Session, given: tuple[str, ...], *, reason: str, dry_run: bool) -> ExitCode:
    """Open or reopen the accounts of units.

    Specify unit codes, or one CSV, TOML or Excel FILE. The FILE is imported first. All accounts are opened in one run.
    Each opened account gets a new password, which is sent to its holder: normally the custodian of the unit.

    Examples:

        provisioner unit open il-mem ar-ge
        provisioner unit open units.csv --dry-run
    """
    lists = [text for text in given if _is_list(text)]
    if len(lists) > 1:
        raise click.UsageError(session.output.text("Specify one FILE at a time."))
    codes = [text for text in given if text not in lists]
    with started(session, dry_run=dry_run) as app:
        listed = read_units(Path(lists[0]), app.planner.naming, app.store) if lists else None
        if listed:
            session.output.warn(listed.warnings)
        result = app.units.open(codes, listed=listed, initiator=session.initiator(reason), dry_run=dry_run)
        return answer(session, app, result)


@click.command("close")
@click.argument("codes", metavar="CODE...", nargs=-1, required=True)
@click.option("--with-subtree", is_flag=True, help="Include all units below the specified units.")
@changing
@click.pass_obj
def close(session: Session, codes: tuple[str, ...], *, with_subtree: bool, reason: str, dry_run: bool) -> ExitCode:
    """Close the accounts of units.

    Nobody can log in to a closed account. Its data is kept.

    All accounts are closed in one run. If the run exceeds the mass-change limit, it is held: no accounts are changed,
    and the exit code is 6. To carry it out, use 'policy release'. To cancel it, use 'policy discard'.

    Example:

        provisioner unit close ar-ge --with-subtree --dry-run
    """
    with started(session, dry_run=dry_run) as app:
        plan = app.units.plan_closing(codes, session.initiator(reason), with_subtree=with_subtree)
        return run(session, app, plan, dry_run=dry_run)


@click.command("remove")
@click.argument("codes", metavar="CODE...", nargs=-1, required=True)
@recording
@click.pass_obj
def remove(session: Session, codes: tuple[str, ...], *, dry_run: bool) -> ExitCode:
    """Remove units that have no open account.

    Removed units are no longer listed. Their account records and audit log entries are kept. Importing a list that
    contains a removed unit adds the unit again.

    If an account of a unit is open, is waiting to be deleted, or has an unfinished operation, or if there are other
    units below a unit, nothing is removed, and the exit code is 3.

    Example:

        provisioner unit remove ar-ge --dry-run
    """
    with session.application(dry_run=dry_run) as app:
        removal = app.unit_removal.remove(codes, actor=session.actor, dry_run=dry_run)
    _tell_removal(session, removal, dry_run=dry_run)
    return ExitCode.DENIED if removal.needed else ExitCode.DONE


def _tell_removal(session: Session, removal: Removal, *, dry_run: bool) -> None:
    said = session.output.said
    needed = [{"unit": found.unit, "reason": said(found.reason), "cure": said(found.cure)} for found in removal.needed]
    session.output.document({"items": [unit_document(unit) for unit in removal.units], "needed": needed})
    for unit in removal.units:
        if dry_run:
            session.output.say("{code}: it would be removed", code=unit.code)
        else:
            session.output.say("{code}: removed", code=unit.code)
    for found in needed:
        session.output.say("{code}: not removed: {reason}", code=found["unit"], reason=found["reason"])
        session.output.line(f"  -> {found['cure']}")


@click.command("list")
@json_option
@click.pass_obj
def list_(session: Session) -> ExitCode:
    """List units as a tree."""
    with session.store() as store:
        rows = list(_tree(session.privacy(store).shown(store.units.all())))
    session.output.document({"items": [unit_document(unit) for _, unit in rows]})
    session.output.table(
        ("code", "name", "kind", "login", "custodian"),
        [
            (f"{'  ' * depth}{unit.code}", unit.name, unit.kind, unit.login or "", unit.custodian or "")
            for depth, unit in rows
        ],
    )
    return ExitCode.DONE


@click.command("show")
@click.argument("code")
@json_option
@click.pass_obj
def show(session: Session, code: str) -> ExitCode:
    """Show a unit, its accounts and the units directly below it."""
    with session.store() as store:
        details = unit_details(store, session.privacy(store), code)
    shown = [account_document(account) for account in details.accounts]
    session.output.document({**unit_document(details.unit), "children": list(details.children), "accounts": shown})
    session.output.fields([*_fields(details.unit), ("children", ", ".join(details.children))])
    for each in details.accounts:
        session.output.line(f"{each.account.mail}: {state_of(each, session)}")
    return ExitCode.DONE


def _is_list(given: str) -> bool:
    return given.lower().endswith(ENDINGS) or Path(given).is_file()


def _tree(units: Iterable[Unit]) -> Iterator[tuple[int, Unit]]:
    """Yield each unit after the one above it, with its depth."""
    below: dict[str | None, list[Unit]] = defaultdict(list)
    for unit in units:
        below[unit.parent].append(unit)
    waiting = [(0, unit) for unit in reversed(below[None])]
    while waiting:
        depth, unit = waiting.pop()
        yield depth, unit
        waiting += [(depth + 1, child) for child in reversed(below[unit.code])]


def _fields(unit: Unit) -> list[tuple[str, str]]:
    return [(name, str(value or "")) for name, value in unit_document(unit).items()]
