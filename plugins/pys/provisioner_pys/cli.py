"""``provisioner pys-mock``: the mock as a program of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click

from provisioner import files
from provisioner.cli.options import json_option
from provisioner.cli.session import Session
from provisioner.cli.signals import stop_between_steps
from provisioner.config import secrets
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model.secret import Secret
from provisioner.net.addresses import is_loopback
from provisioner_pys.mock import DatabaseError, PysMock
from provisioner_pys.mock.seeds import read_seeds


@click.group()
@click.pass_context
def group(ctx: click.Context) -> None:
    """Run a mock personnel system (PYS) for tests and demos."""
    ctx.ensure_object(Session).set_up_logs()


@group.command()
@click.option("--host", metavar="HOST", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", metavar="PORT", default=8460, show_default=True, help="Port to listen on. 0 selects a free port."
)
@click.option(
    "--database",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="SQLite file. Default: data is kept in memory only.",
)
@click.option(
    "--api-key",
    required=True,
    metavar="REFERENCE",
    help="Reference to the API key that clients must send: env:NAME, file:PATH or keyring:SERVICE/USER.",
)
@click.option(
    "--seed",
    metavar="FILE",
    type=click.Path(path_type=Path),
    multiple=True,
    help="CSV file with people (id,name,unit,title,mobile,supervisor) or units (code,name,kind,parent). Repeatable.",
)
@click.option(
    "--ready-file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="File that contains the URL while the service runs.",
)
@json_option
@click.pass_obj
def serve(
    session: Session,
    *,
    host: str,
    port: int,
    database: Path | None,
    api_key: str,
    seed: tuple[Path, ...],
    ready_file: Path | None,
) -> None:
    """Run the PYS mock until it receives SIGTERM or SIGINT.

    When the service is ready, the command prints its URL.
    """
    seeds, key = read_seeds(*seed), secrets.find(api_key, Path())
    output = session.output
    if not is_loopback(host):
        output.note("the mock uses plain HTTP; anyone on the network can read the passwords")
    with (
        stop_between_steps(output.text("the mock is stopping")) as stop,
        closing(_start(host, port, database, key)) as mock,
    ):
        mock.seed(people=seeds.people, units=seeds.units)
        with _announced(mock.url, ready_file):
            output.document({"url": mock.url})
            output.line(mock.url)
            stop.wait()


def _start(host: str, port: int, database: Path | None, key: Secret) -> PysMock:
    try:
        return PysMock.start(database=database, api_key=key, host=host, port=port)
    except DatabaseError as error:
        raise ConfigurationError(
            "the database {file} cannot be used: {reason}",
            cure="name a writable file, in an existing folder, that no other program uses",
            file=database,
            reason=error,
        ) from None
    except OSError as error:
        raise ConfigurationError(
            "{host}:{port} cannot be listened on: {reason}",
            cure="choose another port with --port, or 0 for any free port",
            host=host,
            port=port,
            reason=error.strerror,
        ) from None


@contextmanager
def _announced(url: str, ready_file: Path | None) -> Iterator[None]:
    """Keep the URL in the ready file, whole from the first moment, as long as the service runs."""
    if ready_file is None:
        yield
        return
    try:
        files.write(ready_file, f"{url}\n")
    except OSError as error:
        raise ConfigurationError(
            "the ready file {file} cannot be written: {reason}",
            cure="name a writable file in an existing folder",
            file=ready_file,
            reason=error.strerror,
        ) from None
    try:
        yield
    finally:
        ready_file.unlink(missing_ok=True)
