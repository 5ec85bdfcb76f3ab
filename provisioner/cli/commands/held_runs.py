"""``provisioner policy staged``, ``release`` and ``discard``: runs that the mass-change limit holds."""

from __future__ import annotations

import click

from provisioner.cli.commands.runs import follow, show_preview, started
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import changing, json_option
from provisioner.cli.session import Session
from provisioner.core.engine.limits import IN_TOTAL, HeldRun
from provisioner.core.model.text import Text
from provisioner.documents import held_run_document, operation_document
from provisioner.services.held_runs import held_runs
from provisioner.services.parts import authority_of


def _named(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    """Take ``--actor`` behind the command as well as before it, and insist on it: a release is a person's word."""
    session = ctx.ensure_object(Session)
    session.given_actor = value or session.given_actor
    if not session.given_actor:
        raise click.UsageError(
            session.output.text("Specify the ID of the person who decides this with --actor ID."), ctx
        )


actor_option = click.option(
    "--actor",
    metavar="ID",
    expose_value=False,
    callback=_named,
    help=(
        "ID of the person who decides. The audit log records it. Required, either here or as a global option "
        "('provisioner --actor ID COMMAND')."
    ),
)


@click.command("staged")
@json_option
@click.pass_obj
def staged(session: Session) -> ExitCode:
    """List held runs (state 'staged').

    A run is held if it would close or delete too many accounts. To carry it out, use 'policy release'. To cancel it,
    use 'policy discard'.
    """
    with session.store() as store:
        waiting = held_runs(store, authority_of(session.configuration, store), viewer=session.actor)
    session.output.document({"items": [held_run_document(held.run, held.logins) for held in waiting]})
    session.output.table(
        ("id", "held on", "actor", "reason", "operations", "share"), [_row(session, held.run) for held in waiting]
    )
    return ExitCode.DONE


@click.command("release")
@click.argument("run_id", metavar="ID")
@actor_option
@changing
@click.pass_obj
def release(session: Session, run_id: str, *, reason: str, dry_run: bool) -> ExitCode:
    """Release a held run and carry it out.

    The audit log records the actor. If an account has a later operation, that operation takes precedence over the run.
    """
    with started(session, dry_run=dry_run) as app:
        if dry_run:
            return show_preview(session, app.held_runs.preview_release(run_id, actor=session.actor))
        return follow(session, app, app.held_runs.release(run_id, actor=session.actor, reason=reason))


@click.command("discard")
@click.argument("run_id", metavar="ID")
@actor_option
@changing
@click.pass_obj
def discard(session: Session, run_id: str, *, reason: str, dry_run: bool) -> ExitCode:
    """Discard a held run.

    No accounts are changed.
    """
    with session.application(dry_run=dry_run) as app:
        ended = app.held_runs.discard(run_id, actor=session.actor, reason=reason, dry_run=dry_run)
    session.output.document({"operations": [operation_document(operation, session.output.said) for operation in ended]})
    if dry_run:
        session.output.say(
            Text.counted(
                "{count} operation would end; this is a dry run, nothing was changed",
                "{count} operations would end; this is a dry run, nothing was changed",
                count=len(ended),
            )
        )
    else:
        session.output.say(
            Text.counted(
                "{count} operation ended; its account was not changed",
                "{count} operations ended; none of their accounts was changed",
                count=len(ended),
            )
        )
    return ExitCode.DONE


def _row(session: Session, run: HeldRun) -> tuple[str, ...]:
    share = f"{run.affected}/{run.out_of}"
    where = f"{run.target}: {share}" if run.target != IN_TOTAL else share
    return (run.id, session.local_day(run.at), run.actor, run.reason, str(run.operations), where)
