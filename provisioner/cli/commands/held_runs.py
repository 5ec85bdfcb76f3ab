"""``provisioner policy staged``, ``release`` and ``discard``: runs that the mass-change limit held back."""

from __future__ import annotations

from collections.abc import Iterable

import click

from provisioner.cli.commands.runs import follow, show_preview, started
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import changing, json_option
from provisioner.cli.render.documents import Document, iso, operation_document
from provisioner.cli.session import Session
from provisioner.core.engine.limits import IN_TOTAL, StagedRun
from provisioner.core.governance.authority import Role
from provisioner.core.model import Operation
from provisioner.services.bootstrap import Application
from provisioner.services.ids import find_id
from provisioner.services.runs import Run
from provisioner.store.ids import Named


def _named(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    """Take ``--actor`` behind the command as well as before it, and insist on it: a release is a person's word."""
    session = ctx.ensure_object(Session)
    session.given_actor = value or session.given_actor
    if not session.given_actor:
        raise click.UsageError(session.output.text("Say who decides this, with --actor ID."), ctx)


actor_option = click.option(
    "--actor", metavar="ID", expose_value=False, callback=_named, help="Who decides, for the record; required."
)


@click.command("staged")
@json_option
@click.pass_obj
def staged(session: Session) -> ExitCode:
    """List the runs that wait for a release.

    These runs would close too many accounts.
    """
    with session.store() as store:
        waiting = {run: store.staged_operations(run.id) for run in store.staged_runs()}
        privacy = session.privacy(store)
        shown = [(privacy.shown_run(run, left, store.accounts), left) for run, left in waiting.items()]
    items = [_document(run) | {"logins": [operation.login for operation in left]} for run, left in shown]
    session.output.document({"items": items})
    session.output.table(
        ("id", "held back", "actor", "reason", "operations", "share"), [_row(session, run) for run, _ in shown]
    )
    return ExitCode.DONE


@click.command("release")
@click.argument("run_id", metavar="ID")
@actor_option
@changing
@click.pass_obj
def release(session: Session, run_id: str, *, reason: str, dry_run: bool) -> ExitCode:
    """Carry out a run that waits for a release.

    The actor is recorded in the audit log. Later operations on the same accounts replace their part of the run.
    """
    with started(session, dry_run=dry_run) as app:
        run_id = find_id(app.store, Named.RUN, run_id)
        if not dry_run:
            return follow(session, app, Run(app.engine.release(run_id, actor=session.actor, reason=reason)))
        again = app.engine.releasable(run_id, actor=session.actor)
        return show_preview(session, app.runs.preview_again(again, viewer=session.actor))


@click.command("discard")
@click.argument("run_id", metavar="ID")
@actor_option
@changing
@click.pass_obj
def discard(session: Session, run_id: str, *, reason: str, dry_run: bool) -> ExitCode:
    """End a run that waits for a release.

    No account is changed.
    """
    with session.application(dry_run=dry_run) as app:
        staging = app.engine.staging
        run_id = find_id(app.store, Named.RUN, run_id)
        ended = staging.operations(run_id)
        _require_right(session, app, ended)
        if not dry_run:
            ended = staging.discard(run_id, actor=session.actor, reason=reason)
        ended = list(session.privacy(app.store).shown_operations(ended, app.store.accounts))
    session.output.document({"operations": [operation_document(one, session.output.translated) for one in ended]})
    if dry_run:
        session.output.say("{count} operations would end; this is a dry run, nothing was changed", count=len(ended))
    else:
        session.output.say("{count} operations ended; none of their accounts was changed", count=len(ended))
    return ExitCode.DONE


def _require_right(session: Session, app: Application, operations: Iterable[Operation]) -> None:
    """Make sure that somebody may take these back: who asked for them, or an officer of their units."""
    logins = [operation.login for operation in operations if operation.actor != session.actor]
    for unit in sorted({account.unit for account in app.store.accounts(logins).values()}):
        app.authority.require(session.actor, {Role.OFFICER}, unit)


def _document(one: StagedRun) -> Document:
    return {
        "id": one.id,
        "staged_at": iso(one.at),
        "actor": one.actor,
        "reason": one.reason,
        "target": None if one.target == IN_TOTAL else one.target,
        "affected": one.affected,
        "out_of": one.out_of,
        "percent": one.percent,
        "operations": one.operations,
    }


def _row(session: Session, one: StagedRun) -> tuple[str, ...]:
    share = f"{one.affected}/{one.out_of}"
    where = f"{one.target}: {share}" if one.target != IN_TOTAL else share
    return (one.id, session.local_day(one.at), one.actor, one.reason, str(one.operations), where)
