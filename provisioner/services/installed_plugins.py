"""Plug-ins: what is installed, what of it is used, and what it can do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from enum import StrEnum
from importlib.metadata import EntryPoint, entry_points

import attrs

from provisioner.config.load import LoadedConfiguration
from provisioner.core.api.errors import ConfigurationError, PluginError, StoreError, TargetError, UnsupportedError
from provisioner.core.api.messages import Capabilities, CheckChannel
from provisioner.core.api.registration import PluginSettings, Section
from provisioner.core.gateways.gateway import Target
from provisioner.core.gateways.plugins import ENTRY_POINT_GROUP, Plugins, find_entry_point
from provisioner.core.model.text import Text
from provisioner.services.parts import open_store, plugins_only

#: Returns the names of the commands that a plug-in adds.
CommandsOf = Callable[[EntryPoint], Sequence[str]]


class PluginState(StrEnum):
    """What becomes of a plug-in, or of one of the targets, channels and rule sets that it serves."""

    #: The configuration names it, and it loads.
    ENABLED = "enabled"
    #: The same, and it was asked and answered.
    WORKING = "working"
    #: It is quarantined; for a plug-in: at least one of its targets or channels is.
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
    #: Whether accounts are on it.
    holds_accounts: bool = False
    #: The hooks that it does not have, as the configuration says.
    cannot: Sequence[str] = ()
    #: The hooks that it does not have, although the configuration does not say so, each with the cure.
    missing: Sequence[UnsupportedError] = ()
    #: What it says that it can do; known only of targets, and if they were asked.
    capabilities: Capabilities | None = None
    #: Why it does not answer.
    reason: Text | None = None


@attrs.frozen(kw_only=True)
class InstalledPlugin:
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


def installed() -> list[EntryPoint]:
    """Return the entry points of all installed plug-ins, by name."""
    return sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: entry.name)


def describe_plugins(
    config: LoadedConfiguration | None, *, commands: CommandsOf = lambda _: (), ask: bool = False
) -> list[InstalledPlugin]:
    """Return what is known of all plug-ins. Those that the configuration does not name are not imported.

    Args:

        config: The configuration; ``None`` if there is none.

        commands: Returns the commands that a plug-in adds, or raises a
            :class:`~provisioner.core.api.errors.ConfigurationError`.

        ask: Ask each target and channel whether it works and what it can do.

    Raises:

        ConfigurationError: Something in the configuration is wrong.
    """
    settings = {setting.plugin: setting for setting in config.plugin_settings()} if config else {}
    quarantined = _quarantined(config) if config else frozenset[str]()
    found = installed()
    missing = settings.keys() - {entry.name for entry in found}
    return [
        *(_described(entry, settings.get(entry.name), quarantined, commands=commands, ask=ask) for entry in found),
        *(_missing(settings[name]) for name in sorted(missing)),
    ]


def _quarantined(config: LoadedConfiguration) -> frozenset[str]:
    """Return the names of the targets and channels that are quarantined; none where there is no store yet."""
    with suppress(StoreError), open_store(config) as store:
        return frozenset(known.name for known in store.health.all() if known.quarantined_at)
    return frozenset()


def _described(
    entry: EntryPoint,
    settings: PluginSettings | None,
    quarantined: frozenset[str],
    *,
    commands: CommandsOf,
    ask: bool,
) -> InstalledPlugin:
    plugin = InstalledPlugin(
        name=entry.name,
        version=entry.dist.version if entry.dist else "",
        distribution=entry.dist.name if entry.dist else "",
        state=PluginState.ENABLED if settings else PluginState.INSTALLED,
        used_by=[section.place for section in _sections(settings)],
    )
    try:
        plugin = attrs.evolve(plugin, commands=commands(entry))
        return _loaded(plugin, entry, settings, quarantined, ask=ask) if settings else plugin
    except ConfigurationError as error:
        return attrs.evolve(plugin, state=PluginState.BROKEN, reason=error.text)


def _missing(settings: PluginSettings) -> InstalledPlugin:
    """Return a plug-in that the configuration names, and that is not there."""
    used_by = [section.place for section in _sections(settings)]
    plugin = InstalledPlugin(
        name=settings.plugin, version="", distribution="", state=PluginState.BROKEN, used_by=used_by
    )
    try:
        find_entry_point(settings.plugin)
    except PluginError as error:
        plugin = attrs.evolve(plugin, reason=error.text)
    return plugin


def _loaded(
    plugin: InstalledPlugin, entry: EntryPoint, settings: PluginSettings, quarantined: frozenset[str], *, ask: bool
) -> InstalledPlugin:
    """Return what is known of a plug-in when it has made what the configuration asks of it."""
    with closing(plugins_only()) as plugins:
        plugins.load([settings])
        serves = list(_served(plugins, settings, quarantined, ask=ask))
    itself = entry.load()
    own = {name for name in dir(itself) if hasattr(getattr(itself, name, None), "provisioner_impl")}
    is_quarantined = any(served.state is PluginState.QUARANTINED for served in serves)
    return attrs.evolve(
        plugin,
        serves=serves,
        hooks=sorted(own.union(*(served.hooks for served in serves))),
        state=PluginState.QUARANTINED if is_quarantined else plugin.state,
    )


def _sections(settings: PluginSettings | None) -> Sequence[Section]:
    return (*settings.targets, *settings.channels, *settings.rule_sets) if settings else ()


def _served(plugins: Plugins, settings: PluginSettings, quarantined: frozenset[str], *, ask: bool) -> Iterator[Served]:
    gateways = {**plugins.targets, **plugins.channels}
    for section in _sections(settings):
        hooks = sorted(gateways[section.name].hooks) if section.name in gateways else ["policy_rules"]
        gateway = gateways.get(section.name)
        missing = gateway.missing if gateway else ()
        served = Served(
            place=section.place,
            hooks=hooks,
            holds_accounts=isinstance(gateway, Target) and gateway.holds_accounts,
            cannot=sorted(section.cannot),
            missing=missing,
        )
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
