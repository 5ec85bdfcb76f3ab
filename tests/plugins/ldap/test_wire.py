"""Servers that send slowly, too much, or what is no LDAP; on real sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.core.api.errors import TargetError, UnavailableError
from provisioner.core.model.secret import Secret
from provisioner_ldap.connections import LdapClient
from provisioner_ldap.settings import LdapSettings, TlsMode
from provisioner_ldap.wire import LONGEST_ANSWER, message_length

#: The answer to a bind that succeeded, without the head of its message.
BOUND = bytes.fromhex("61070a010004000400")

#: An entry that a search found, with nothing but a very long name; likewise.
FOUND = b"\x64\x82\xf0\x06" + b"\x04\x82\xf0\x00" + b" " * 0xF000 + b"\x30\x00"

#: Sends an answer to a request.
Serve = Callable[[socket.socket, bytes], None]


def message(request: bytes, content: bytes) -> bytes:
    """Return a message that answers a request: with the same number."""
    number = request[2 : 4 + request[3]]
    body = number + content
    return b"\x30\x84" + len(body).to_bytes(4) + body


class Server:
    """Accepts connections, waits for a request on each, and then does what it is told."""

    def __init__(self, serve: Serve) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._serve = serve
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection, suppress(OSError):
                    self._serve(connection, connection.recv(65536))


def drip(connection: socket.socket, data: bytes) -> None:
    """Send one byte after the other, so that no pause is long."""
    for position in range(len(data)):
        connection.sendall(data[position : position + 1])
        time.sleep(0.01)


def say(connection: socket.socket, data: bytes) -> None:
    """Send it all, and wait until the other side hangs up."""
    connection.sendall(data)
    connection.recv(1)


def flood(connection: socket.socket, request: bytes) -> None:
    """Send messages for ever, none of which ends the answer."""
    while True:
        connection.sendall(message(request, FOUND))


@pytest.fixture(name="served")
def _served() -> Iterator[Callable[[Serve], Server]]:
    with ExitStack() as stack:
        yield lambda serve: stack.enter_context(closing(Server(serve)))


def _settings(url: str) -> LdapSettings:
    return LdapSettings(
        urls=(url,),
        bind_dn="cn=a,dc=test",
        bind_password=Secret("Gizli.1234"),
        base_dn="dc=test",
        family="openldap",
        tls=TlsMode.NONE,
        timeout=1,
        connect_timeout=1,
    )


def _bind(url: str) -> None:
    with closing(LdapClient(_settings(url)).connect_service(url)):
        pass


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_a_server_that_drips_holds_nobody_longer_than_the_timeout(
    served: Callable[[Serve], Server], scheme: str
) -> None:
    """Also while the connection is encrypted: each byte would begin the time again."""
    endless = {"ldap": b"\x30\x82\x40\x00" + bytes(16384), "ldaps": b"\x16\x03\x03\x40\x00" + bytes(16384)}
    server = served(lambda connection, _: drip(connection, endless[scheme]))
    began = time.monotonic()

    with pytest.raises(UnavailableError):
        _bind(f"{scheme}://{server.address}")

    assert time.monotonic() - began < 30


def test_an_answer_that_comes_in_pieces_is_an_answer(served: Callable[[Serve], Server]) -> None:
    server = served(lambda connection, request: drip(connection, message(request, BOUND)))

    _bind(f"ldap://{server.address}")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"\x30\x84\x7f\xff\xff\xff", "longer than an answer may be"),
        (b"\x30\x88" + b"\xff" * 8, "its length cannot be read"),
        (b"\x30\x80", "its length cannot be read"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it is not an LDAP message"),
    ],
)
def test_what_announces_too_much_is_not_waited_for(
    served: Callable[[Serve], Server], answer: bytes, words: str
) -> None:
    server = served(lambda connection, _: say(connection, answer))

    with pytest.raises(UnavailableError, match=words):
        _bind(f"ldap://{server.address}")


def test_an_answer_of_very_many_messages_is_given_up(served: Callable[[Serve], Server]) -> None:
    server = served(flood)
    client = LdapClient(_settings(f"ldap://{server.address}"))

    with (
        closing(client.connect(f"ldap://{server.address}")) as session,
        pytest.raises(TargetError, match="longer than"),
    ):
        session.read("cn=a", [])


@given(st.binary(max_size=12))
def test_a_length_is_never_negative_and_never_stands_still(begun: bytes) -> None:
    """Otherwise a message would be read for ever."""
    try:
        length = message_length(begun)
    except OSError:
        return
    assert length >= 2
    assert length > len(begun) or begun[0] == 0x30
    assert length <= LONGEST_ANSWER * 2**10 + 6
