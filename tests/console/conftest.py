"""A small organisation with a console."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import attrs
import pytest
import uvicorn

from provisioner.console.server import Server, make_console
from provisioner.console.site import Site
from provisioner.console.web import make_web
from tests.console_office import Office, opened


class _InThread(Server):
    """Leaves signals to the tests."""

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()


@contextmanager
def served(office: Office) -> Iterator[str]:
    """Serve the console of an office over HTTP, and yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        console = make_console(office.harness.app, Site.on_this_machine(port))
        web: Any = make_web(console)
        config = uvicorn.Config(web, log_config=None, access_log=False)
        server = _InThread(config, stop=threading.Event(), streams=console.streams, ready=lambda: None)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join()
            console.background.close()


@pytest.fixture(name="office")
def _office(tmp_path: Path) -> Iterator[Office]:
    with opened(tmp_path) as office:
        yield office


@pytest.fixture(name="at_proxy")
def _at_proxy(office: Office) -> Callable[..., Office]:
    """Return a function that makes the console stand behind a proxy."""

    def make(**settings: Any) -> Office:
        changed = attrs.evolve(office.harness.app.config.content.console, **settings)
        content = attrs.evolve(office.harness.app.config.content, console=changed)
        office.harness.app.config = attrs.evolve(office.harness.app.config, content=content)
        console = make_console(office.harness.app, Site.behind_proxy(changed))
        return attrs.evolve(office, console=console, web=make_web(console))

    return make
