"""``provisioner plugins``: what is installed, what of it is used, what it can do, and the commands it adds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from enum import StrEnum
from importlib.metadata import EntryPoint

import attrs
import click

from provisioner.cli.exits import ExitCode
from provisioner.cli.extensions import commands, installed, usable
from provisioner.cli.options import json_option
from provisioner.cli.render.documents import Document
from provisioner.cli.session import Session
from provisioner.core.api.errors import ConfigurationError, PluginError, StoreError, TargetError, UnsupportedError
from provisioner.core.api.messages import Capabilities, CheckChannel
from provisioner.core.api.registration import PluginSettings, Section
from provisioner.core.gateways.breaker import Breaker
from provisioner.core.gateways.plugins import Plugins, find_entry_point
from provisioner.core.model.text import Text
from provisioner.services.bootstrap import utc_now


class PluginState(StrEnum):
    """What becomes of a plug-in, or of one of the targets, channels and rule sets that it serves."""

    #: The configuration names it, and it loads.
    ENABLED = "enabled"
    #: The same, and it was asked and answered.
    WORKING = "working"
    #: It is left alone until somebody resumes it; of a plug-in: at least one that it serves is.
    QUARANTINED = "quarantined"
    #: The configuration names it, and it does not load, or does not answer.
    BROKEN = "broken"
    #: It is there, and the configuration does not name it. Nothing of it was imported.
    INSTALLED = "installed"


@attrs.frozen(kw_only=True)
class Served:
    """One target, channel or rule set."""

    place: str
    state: PluginState = PluginState.ENABLED
    hooks: Sequence[str]
    #: The hooks that it does not have, as the configuration says.
    cannot: Sequence[str] = ()
    #: The hooks that it does not have, although the configuration does not say so, each with the cure.
    missing: Sequence[UnsupportedError] = ()
    #: What it says that it can do; known only of targets, and if they were asked.
    capabilities: Capabilities | None = None
    #: Why it does not answer.
    reason: Text | None = None


@attrs.frozen(kw_only=True)
class Plugin:
    """One installed plug-in."""

    name: str
    version: str
    distribution: str
    state: PluginState
    #: The hooks of its module and of what it serves; known only of those that are enabled.
    hooks: Sequence[str] = ()
    #: Where the configuration names it.
    used_by: Sequence[str] = ()
    serves: Sequence[Served] = ()
    commands: Sequence[str] = ()
    #: Why it is broken.
    reason: Text | None = None


@click.command("plugins")
@click.option("--check", "ask", is_flag=True, help="Ask each target and channel whether it works and what it can do.")
@json_option
@click.pass_obj
def command(session: Session, *, ask: bool) -> ExitCode:
    """List plug-ins, their abilities and their commands.

    Plug-ins that the configuration does not name are not imported.
    """
    session.set_up_logs()
    settings = (
        {setting.plugin: setting for setting in session.configuration.plugin_settings()}
        if session.has_configuration
        else {}
    )
    usable_ones, quarantined = usable(session), _quarantined(session)
    found = installed()
    plugins = [
        _described(entry, settings.get(entry.name), quarantined, is_usable=entry.name in usable_ones, ask=ask)
        for entry in found
    ]
    plugins += [_missing(settings[name]) for name in sorted(settings.keys() - {entry.name for entry in found})]
    session.output.document({"items": [_document(plugin, session) for plugin in plugins]})
    _tell(plugins, session)
    return ExitCode.DONE


def _quarantined(session: Session) -> frozenset[str]:
    """Return the names of the targets and channels that are left alone; none where there is no store yet."""
    if session.has_configuration:
        with suppress(StoreError), session.store() as store:
            return frozenset(one.name for one in store.all_health() if one.quarantined_at)
    return frozenset()


def _described(
    entry: EntryPoint, settings: PluginSettings | None, quarantined: frozenset[str], *, is_usable: bool, ask: bool
) -> Plugin:
    plugin = Plugin(
        name=entry.name,
        version=entry.dist.version if entry.dist else "",
        distribution=entry.dist.name if entry.dist else "",
        state=PluginState.ENABLED if settings else PluginState.INSTALLED,
        used_by=[section.place for section in _sections(settings)],
    )
    try:
        if is_usable:
            plugin = attrs.evolve(plugin, commands=[command.name for command in commands(entry.name)])
        return _loaded(plugin, entry, settings, quarantined, ask=ask) if settings else plugin
    except ConfigurationError as error:
        return attrs.evolve(plugin, state=PluginState.BROKEN, reason=error.text)


def _missing(settings: PluginSettings) -> Plugin:
    """Return a plug-in that the configuration names, and that is not there."""
    used_by = [section.place for section in _sections(settings)]
    plugin = Plugin(name=settings.plugin, version="", distribution="", state=PluginState.BROKEN, used_by=used_by)
    try:
        find_entry_point(settings.plugin)
    except PluginError as error:
        plugin = attrs.evolve(plugin, reason=error.text)
    return plugin


def _loaded(
    plugin: Plugin, entry: EntryPoint, settings: PluginSettings, quarantined: frozenset[str], *, ask: bool
) -> Plugin:
    """Return what is known of a plug-in when it has made what the configuration asks of it."""
    with closing(Plugins(make_breaker=lambda name: Breaker(name=name, now=utc_now), dry_run=True)) as plugins:
        plugins.load([settings])
        serves = list(_served(plugins, settings, quarantined, ask=ask))
    itself = entry.load()
    own = {name for name in dir(itself) if hasattr(getattr(itself, name, None), "provisioner_impl")}
    return attrs.evolve(
        plugin,
        serves=serves,
        hooks=sorted(own.union(*(one.hooks for one in serves))),
        state=next((one.state for one in serves if one.state is PluginState.QUARANTINED), plugin.state),
    )


def _sections(settings: PluginSettings | None) -> Sequence[Section]:
    return (*settings.targets, *settings.channels, *settings.rule_sets) if settings else ()


def _served(plugins: Plugins, settings: PluginSettings, quarantined: frozenset[str], *, ask: bool) -> Iterator[Served]:
    gateways = {**plugins.targets, **plugins.channels}
    for section in _sections(settings):
        hooks = sorted(gateways[section.name].hooks) if section.name in gateways else ["policy_rules"]
        gateway = gateways.get(section.name)
        missing = gateway.missing if gateway else ()
        served = Served(place=section.place, hooks=hooks, cannot=sorted(section.cannot), missing=missing)
        if ask:
            served = _asked(plugins, section.name, served)
        yield attrs.evolve(served, state=PluginState.QUARANTINED) if section.name in quarantined else served


def _asked(plugins: Plugins, name: str, served: Served) -> Served:
    """Return what a target or channel says of itself, if it says something."""
    try:
        if "target_check" in served.hooks:
            report = plugins.targets[name].check()
            return attrs.evolve(served, state=PluginState.WORKING, capabilities=report.capabilities)
        if "channel_check" in served.hooks:
            plugins.channels[name].check(CheckChannel())
            return attrs.evolve(served, state=PluginState.WORKING)
    except TargetError as error:
        return attrs.evolve(served, state=PluginState.BROKEN, reason=error.text)
    return served


def _document(plugin: Plugin, session: Session) -> Document:
    return {
        "name": plugin.name,
        "version": plugin.version,
        "distribution": plugin.distribution,
        "state": plugin.state.value,
        "hooks": list(plugin.hooks),
        "used_by": list(plugin.used_by),
        "serves": [_served_document(one, session) for one in plugin.serves],
        "commands": list(plugin.commands),
        "reason": session.output.said(plugin.reason) if plugin.reason else None,
    }


def _served_document(served: Served, session: Session) -> Document:
    capabilities: Mapping[str, object] | None = None
    if served.capabilities:
        capabilities = {**attrs.asdict(served.capabilities), "undoes": sorted(served.capabilities.undoes)}
    return {
        "name": served.place,
        "state": served.state.value,
        "hooks": list(served.hooks),
        "cannot": list(served.cannot),
        "missing": [
            {"reason": session.output.said(one.text), "cure": session.output.said(one.cure)} for one in served.missing
        ],
        "capabilities": capabilities,
        "reason": session.output.said(served.reason) if served.reason else None,
    }


def _tell(plugins: Sequence[Plugin], session: Session) -> None:
    output = session.output
    output.table(
        ("name", "version", "distribution", "state", "used by", "commands"),
        [
            (
                plugin.name,
                plugin.version,
                plugin.distribution,
                output.word(plugin.state),
                ", ".join(plugin.used_by),
                ", ".join(plugin.commands),
            )
            for plugin in plugins
        ],
    )
    for plugin in plugins:
        if plugin.reason:
            output.lines(f"{plugin.name}: {output.said(plugin.reason)}")
        for served in plugin.serves:
            _tell_served(served, session)


def _tell_served(served: Served, session: Session) -> None:
    output = session.output
    output.line(f"{served.place}: {output.word(served.state)}")
    if served.reason:
        output.lines(f"  {output.said(served.reason)}")
    output.line(f"  {output.text('hooks: {hooks}', hooks=', '.join(served.hooks))}")
    if served.cannot:
        output.line(f"  {output.text('cannot do {hooks}, as the configuration says', hooks=', '.join(served.cannot))}")
    for error in served.missing:
        output.line(f"  {output.said(error.text)}")
        output.line(f"  -> {output.said(error.cure)}")
    for line in _abilities(served.capabilities, session) if served.capabilities else ():
        output.line(f"  {line}")


def _abilities(capabilities: Capabilities, session: Session) -> Iterator[str]:
    output = session.output
    if capabilities.undoes:
        yield output.text("can undo: {hooks}", hooks=", ".join(sorted(capabilities.undoes)))
    if not capabilities.proves_secret:
        yield output.text("cannot tell whether a password logs in")
    if not capabilities.ends_sessions:
        yield output.text("a closing does not end open sessions")
    if not capabilities.tells_presence:
        yield output.text("cannot tell whether an account is open")
    yield from (f"{name}: {fact}" for name, fact in capabilities.facts.items())
