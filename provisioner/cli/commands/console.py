"""``provisioner console serve``: the pages for people who do not work in a terminal."""

from __future__ import annotations

import threading
from importlib.util import find_spec

import click

from provisioner.cli.exits import ExitCode
from provisioner.cli.options import json_option
from provisioner.cli.session import Session
from provisioner.core.api.errors import ConfigurationError

#: What the extra ``console`` installs.
_NEEDED = ("joserfc", "litestar", "multipart", "uvicorn")


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8460, show_default=True, metavar="PORT", help="Port to listen on."
)
@click.option("--demo", is_flag=True, help="Serve this machine only, without a reverse proxy and without TLS.")
@json_option
@click.pass_obj
def serve(session: Session, *, host: str, port: int, demo: bool) -> ExitCode:
    """Serve the console to web browsers.

    The console shows accounts, deadlines and access requests to people who don't work in a terminal. Without
    --demo, it needs the tables [authority] and [console] in the configuration, and a reverse proxy with TLS. When the
    console is ready, the command prints its URL. It runs until it receives SIGTERM or SIGINT.
    """
    require_libraries()
    from provisioner.console.server import serve as serve_console

    def ready(url: str) -> None:
        session.output.document({"url": url})
        session.output.line(url)

    stop = threading.Event()
    with session.application(stop=stop) as app:
        serve_console(app, host=host, port=port, demo=demo, stop=stop, ready=ready)
    return ExitCode.DONE


def require_libraries() -> None:
    """Check that what the extra ``console`` installs is there.

    Raises:

        ConfigurationError: It is not.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            "the console needs {libraries}",
            cure="run 'pip install unit-provisioner[console]'",
            libraries=", ".join(missing),
        )
