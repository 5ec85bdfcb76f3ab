"""``provisioner target``: which targets and channels are called, and which are left alone."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

import click
import structlog

from provisioner.cli.exits import ExitCode
from provisioner.cli.options import YEARS, dry_run_option, json_option, reason_option
from provisioner.cli.render.documents import Document, iso
from provisioner.cli.session import Session
from provisioner.config.load import LoadedConfiguration
from provisioner.core.api.errors import InputError, NotReadyError, Problem, TargetError
from provisioner.core.api.events import Event, TargetResumed
from provisioner.core.api.messages import CheckChannel
from provisioner.core.gateways.breaker import Breaker
from provisioner.core.gateways.health import TargetHealth
from provisioner.core.gateways.maintenance import Calendar, Maintenance, MaintenanceBegan, MaintenanceEnded
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.governance.authority import Role
from provisioner.core.model.text import Text
from provisioner.services.bootstrap import authority_of, utc_now

log = structlog.stdlib.get_logger(__name__)


class SystemKind(StrEnum):
    """What it is."""

    TARGET = "target"
    CHANNEL = "channel"


class Condition(StrEnum):
    """Whether a target or channel is called."""

    WORKS = "works"
    #: It failed the last time, and is tried again.
    FAILING = "failing"
    #: It failed for so long that somebody has to resume it.
    QUARANTINED = "quarantined"
    #: Somebody is working on it.
    MAINTENANCE = "maintenance"


@click.command("list")
@json_option
@click.pass_obj
def list_(session: Session) -> ExitCode:
    """List targets and channels and their state.

    They are listed in the order in which they are used. None of them is called.
    """
    content = session.configuration.content
    with session.store() as store:
        health = {one.name: one for one in store.all_health()}
        calendar = Calendar(read=store.all_maintenance, now=utc_now)
        shown = [
            _document(family, name, str(table["plugin"]), health.get(name), calendar.maintenance(name))
            for family, tables in ((SystemKind.TARGET, content.targets), (SystemKind.CHANNEL, content.channels))
            for name, table in tables.items()
        ]
    session.output.document({"items": shown})
    session.output.table(("name", "kind", "plug-in", "state", "until", "reason"), [_row(session, one) for one in shown])
    return ExitCode.DONE


@click.command("maintenance")
@click.argument("name")
@click.option("--until", metavar="TIME", help="When it ends, such as 2026-03-01T18:00; local time, or with an offset.")
@click.option("--off", is_flag=True, help="End the maintenance now.")
@reason_option
@dry_run_option
@json_option
@click.pass_obj
def maintenance(session: Session, name: str, *, until: str | None, off: bool, reason: str, dry_run: bool) -> ExitCode:
    """Suspend a target or channel during maintenance.

    Operations that need it wait, and nobody is alarmed.
    """
    if off is (until is not None):
        raise click.UsageError(session.output.text("Give either --until TIME or --off."))
    _require_configured(session.configuration, name)
    now = utc_now()
    end = _future(until, session.configuration.content.time_zone, now) if until else None
    with session.store() as store:
        authority_of(session.configuration, store).require(session.actor, {Role.ADMINISTRATOR})
        known = Calendar(read=store.all_maintenance, now=utc_now).maintenance(name)
        event = _event(name, end, known, at=now, actor=session.actor, reason=reason)
    if event and not dry_run:
        with session.application() as app:
            app.record(event)
    session.output.document({"target": name, "until": iso(end), "changed": event is not None and not dry_run})
    if dry_run:
        session.output.say("this is a dry run, nothing was changed")
    elif end:
        session.output.say(
            "{target} is left alone until {end}; what needs it waits", target=name, end=session.local_time(end)
        )
    elif known:
        session.output.say("{target} is called again; 'provisioner resume' drives on what waits for it", target=name)
    else:
        session.output.say("{target} is not in maintenance", target=name)
    return ExitCode.DONE


@click.command("resume")
@click.argument("name")
@click.option("--force", is_flag=True, help="Use it again even if the check fails.")
@dry_run_option
@json_option
@click.pass_obj
def resume(session: Session, name: str, *, force: bool, dry_run: bool) -> ExitCode:
    """Use a quarantined target or channel again.

    It must pass a check first.
    """
    _require_configured(session.configuration, name)
    with session.store() as store:
        authority_of(session.configuration, store).require(session.actor, {Role.ADMINISTRATOR})
        known = store.health(name)
    quarantined = known is not None and known.quarantined_at is not None
    if quarantined and not force:
        _check(session.configuration, name)
    if quarantined and not dry_run:
        with session.application() as app:
            app.record(TargetResumed(at=utc_now(), actor=session.actor, target=name, forced=force))
            app.store.change_health(name, lambda _: None)
        log.info("target_resumed", target=name, actor=session.actor, forced=force)
    session.output.document({"target": name, "resumed": quarantined and not dry_run})
    if not quarantined:
        session.output.say("{target} is not quarantined", target=name)
    elif dry_run:
        session.output.say("{target} would be called again; this is a dry run, nothing was changed", target=name)
    else:
        session.output.say("{target} is called again; 'provisioner resume' drives on what waits for it", target=name)
    return ExitCode.DONE


def _event(
    name: str, end: datetime | None, known: Maintenance | None, *, at: datetime, actor: str, reason: str
) -> Event | None:
    """Return what is written down, if there is anything to write."""
    if end:
        return MaintenanceBegan(at=at, actor=actor, target=name, until=end, reason=reason)
    return MaintenanceEnded(at=at, actor=actor, target=name) if known else None


def _future(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """Read a time that is still to come.

    Raises:

        InputError: It is no time, or it is over.
    """
    try:
        given = datetime.fromisoformat(text)
        time = (given if given.tzinfo else given.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        message = Text("{text} is no time; write it as 2026-03-01T18:00", {"text": text})
        raise InputError([Problem(field="until", message=message)]) from None
    if time.year > YEARS[-1]:
        message = Text("{text} is after the year {last}", {"text": text, "last": YEARS[-1]})
        raise InputError([Problem(field="until", message=message)])
    if time <= now:
        raise InputError([Problem(field="until", message=Text("{text} is over already", {"text": text}))])
    return time


def _condition(health: TargetHealth | None, planned: Maintenance | None) -> Condition:
    if planned:
        return Condition.MAINTENANCE
    if health is None:
        return Condition.WORKS
    return Condition.QUARANTINED if health.quarantined_at else Condition.FAILING


def _document(
    family: SystemKind, name: str, plugin: str, health: TargetHealth | None, planned: Maintenance | None
) -> Document:
    return {
        "name": name,
        "kind": family.value,
        "plugin": plugin,
        "state": _condition(health, planned).value,
        "until": iso(planned.until) if planned else None,
        "reason": planned.reason if planned else health.error.message if health else "",
    }


def _row(session: Session, one: Document) -> tuple[str, ...]:
    output = session.output
    state = output.word(Condition(str(one["state"])))
    kind, reason = output.word(SystemKind(str(one["kind"]))), output.translated(str(one["reason"]))
    until = session.local_time(datetime.fromisoformat(str(one["until"]))) if one["until"] else ""
    return (str(one["name"]), kind, str(one["plugin"]), state, until, reason)


def _require_configured(config: LoadedConfiguration, name: str) -> None:
    known = [*config.content.targets, *config.content.channels]
    if name not in known:
        values = {"name": name, "known": ", ".join(known)}
        message = Text("there is no target or channel {name}; there are {known}", values)
        raise InputError([Problem(field="name", message=message)])


def _check(config: LoadedConfiguration, name: str) -> None:
    """See whether it works, by breakers that know of no quarantine.

    Raises:

        NotReadyError: It does not.
    """
    with closing(Plugins(make_breaker=lambda one: Breaker(name=one, now=utc_now), dry_run=True)) as plugins:
        plugins.load(config.plugin_settings())
        target, channel = plugins.targets.get(name), plugins.channels.get(name)
        try:
            if target and "target_check" in target.hooks:
                target.check()
            elif channel and "channel_check" in channel.hooks:
                channel.check(CheckChannel())
        except TargetError as error:
            raise NotReadyError([error]) from None
