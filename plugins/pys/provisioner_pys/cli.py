"""``provisioner pys-mock``: the mock as a program of its own."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click

from provisioner import credentials
from provisioner.core.errors import ConfigurationError
from provisioner.core.secret import Secret
from provisioner_pys.mock import DatabaseError, PysMock
from provisioner_pys.mock.seeds import read_seeds
from provisioner_pys.settings import is_loopback


@click.group()
def group() -> None:
    """A PYS of one's own, for tests and demonstrations."""


@group.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8460, show_default=True, help="The port; 0 takes a free one.")
@click.option("--database", type=click.Path(path_type=Path), help="The SQLite file; without it, nothing is kept.")
@click.option(
    "--api-key",
    required=True,
    metavar="REFERENCE",
    help="Where the key is that callers must show: env:NAME or file:PATH.",
)
@click.option(
    "--seed",
    type=click.Path(path_type=Path),
    multiple=True,
    help="A CSV file of people (id,name,unit,title,mobile,supervisor) or units (code,name,kind,parent). Repeatable.",
)
@click.option("--ready-file", type=click.Path(path_type=Path), help="Where to write the URL while the service runs.")
def serve(
    *, host: str, port: int, database: Path | None, api_key: str, seed: tuple[Path, ...], ready_file: Path | None
) -> None:
    """Serve PYS until SIGTERM or SIGINT. Prints the URL when it is ready."""
    seeds, key = read_seeds(*seed), credentials.find(api_key, Path())
    if not is_loopback(host):
        click.echo("warning: the mock speaks plain HTTP; whoever is on the network can read the passwords", err=True)
    with _stop_signal() as stopped, closing(_start(host, port, database, key)) as mock:
        mock.seed(people=seeds.people, units=seeds.units)
        with _announced(mock.url, ready_file):
            stopped.wait()


def _start(host: str, port: int, database: Path | None, key: Secret) -> PysMock:
    try:
        return PysMock.start(database=database, api_key=key, host=host, port=port)
    except DatabaseError as error:
        raise ConfigurationError(
            "the database {file} cannot be used: {reason}",
            cure="name a file that may be written, in a folder that exists, and that nothing else uses",
            file=database,
            reason=error,
        ) from None
    except OSError as error:
        raise ConfigurationError(
            "{host}:{port} cannot be listened on: {reason}",
            cure="choose another port with --port, or 0 for any that is free",
            host=host,
            port=port,
            reason=error.strerror,
        ) from None


@contextmanager
def _stop_signal() -> Iterator[threading.Event]:
    """Yield an event that SIGTERM and SIGINT set."""
    stopped = threading.Event()
    former = {number: signal.signal(number, lambda *_: stopped.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stopped
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextmanager
def _announced(url: str, ready_file: Path | None) -> Iterator[None]:
    """Say where the service is: on stdout, and in the ready file as long as it runs."""
    if ready_file is not None:
        draft = ready_file.with_name(f"{ready_file.name}.new")
        draft.write_text(f"{url}\n", encoding="utf-8")
        draft.replace(ready_file)
    click.echo(url)
    try:
        yield
    finally:
        if ready_file is not None:
            ready_file.unlink(missing_ok=True)
