"""``provisioner unit``: the tree of units, and the accounts that units bring."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import attrs
import click

from provisioner.cli.commands.accounts import state_of
from provisioner.cli.commands.persons import tell_imported
from provisioner.cli.commands.runs import run, started
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import changing, dry_run_option, json_option
from provisioner.cli.render.documents import account_document, unit_document
from provisioner.cli.session import Session
from provisioner.core.api.errors import DeniedError, InputError, Problem
from provisioner.core.engine.plan import Unchanged
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.separation import SeparationOfDuties
from provisioner.core.model import Account, AccountState, Unit
from provisioner.core.model.text import Text
from provisioner.manifest import ENDINGS, Manifest, read_units
from provisioner.services.bootstrap import authority_of
from provisioner.store import Store

#: What a command without a file has.
NO_LIST: Manifest[Unit] = Manifest(file="", items=(), lines={})


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@dry_run_option
@json_option
@click.pass_obj
def import_(session: Session, file: Path, *, dry_run: bool) -> ExitCode:
    """Import units from a CSV, TOML or Excel file.

    FILE has the columns code,name,kind,parent,login,custodian. Known units are overwritten. No account is changed.
    """
    with session.store() as store:
        manifest = read_units(file, session.configuration.content.accounts.naming, store)
        session.output.warn(manifest.warnings)
        changed = _changed(manifest, store)
        _require_right(session, authority_of(session.configuration, store), store, changed)
    if changed and not dry_run:
        with session.application() as app:
            app.save_units(changed, actor=session.actor)
    session.output.document({"items": [unit_document(unit) for unit in changed]})
    tell_imported(session, changed=len(changed), unchanged=len(manifest.items) - len(changed), dry_run=dry_run)
    return ExitCode.DONE


@click.command("open")
@click.argument("given", metavar="CODE|FILE...", nargs=-1, required=True)
@changing
@click.pass_obj
def open_(session: Session, given: tuple[str, ...], *, reason: str, dry_run: bool) -> ExitCode:
    """Open the accounts of units, or reopen them.

    Give the codes of units, or one CSV, TOML or .xlsx FILE, which is imported first. All accounts are opened in
    one run.
    """
    lists = [one for one in given if _is_list(one)]
    if len(lists) > 1:
        raise click.UsageError(session.output.text("Give one FILE at a time."))
    with started(session, dry_run=dry_run) as app:
        manifest = read_units(Path(lists[0]), app.planner.naming, app.store) if lists else NO_LIST
        session.output.warn(manifest.warnings)
        units = {unit.code: unit for unit in manifest.items}
        known = _known_units(app.store, [one for one in given if one not in lists and one not in units])
        _require_right(session, app.authority, app.store, _changed(manifest, app.store))
        with _located(manifest):
            plan = app.planner.open_units([*units.values(), *known], session.initiator(reason))
            prepare = partial(app.save_units, manifest.items, actor=session.actor) if lists else None
            return run(session, app, plan, dry_run=dry_run, prepare=prepare)


@click.command("close")
@click.argument("codes", metavar="CODE...", nargs=-1, required=True)
@click.option("--with-subtree", is_flag=True, help="Also close the units below.")
@changing
@click.pass_obj
def close(session: Session, codes: tuple[str, ...], *, with_subtree: bool, reason: str, dry_run: bool) -> ExitCode:
    """Close the accounts of units.

    Nobody can log in after that. All accounts are closed in one run.
    """
    with started(session, dry_run=dry_run) as app:
        _known_units(app.store, codes)
        under = app.store.accounts_under(codes)
        own = [account for account in under.values() if account.unit in codes]
        if not with_subtree:
            _require_closed(account for account in under.values() if account.unit not in codes)
        plan = app.planner.close(list(under.values()) if with_subtree else own, session.initiator(reason))
        bare = [code for code in dict.fromkeys(codes) if code not in {account.unit for account in own}]
        without = [Unchanged(login=code, reason=Text("the unit has no account")) for code in bare]
        return run(session, app, attrs.evolve(plan, unchanged=(*plan.unchanged, *without)), dry_run=dry_run)


@click.command("list")
@json_option
@click.pass_obj
def list_(session: Session) -> ExitCode:
    """List the units as a tree."""
    with session.store() as store:
        rows = list(_tree(session.privacy(store).shown(store.all_units())))
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
    """Show one unit.

    It shows its accounts and the units directly below it.
    """
    with session.store() as store:
        privacy = session.privacy(store)
        [unit] = privacy.shown(_known_units(store, [code]))
        accounts = list(privacy.shown(store.find_accounts(unit=code)))
        targets = store.all_target_states([account.login for account in accounts])
        children = [child.code for child in store.children(code)]
    shown = [account_document(account, targets.get(account.login, {})) for account in accounts]
    session.output.document({**unit_document(unit), "children": children, "accounts": shown})
    session.output.fields([*_fields(unit), ("children", ", ".join(children))])
    for account in accounts:
        session.output.line(f"{account.mail}: {state_of(account, targets.get(account.login, {}), session)}")
    return ExitCode.DONE


def _changed(manifest: Manifest[Unit], store: Store) -> list[Unit]:
    """Return the units of a list that are new, or not known as they stand there."""
    known = store.units(manifest.lines)
    return [unit for unit in manifest.items if known.get(unit.code) != unit]


def _require_right(session: Session, authority: Authority, store: Store, changed: Sequence[Unit]) -> None:
    """Make sure that the actor may write these units down.

    Raises:

        DeniedError: The actor may not; the cure says who may.
    """
    authority.require_for_units(session.actor, changed)
    known = store.units(unit.code for unit in changed)
    SeparationOfDuties(authority).require_for_units(session.actor, known, changed)


def _is_list(given: str) -> bool:
    return given.lower().endswith(ENDINGS) or Path(given).is_file()


def _known_units(store: Store, codes: Iterable[str]) -> list[Unit]:
    """Return the units with these codes.

    Raises:

        InputError: Some are unknown; all of them are named.
    """
    wanted = list(dict.fromkeys(codes))
    found = store.units(wanted)
    unknown = [
        Problem(field="code", message=Text("there is no unit {code}", {"code": code}))
        for code in wanted
        if code not in found
    ]
    if unknown:
        raise InputError(unknown)
    return [found[code] for code in wanted]


def _require_closed(accounts: Iterable[Account]) -> None:
    """Make sure that no unit below one that closes is left open.

    Raises:

        DeniedError: Some are; all of them are named.
    """
    left = {AccountState.OPEN, AccountState.INCOMPLETE}
    still_open = sorted({account.unit for account in accounts if account.state in left})
    if still_open:
        raise DeniedError(
            "units below are still open: {codes}",
            cure="close them too with --with-subtree, or hang them below another unit first",
            codes=", ".join(still_open),
        )


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


@contextmanager
def _located(manifest: Manifest[Unit]) -> Iterator[None]:
    """Add to each problem of a unit, or of its custodian, where the unit stands."""
    try:
        yield
    except InputError as error:
        raise InputError([place for problem in error.problems for place in _places(problem, manifest)]) from None


def _places(problem: Problem, manifest: Manifest[Unit]) -> Sequence[Problem]:
    if problem.subject and problem.subject in manifest.lines:
        return [attrs.evolve(problem, file=manifest.file, line=manifest.lines[problem.subject], subject=None)]
    held = [
        attrs.evolve(problem, file=manifest.file, line=manifest.lines[unit.code], field="custodian")
        for unit in manifest.items
        if unit.custodian and unit.custodian == problem.subject
    ]
    return held or [problem]


def _fields(unit: Unit) -> list[tuple[str, str]]:
    return [(name, str(value or "")) for name, value in unit_document(unit).items()]
