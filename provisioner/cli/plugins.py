"""``provisioner plugins``: what is installed, what of it is used, and the commands it adds."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from importlib.metadata import EntryPoint

import attrs
import click

from provisioner.bootstrap import utc_now
from provisioner.cli.documents import Document
from provisioner.cli.exits import ExitCode
from provisioner.cli.extensions import commands, installed, usable
from provisioner.cli.options import json_option
from provisioner.cli.session import Session
from provisioner.core.breaker import Breaker
from provisioner.core.errors import ConfigurationError
from provisioner.core.plugins import Plugins
from provisioner.core.registration import PluginSettings
from provisioner.core.text import Text


class PluginState(StrEnum):
    """What becomes of a plug-in."""

    #: The configuration names it, and it loads.
    ENABLED = "enabled"
    #: It is there, and the configuration does not name it. Nothing of it was imported.
    INSTALLED = "installed"
    #: The configuration names it, and it does not load.
    BROKEN = "broken"


@attrs.frozen(kw_only=True)
class Plugin:
    """One installed plug-in."""

    name: str
    version: str
    distribution: str
    state: PluginState
    #: The hooks it implements; known only of those that are enabled.
    hooks: Sequence[str] = ()
    #: The targets and channels it serves.
    used_by: Sequence[str] = ()
    commands: Sequence[str] = ()
    #: Why it is broken.
    reason: Text | None = None


@click.command("plugins")
@json_option
@click.pass_obj
def command(session: Session) -> ExitCode:
    """List the plug-ins that are installed. Those that the configuration does not name are not imported."""
    settings = {one.plugin: one for one in session.configuration.plugin_settings()} if session.has_configuration else {}
    enabled = usable(session)
    plugins = [_described(entry, settings.get(entry.name), is_usable=entry.name in enabled) for entry in installed()]
    session.output.document({"items": [_document(plugin, session) for plugin in plugins]})
    session.output.table(
        ("name", "version", "state", "used by", "commands"),
        [
            (one.name, one.version, session.output.word(one.state), ", ".join(one.used_by), ", ".join(one.commands))
            for one in plugins
        ],
    )
    for plugin in plugins:
        if plugin.reason:
            session.output.line(f"{plugin.name}: {session.output.said(plugin.reason)}")
    return ExitCode.DONE


def _described(entry: EntryPoint, settings: PluginSettings | None, *, is_usable: bool) -> Plugin:
    sections = (*settings.targets, *settings.channels) if settings else ()
    plugin = Plugin(
        name=entry.name,
        version=entry.dist.version if entry.dist else "",
        distribution=entry.dist.name if entry.dist else "",
        state=PluginState.ENABLED if settings else PluginState.INSTALLED,
        used_by=[section.place for section in sections],
    )
    try:
        added = [command.name for command in commands(entry.name)] if is_usable else []
        return attrs.evolve(plugin, commands=added, hooks=_hooks(entry, settings) if settings else ())
    except ConfigurationError as error:
        return attrs.evolve(plugin, state=PluginState.BROKEN, reason=error.text)


def _hooks(entry: EntryPoint, settings: PluginSettings) -> list[str]:
    """Return the hooks of a plug-in's module and of what it makes."""
    plugins = Plugins(make_breaker=lambda name: Breaker(name=name, now=utc_now), dry_run=True)
    try:
        plugins.load([settings])
        made = {hook for one in (*plugins.targets.values(), *plugins.channels.values()) for hook in one.hooks}
    finally:
        plugins.close()
    own = {name for name, value in vars(entry.load()).items() if hasattr(value, "provisioner_impl")}
    return sorted(made | own)


def _document(plugin: Plugin, session: Session) -> Document:
    return {
        "name": plugin.name,
        "version": plugin.version,
        "distribution": plugin.distribution,
        "state": plugin.state.value,
        "hooks": list(plugin.hooks),
        "used_by": list(plugin.used_by),
        "commands": list(plugin.commands),
        "reason": session.output.said(plugin.reason) if plugin.reason else None,
    }
