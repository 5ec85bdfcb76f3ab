"""``provisioner target``: targets and channels that failed for so long that they are left alone."""

from __future__ import annotations

from contextlib import closing

import click
import structlog

from provisioner.bootstrap import utc_now
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import dry_run_option, json_option
from provisioner.cli.session import Session
from provisioner.config import LoadedConfiguration
from provisioner.core.breaker import Breaker
from provisioner.core.errors import InputError, NotReadyError, Problem, TargetError
from provisioner.core.events import TargetResumed
from provisioner.core.plugins import Plugins
from provisioner.core.requests import CheckChannel
from provisioner.core.text import Text

log = structlog.stdlib.get_logger(__name__)


@click.command("resume")
@click.argument("name")
@click.option("--force", is_flag=True, help="Even if it still does not work.")
@dry_run_option
@json_option
@click.pass_obj
def resume(session: Session, name: str, *, force: bool, dry_run: bool) -> ExitCode:
    """Call a target or channel again that was quarantined, if a check shows that it works."""
    _require_configured(session.configuration, name)
    with session.store() as store:
        known = store.health(name)
        quarantined = known is not None and known.quarantined_at is not None
        if quarantined and not force:
            _check(session.configuration, name)
        if quarantined and not dry_run:
            store.write(TargetResumed(at=utc_now(), actor=session.actor, target=name, forced=force))
            store.change_health(name, lambda _: None)
            log.info("target_resumed", target=name, actor=session.actor, forced=force)
    session.output.document({"target": name, "resumed": quarantined and not dry_run})
    if not quarantined:
        session.output.say("{target} is not quarantined", target=name)
    elif dry_run:
        session.output.say("{target} would be called again; this is a dry run, nothing was changed", target=name)
    else:
        session.output.say("{target} is called again; 'provisioner resume' drives on what waits for it", target=name)
    return ExitCode.DONE


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
