"""Serves the console until it is asked to stop."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType
from typing import Any

import uvicorn
from litestar.concurrency import set_asyncio_executor

from provisioner.catalogue import Catalogue
from provisioner.config.early import LANGUAGES
from provisioner.config.settings import ConsoleSettings
from provisioner.console.live import Streams
from provisioner.console.sessions import ConsoleSessions
from provisioner.console.single_sign_on import SingleSignOn
from provisioner.console.site import Site
from provisioner.console.visit import Console
from provisioner.console.web import make_web
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model.log_ins import LogInWay
from provisioner.services.application import Application

_HOUR = 3600

#: How long requests that are being answered may take when the server stops, in seconds.
_GRACE = 20


def serve(
    app: Application, *, host: str, port: int, demo: bool, stop: threading.Event, ready: Callable[[str], None]
) -> None:
    """Serve the console until the process receives SIGTERM or SIGINT.

    Args:

        app: The services.

        host: The address to listen on.

        port: The port; 0 for a free one.

        demo: Whether the console is only tried out, on this machine.

        stop: Set when the server is asked to stop, so that operations end between two steps.

        ready: Called with the address that people use, as soon as it is served.

    Raises:

        ConfigurationError: The console can't be served as it is configured, or not at this address.
    """
    settings = app.config.content.console
    if not demo and not app.authority.enforced:
        raise ConfigurationError(
            "the console serves nothing without [authority]: everybody who logs in could do everything",
            cure="add the table [authority]; or use --demo to try the console on this machine only",
        )
    app.log_ins.require_ready()
    site = None if demo else Site.behind_proxy(settings)
    if demo:
        Site.require_this_machine(host)
        _require_passwords(settings)
    listener = _listener(host, port)
    port = listener.getsockname()[1]
    place = site or Site.on_this_machine(port)
    set_asyncio_executor(ThreadPoolExecutor(settings.threads, thread_name_prefix="console"))
    console = make_console(app, place)
    config = uvicorn.Config(
        make_web(console),
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=_GRACE,
    )
    console.background.repeat(app.keyed_requests.forget_old, every=_HOUR)
    url = settings.url if site else f"http://{host}:{port}"
    try:
        Server(config, stop=stop, streams=console.streams, ready=lambda: ready(url)).run(sockets=[listener])
    finally:
        console.background.close()
        if console.single_sign_on:
            console.single_sign_on.client.close()


def _require_passwords(settings: ConsoleSettings) -> None:
    """Check that people prove who they are where no proxy does it.

    Raises:

        ConfigurationError: They don't.
    """
    if settings.log_in is LogInWay.PROXY:
        raise ConfigurationError(
            "--demo has no reverse proxy: everybody on this machine could log in as anybody",
            cure="remove console.log_in, so that people log in with passwords",
        )


def make_console(app: Application, site: Site) -> Console:
    """Return what all requests to a console share.

    Args:

        app: The services.

        site: Where the console is.

    Raises:

        ConfigurationError: The secret for the OpenID provider is missing.

        MisconfiguredError: The certificates for the OpenID provider can't be read.
    """
    settings, way = app.config.content.console, None
    if settings.log_in is LogInWay.OIDC and settings.oidc:
        secret = app.config.client_secret(settings.oidc)
        at_once = max(1, settings.threads // 2)
        way = SingleSignOn.open(settings.oidc, secret, url=site.url, at_once=at_once, now=app.now)
    plugins = [setting.plugin for setting in app.config.plugin_settings()]
    return Console(
        app=app,
        site=site,
        sessions=ConsoleSessions(
            now=app.now,
            idle=timedelta(minutes=settings.idle_minutes),
            longest=timedelta(hours=settings.session_hours),
        ),
        catalogues={language: Catalogue.of(language, plugins) for language in LANGUAGES},
        single_sign_on=way,
    )


class Server(uvicorn.Server):
    """Says when it is ready, and when it is asked to stop."""

    def __init__(
        self, config: uvicorn.Config, *, stop: threading.Event, streams: Streams, ready: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._stop = stop
        self._streams = streams
        self._ready = ready

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at the first signal. The original raises it again at the end, which would kill the process."""
        former = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop. Streams have no end of their own, so they end first."""
        self._streams.end()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> Any:
        """Let operations end between two steps, and stop."""
        self._stop.set()
        super().handle_exit(sig, frame)


def _listener(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:

        ConfigurationError: It can't.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigurationError(
            "{host}:{port} cannot be used: {reason}",
            cure="choose another address or port",
            host=host,
            port=port,
            # What create_server adds to the reason is in the message already.
            reason=(error.strerror or str(error)).partition(" (while attempting")[0],
        ) from None
