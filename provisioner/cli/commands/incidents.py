"""``provisioner trouble``: trouble with a login, from the school up to the province (000 m.5/g, m.6/g, m.7/f)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime

import click

from provisioner.cli.commands.accounts import known_accounts
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import json_option, recording
from provisioner.cli.render.documents import trouble_document
from provisioner.cli.session import Session
from provisioner.core.api.errors import InputError, Problem
from provisioner.core.governance.authority import Role
from provisioner.core.governance.incidents import (
    Trouble,
    TroubleEscalated,
    TroubleEvent,
    TroubleReported,
    TroubleResolved,
    TroubleState,
    TroubleStep,
)
from provisioner.core.governance.privacy import MASK
from provisioner.core.model import Unit
from provisioner.core.model.text import Text
from provisioner.services.bootstrap import Application
from provisioner.services.ids import find_id
from provisioner.store import Store
from provisioner.store.ids import Named

_ID = click.argument("trouble_id", metavar="ID")
_STEPS = frozenset(TroubleStep)


@click.command("report")
@click.argument("login")
@click.option(
    "--text", required=True, help="What does not work. Never write a password here: the text is kept permanently."
)
@recording
@click.pass_obj
def report(session: Session, login: str, *, text: str, dry_run: bool) -> ExitCode:
    """Report that a login does not work.

    The actor is the reporter. The unit of the account handles the report first; 'trouble escalate' passes it on to the
    unit above. If the actor has already made the same report and it is open, that report is shown.
    """
    with session.application() as app:
        [account] = known_accounts(app.store, app.planner.naming, [login])
        for known in app.store.find_troubles(state=TroubleState.OPEN, login=account.login):
            if (known.reporter, known.text) == (session.actor, text):
                return _tell(session, app.store, known, dry_run=dry_run)
        trouble = Trouble(
            id=str(uuid.uuid4()),
            login=account.login,
            text=text,
            reporter=session.actor,
            reported_at=app.engine.context.now(),
            unit=account.unit,
        )
        return _record(session, app, TroubleReported, trouble, dry_run=dry_run)


@click.command("escalate")
@_ID
@recording
@click.pass_obj
def escalate(session: Session, trouble_id: str, *, dry_run: bool) -> ExitCode:
    """Pass a report on to the unit above.

    It goes from a school to its district, and from there to the province. At the top it goes to the IT unit, if the
    configuration names one.
    """
    with session.application() as app:
        trouble = _open(app.store, trouble_id)
        if session.actor != trouble.reporter:
            _require_hold(session, app, trouble)
        moved = trouble.moved_to(_above(app, trouble))
        return _record(session, app, TroubleEscalated, moved, dry_run=dry_run)


@click.command("resolve")
@_ID
@click.option("--text", required=True, help="What helped. Never write a password here: the text is kept permanently.")
@recording
@click.pass_obj
def resolve(session: Session, trouble_id: str, *, text: str, dry_run: bool) -> ExitCode:
    """Close a report, and say what helped."""
    with session.application() as app:
        trouble = _find(app.store, trouble_id)
        if (trouble.state, trouble.resolution) == (TroubleState.RESOLVED, text):
            return _tell(session, app.store, trouble, dry_run=dry_run)
        _require_open(trouble)
        _require_hold(session, app, trouble)
        return _record(session, app, TroubleResolved, trouble.resolved(text), dry_run=dry_run)


@click.command("list")
@click.option("--state", type=click.Choice([state.value for state in TroubleState]), help="Only those in this state.")
@click.option("--unit", metavar="CODE", help="Only those that this unit, or a unit below it, handles.")
@json_option
@click.pass_obj
def list_(session: Session, *, state: str | None, unit: str | None) -> ExitCode:
    """List reports and the units that handle them.

    The latest comes first.
    """
    with session.store() as store:
        troubles = list(store.find_troubles(state=TroubleState(state) if state else None, under=unit))
        found, units = _shown(session, store, troubles)
    session.output.document({"items": [trouble_document(one, units[one.unit].custodian) for one in found]})
    session.output.table(
        ("day", "id", "login", "state", "in hand of", "custodian"),
        [
            (
                session.local_day(one.reported_at),
                one.id,
                one.login,
                session.output.word(one.state),
                units[one.unit].name,
                units[one.unit].custodian or "",
            )
            for one in found
        ],
    )
    return ExitCode.DONE


@click.command("show")
@_ID
@json_option
@click.pass_obj
def show(session: Session, trouble_id: str) -> ExitCode:
    """Show one report with all its steps."""
    with session.store() as store:
        return _tell(session, store, _find(store, trouble_id), dry_run=False)


def _find(store: Store, trouble_id: str) -> Trouble:
    trouble = store.trouble(find_id(store, Named.TROUBLE, trouble_id))
    if trouble is None:
        message = Text("there is no report of trouble {id}", {"id": trouble_id})
        raise InputError([Problem(field="id", message=message)])
    return trouble


def _open(store: Store, trouble_id: str) -> Trouble:
    trouble = _find(store, trouble_id)
    _require_open(trouble)
    return trouble


def _require_open(trouble: Trouble) -> None:
    if trouble.state is not TroubleState.OPEN:
        raise InputError([Problem(subject=trouble.id, field="id", message=Text("the trouble is resolved already"))])


def _require_hold(session: Session, app: Application, trouble: Trouble) -> None:
    """Make sure that the actor looks after the report: the unit's custodian, or an officer for the unit.

    Raises:

        DeniedError: The actor does not; the cure says who does.
    """
    if session.actor != app.store.units([trouble.unit])[trouble.unit].custodian:
        app.authority.require(session.actor, {Role.OFFICER}, trouble.unit)


def _above(app: Application, trouble: Trouble) -> str:
    """Return the code of the unit that is to look after the report next.

    Raises:

        InputError: There is none.
    """
    it_unit = app.config.content.accounts.it_unit
    parent = app.store.units([trouble.unit])[trouble.unit].parent
    if parent and trouble.unit != it_unit:
        return parent
    if it_unit and trouble.unit != it_unit and app.store.units([it_unit]):
        return it_unit
    raise InputError([Problem(subject=trouble.id, field="id", message=Text("there is no unit above"))])


def _record(
    session: Session, app: Application, make: type[TroubleEvent], trouble: Trouble, *, dry_run: bool
) -> ExitCode:
    if not dry_run:
        now = app.engine.context.now()
        app.request_service.record(make(at=now, actor=session.actor, login=trouble.login, trouble=trouble))
    return _tell(session, app.store, trouble, dry_run=dry_run)


def _tell(session: Session, store: Store, trouble: Trouble, *, dry_run: bool) -> ExitCode:
    steps = _steps(store, trouble)
    [trouble], units = _shown(session, store, [trouble])
    unit = units[trouble.unit]
    if trouble.reporter == MASK:
        steps = [step | {"actor": MASK} for step in steps]
    session.output.document({**trouble_document(trouble, unit.custodian), "steps": steps})
    _draw(session, trouble, unit, steps)
    if dry_run:
        session.output.say("this is a dry run, nothing was changed")
    return ExitCode.DONE


def _shown(session: Session, store: Store, troubles: Sequence[Trouble]) -> tuple[Sequence[Trouble], Mapping[str, Unit]]:
    """Return reports, and the units that handle them by code, as the actor may read them."""
    privacy, units = session.privacy(store), store.units({trouble.unit for trouble in troubles})
    shown = privacy.shown(troubles, readers=lambda trouble: (units[trouble.unit].custodian,))
    return list(shown), {unit.code: unit for unit in privacy.shown(units.values())}


def _steps(store: Store, trouble: Trouble) -> list[dict[str, str]]:
    """Return what happened to a report, from the audit log."""
    bodies = [json.loads(event.body) for event in store.events(login=trouble.login) if event.kind in _STEPS]
    return [
        {"at": body["at"], "kind": body["kind"], "actor": body["actor"], "unit": body["trouble"]["unit"]}
        for body in bodies
        if body["trouble"]["id"] == trouble.id
    ]


def _draw(session: Session, trouble: Trouble, unit: Unit, steps: Sequence[dict[str, str]]) -> None:
    happened = [
        (
            session.local_time(datetime.fromisoformat(step["at"])),
            f"{session.output.word(TroubleStep(step['kind']))}: {step['unit']}: {step['actor']}",
        )
        for step in steps
    ]
    session.output.fields(
        [
            ("id", trouble.id),
            ("login", trouble.login),
            ("trouble", trouble.text),
            ("state", session.output.word(trouble.state)),
            ("in hand of", f"{unit.name} ({unit.code}), {unit.custodian or '-'}"),
            *([("resolution", trouble.resolution)] if trouble.resolution else []),
        ],
        happened,
    )
