"""A port that was found free is still free when a server listens on it."""

from __future__ import annotations

import socket

from provisioner.testing import ports
from provisioner.testing.ports import free_ports


def test_a_system_with_the_usual_settings_gives_such_a_port_to_nobody_else() -> None:
    """A client of another test could take the port before the server of this test does."""
    assert max(free_ports(100)) < 32_768


def test_two_calls_find_different_ports() -> None:
    assert len({*free_ports(50), *free_ports(50)}) == 100


def test_a_port_that_somebody_listens_on_is_not_found() -> None:
    [port] = free_ports(1)
    with socket.create_server(("127.0.0.1", port)):
        assert not ports._is_free(port)
    assert ports._is_free(port)
