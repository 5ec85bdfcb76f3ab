"""The command ``provisioner sms-simulator``."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from provisioner.cli.options import json_option
from provisioner.cli.session import Session
from provisioner.config import secrets
from provisioner.core.api.errors import ConfigurationError, UnavailableError
from provisioner.core.model.secret import Secret
from provisioner.net.http import HttpClient
from provisioner_sms.settings import GatewayKind, Settings, SimulatorSettings
from provisioner_sms.simulator.api import listed
from provisioner_sms.simulator.inbox import Inbox
from provisioner_sms.simulator.simulator import SmsSimulator

#: How many bytes of an inbox are read.
LONGEST_INBOX = 1 << 30

key_option = click.option(
    "--api-key", metavar="REFERENCE", help="Reference to the API key: env:NAME, file:PATH or keyring:SERVICE/USER."
)


@click.group()
@click.pass_context
def group(ctx: click.Context) -> None:
    """Simulate a phone network and read its messages."""
    ctx.ensure_object(Session).set_up_logs()


@group.command()
@click.option("--host", metavar="HOST", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", metavar="PORT", default=8045, show_default=True, help="Port to listen on. 0 selects a free port."
)
@click.option(
    "--database",
    metavar="FILE",
    type=click.Path(path_type=Path),
    default=Path("sms.sqlite"),
    show_default=True,
    help="SQLite file.",
)
@key_option
@json_option
@click.pass_obj
def serve(session: Session, host: str, port: int, database: Path, api_key: str | None) -> None:
    """Run the SMS simulator until it receives SIGTERM or SIGINT.

    When the service is ready, the command prints its URL.
    """
    if api_key is None and host not in {"127.0.0.1", "::1", "localhost"}:
        raise click.UsageError(session.output.text("a simulator that others can reach needs --api-key"))
    key = secrets.find(api_key, Path.cwd()) if api_key else None
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        simulator = SmsSimulator.start(database, host=host, port=port, api_key=key)
    except OSError as error:
        raise ConfigurationError(
            "cannot listen on {host}:{port}: {reason}", host=host, port=port, reason=error.strerror
        ) from None
    try:
        session.output.document({"url": simulator.url})
        session.output.line(simulator.url)
        stop.wait()
    finally:
        simulator.stop()


@group.command()
@click.argument("number", required=False)
@click.option(
    "--database",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True),
    help="File of an embedded simulator.",
)
@click.option("--url", metavar="URL", help="URL of a running simulator.")
@key_option
@json_option
@click.pass_obj
def inbox(session: Session, number: str | None, database: Path | None, url: str | None, api_key: str | None) -> None:
    """Show the messages that phones received.

    With NUMBER, the command shows only the messages to this phone. By default, it reads from the simulator in the
    configuration.
    """
    if database and url:
        raise click.UsageError(session.output.text("use either --database or --url"))
    if database or url:
        key = secrets.find(api_key, Path.cwd()) if api_key else None
        where = SimulatorSettings(embedded=database, url=url, api_key=key)
    else:
        where = _configured(session)
    items = _fetch(where, number) if where.url else _read(where.embedded, number)
    session.output.document({"items": items})
    if not items:
        session.output.say("no messages")
    for item in items:
        received_at = session.time(datetime.fromisoformat(item["received_at"])) if item["received_at"] else ""
        session.output.line(f"{received_at}  {item['from']} > {item['to']}: {item['text']}")


def _configured(session: Session) -> SimulatorSettings:
    for plugin in session.configuration.plugin_settings():
        for section in plugin.channels if plugin.plugin == "sms" else ():
            settings = section.settings(Settings)
            if GatewayKind.SIMULATOR in settings.gateways and settings.simulator is not None:
                return settings.simulator
    raise ConfigurationError(
        "no channel in {file} sends to a simulator",
        cure="name one with --database or --url",
        file=session.configuration.file,
    )


def _read(database: Path | None, number: str | None) -> Sequence[dict[str, Any]]:
    if database is None or not database.exists():
        return []
    items: Sequence[dict[str, Any]] = listed(Inbox(database).messages(number))["items"]
    return items


def _fetch(where: SimulatorSettings, number: str | None) -> Sequence[dict[str, Any]]:
    headers = {"Authorization": Secret.around(f"Bearer {where.api_key.reveal()}")} if where.api_key else {}
    path = f"/inbox/{quote(number, safe='')}" if number else "/inbox"
    with closing(HttpClient.open(timeout=where.timeout, longest_body=LONGEST_INBOX)) as client:
        answer = client.call("GET", f"{where.url}{path}", headers=headers, harmless=True)
    if answer.status != HTTPStatus.OK:
        reason = f"HTTP {answer.status}"
        raise UnavailableError("the simulator at {url} does not answer: {reason}", url=where.url, reason=reason)
    items: Sequence[dict[str, Any]] = json.loads(answer.body)["items"]
    return items
