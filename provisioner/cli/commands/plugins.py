"""``provisioner plugins``: what is installed, what of it is used, what it can do, and the commands it adds."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from importlib.metadata import EntryPoint

import attrs
import click

from provisioner.cli.exits import ExitCode
from provisioner.cli.extensions import commands, usable
from provisioner.cli.options import json_option
from provisioner.cli.session import Session
from provisioner.core.api.messages import Capabilities
from provisioner.core.gateways.gateway import SESSIONS
from provisioner.documents import Document
from provisioner.services.installed_plugins import InstalledPlugin, Served, describe_plugins


@click.command("plugins")
@click.option(
    "--check", "ask", is_flag=True, help="Ask every target and channel whether it works and what it supports."
)
@json_option
@click.pass_obj
def command(session: Session, *, ask: bool) -> ExitCode:
    """List plug-ins, their capabilities and their commands.

    The command lists all installed plug-ins. It loads only those that the configuration uses.
    """
    session.set_up_logs()
    config = session.configuration if session.has_configuration else None
    plugins = describe_plugins(config, commands=partial(_commands, usable(session)), ask=ask)
    session.output.document({"items": [_document(plugin, session) for plugin in plugins]})
    _tell(plugins, session)
    return ExitCode.DONE


def _commands(usable: Collection[str], entry: EntryPoint) -> list[str]:
    return [command.name for command in commands(entry.name)] if entry.name in usable else []


def _document(plugin: InstalledPlugin, session: Session) -> Document:
    return {
        "name": plugin.name,
        "version": plugin.version,
        "distribution": plugin.distribution,
        "state": plugin.state.value,
        "hooks": list(plugin.hooks),
        "used_by": list(plugin.used_by),
        "serves": [_served_document(part, session) for part in plugin.serves],
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
            {"reason": session.output.said(error.text), "cure": session.output.said(error.cure)}
            for error in served.missing
        ],
        "capabilities": capabilities,
        "reason": session.output.said(served.reason) if served.reason else None,
    }


def _tell(plugins: Sequence[InstalledPlugin], session: Session) -> None:
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
    for line in _abilities(served, served.capabilities, session) if served.capabilities else ():
        output.line(f"  {line}")


def _abilities(served: Served, capabilities: Capabilities, session: Session) -> Iterator[str]:
    output = session.output
    if served.holds_accounts:
        yield from _of_accounts(served, capabilities, session)
    else:
        yield output.text("holds no accounts; ends their sessions")
    yield from (f"{name}: {fact}" for name, fact in capabilities.facts.items())


def _of_accounts(served: Served, capabilities: Capabilities, session: Session) -> Iterator[str]:
    output = session.output
    if capabilities.undoes:
        yield output.text("can undo: {hooks}", hooks=", ".join(sorted(capabilities.undoes)))
    if not capabilities.proves_secret:
        yield output.text("cannot test whether a password logs in")
    if not capabilities.ends_sessions and SESSIONS not in served.hooks:
        yield output.text("a closing does not end open sessions")
    if not capabilities.sets_entitlements:
        yield output.text("sets no entitlements")
    if not capabilities.tells_presence:
        yield output.text("cannot determine whether an account is open")
