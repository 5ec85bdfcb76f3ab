"""What all tests share: whoever needs a real server says so with ``pytest.mark.server``."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from provisioner.testing.plugin import require_server

if TYPE_CHECKING:
    from tests.raw_http import MakeServer, RawServer


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Look for the servers that a test names, before anything is started for it."""
    for mark in item.iter_markers("server"):
        require_server(*mark.args)


@pytest.fixture(name="server")
def _server() -> Iterator[MakeServer]:
    from tests.raw_http import RawServer  # this file is also used alone

    servers = []

    def make(behave: Callable[[socket.socket], None]) -> RawServer:
        servers.append(RawServer(behave))
        return servers[-1]

    yield make
    for server in servers:
        server.stop()
