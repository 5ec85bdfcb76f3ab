"""Finds the commands that plug-ins add."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import click

from provisioner.cli.lazy import load
from provisioner.cli.session import Session
from provisioner.cli.table import COMMANDS
from provisioner.core.api.errors import PluginError
from provisioner.core.api.messages import CliCommand
from provisioner.core.api.registration import PluginSettings
from provisioner.services.installed_plugins import installed
from provisioner.services.parts import plugins_only

#: The name under which the product is installed.
DISTRIBUTION = "unit-provisioner"


def find_command(session: Session, name: str) -> click.Command | None:
    """Return the command of this name that a plug-in adds.

    Raises:

        ConfigurationError: The configuration is wrong, or a plug-in that it names does not load.
    """
    for plugin in usable(session):
        for command in commands(plugin):
            if command.name == name:
                session.plugin_of_command = plugin
                return load(command.location)
    return None


def usable(session: Session) -> list[str]:
    """Return the plug-ins that may run: those that the configuration names, or without one those that we ship.

    Raises:

        ConfigurationError: The configuration is wrong.
    """
    return (
        session.named_plugins()
        if session.has_configuration
        else [plugin.name for plugin in installed() if is_ours(plugin)]
    )


def is_ours(entry: EntryPoint) -> bool:
    """Tell whether a plug-in came with the product."""
    return entry.dist is not None and entry.dist.name == DISTRIBUTION


def commands(plugin: str) -> list[CliCommand]:
    """Return the commands that a plug-in adds. None of its targets and channels is made.

    Raises:

        PluginError: It cannot be imported, or wants a name that is taken.
    """
    plugins = plugins_only(dry_run=False)
    plugins.load([PluginSettings(plugin=plugin)])
    found = plugins.cli_commands()
    for command in found:
        if command.name in COMMANDS:
            raise PluginError(
                "plug-in {plugin} adds the command {command}, which the product has already",
                cure="remove the plug-in from the configuration, and report this to its author",
                plugin=plugin,
                command=command.name,
            )
    return found
