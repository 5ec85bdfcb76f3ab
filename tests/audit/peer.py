"""A collector on loopback that does to its connections what a test says."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import attrs

from provisioner.audit.collector import Collector

#: Makes a close reset the connection, as one with unread bytes does.
RESET = struct.pack("ii", 1, 0)


def read_all(peer: Peer, connection: socket.socket) -> None:
    """Read until the other side sends no more, and close as a collector does."""
    while data := connection.recv(65536):
        peer.received += data
    if isinstance(connection, ssl.SSLSocket):
        connection.unwrap().close()


def leave_early(_: Peer, connection: socket.socket) -> None:
    """Close without having read everything."""
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def leave_silently(peer: Peer, connection: socket.socket) -> None:
    """Read everything, and close without ``close_notify``."""
    while data := connection.recv(65536):
        peer.received += data


def die_after_reading(peer: Peer, connection: socket.socket) -> None:
    """Read everything and close, and be killed before anything is written."""
    read_all(peer, connection)
    peer.received.clear()
    peer.is_dead = True
    peer.hang_up()


@attrs.define(eq=False)
class Peer:
    """A collector that keeps in memory what it reads."""

    behave: Callable[[Peer, socket.socket], None] = read_all
    #: Its certificate with the key; ``None`` for a connection that is not encrypted.
    certificate: Path | None = None
    #: Whether it takes no connection any more, not even one that waits already.
    is_dead: bool = False
    received: bytearray = attrs.field(factory=bytearray, init=False)
    connections: list[socket.socket] = attrs.field(factory=list, init=False)
    _listener: socket.socket = attrs.field(init=False)
    _threads: list[threading.Thread] = attrs.field(factory=list, init=False)

    @contextmanager
    def listening(self, port: int = 0) -> Iterator[Collector]:
        """Be there for the length of the block.

        Args:

            port: Where to listen; 0 for a free one.
        """
        self._listener = socket.create_server(("127.0.0.1", port))
        self._start(self._accept)
        try:
            yield self.at("localhost")
        finally:
            self._listener.shutdown(socket.SHUT_RDWR)
            self.hang_up()
            for thread in self._threads:
                thread.join()
            self._listener.close()

    def at(self, host: str, ca_file: Path | None = None) -> Collector:
        scheme = "tls" if self.certificate else "tcp"
        port = self._listener.getsockname()[1]
        return Collector.at(f"{scheme}://{host}:{port}", ca_file=ca_file or self.certificate)

    def hang_up(self) -> None:
        """Close all connections."""
        for connection in self.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        self._threads.append(threading.Thread(target=work, args=arguments))
        self._threads[-1].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections.append(connection)
                self._start(self._serve, connection)
                if self.is_dead:
                    self.hang_up()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            if self.certificate is None:
                self.behave(self, connection)
                return
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            with context.wrap_socket(connection, server_side=True) as encrypted:
                self.behave(self, encrypted)
