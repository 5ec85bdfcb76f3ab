"""``provisioner target``: which targets and channels are called, quarantined or in maintenance."""

from __future__ import annotations

import click

from provisioner.cli.exits import ExitCode
from provisioner.cli.options import dry_run_option, json_option, reason_option
from provisioner.cli.session import Session
from provisioner.documents import iso, system_document
from provisioner.services.targets import System, end_of_maintenance, systems


@click.command("list")
@json_option
@click.pass_obj
def list_(session: Session) -> ExitCode:
    """List targets and channels and their state.

    Operations use the systems in the listed order. The command doesn't contact the systems; 'check' does.
    """
    with session.store() as store:
        found = systems(session.configuration, store, store.now)
    session.output.document({"items": [system_document(system) for system in found]})
    session.output.table(
        ("name", "kind", "plug-in", "state", "until", "reason"), [_row(session, system) for system in found]
    )
    return ExitCode.DONE


@click.command("maintenance")
@click.argument("name")
@click.option(
    "--until",
    metavar="TIME",
    help="End of the maintenance, for example 2026-03-01T18:00, in local time or with a UTC offset.",
)
@click.option("--off", is_flag=True, help="End the maintenance now.")
@reason_option
@dry_run_option
@json_option
@click.pass_obj
def maintenance(session: Session, name: str, *, until: str | None, off: bool, reason: str, dry_run: bool) -> ExitCode:
    """Suspend a target or channel for maintenance.

    During maintenance, the target or channel isn't contacted. Operations that need it are postponed, and no alarm is
    raised.

    Example:

        provisioner target maintenance posta --until 2026-03-01T18:00
    """
    if off is (until is not None):
        raise click.UsageError(session.output.text("Specify either --until TIME or --off."))
    end = end_of_maintenance(until, session.configuration.content.time_zone) if until else None
    with session.application() as app:
        if end:
            app.targets.suspend(name, end, actor=session.actor, reason=reason, dry_run=dry_run)
        is_changed = bool(end) or app.targets.end_maintenance(name, actor=session.actor, dry_run=dry_run)
    session.output.document({"target": name, "until": iso(end), "changed": is_changed and not dry_run})
    if dry_run:
        session.output.say("this is a dry run, nothing was changed")
    elif end:
        session.output.say(
            "{target} is in maintenance until {end}; operations that need it wait",
            target=name,
            end=session.local_time(end),
        )
    elif is_changed:
        session.output.say(
            "{target} is back in service; run 'provisioner resume' to continue pending operations", target=name
        )
    else:
        session.output.say("{target} is not in maintenance", target=name)
    return ExitCode.DONE


@click.command("resume")
@click.argument("name")
@click.option("--force", is_flag=True, help="Resume even if the check fails.")
@dry_run_option
@json_option
@click.pass_obj
def resume(session: Session, name: str, *, force: bool, dry_run: bool) -> ExitCode:
    """Resume a quarantined target or channel.

    The command checks the target or channel first. If the check fails, the quarantine remains.
    """
    with session.application() as app:
        is_quarantined = app.targets.resume(name, actor=session.actor, force=force, dry_run=dry_run)
    session.output.document({"target": name, "resumed": is_quarantined and not dry_run})
    if not is_quarantined:
        session.output.say("{target} is not quarantined", target=name)
    elif dry_run:
        session.output.say("{target} would be called again; this is a dry run, nothing was changed", target=name)
    else:
        session.output.say(
            "{target} is back in service; run 'provisioner resume' to continue pending operations", target=name
        )
    return ExitCode.DONE


def _row(session: Session, system: System) -> tuple[str, ...]:
    output = session.output
    until = session.local_time(system.maintenance.until) if system.maintenance else ""
    kind, state = output.word(system.kind), output.word(system.condition)
    return (system.name, kind, system.plugin, state, until, output.said(system.reason))
