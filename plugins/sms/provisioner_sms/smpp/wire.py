"""The octets between this program and an operator. Used by one thread."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterator
from typing import Self

import attrs

from provisioner.net.tls import seconds_left, trusting
from provisioner_sms.settings import SmppSettings
from provisioner_sms.smpp.pdus import HEADER, LONGEST, Pdu

#: How many octets are read at once.
_CHUNK = 16 * 1024


@attrs.define(eq=False)
class SmppWire:
    """A connection to an operator."""

    _socket: socket.socket
    _patience: float
    _buffer: bytearray = attrs.field(factory=bytearray, init=False, repr=False)

    @classmethod
    def connect(cls, settings: SmppSettings, deadline: float) -> Self:
        """Connect to an operator.

        Args:

            settings: The operator.

            deadline: A time of the monotonic clock.

        Raises:

            OSError: There is no connection.

            MisconfiguredError: The certificates can't be read.
        """
        plain = socket.create_connection((settings.host, settings.port), timeout=seconds_left(deadline))
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.settimeout(seconds_left(deadline))
            if not settings.tls:
                return cls(plain, settings.timeout)
            return cls(trusting(settings.ca_file).wrap_socket(plain, server_hostname=settings.host), settings.timeout)
        except BaseException:
            plain.close()
            raise

    def fileno(self) -> int:
        """Return the number by which the system knows the connection."""
        return self._socket.fileno()

    def send(self, octets: bytes) -> None:
        """Send a PDU. If that fails, a part of it is missing, so nobody can have acted on it.

        Raises:

            OSError: The connection is lost.
        """
        self._socket.settimeout(self._patience)
        self._socket.sendall(octets)

    def received(self) -> Iterator[Pdu]:
        """Yield the PDUs that have arrived, without waiting.

        Raises:

            OSError: The connection is lost, or the other side does not speak SMPP.
        """
        is_open = self._read()
        while (octets := self._next()) is not None:
            yield Pdu.of(octets)
        if not is_open:
            raise ConnectionResetError("the operator closed the connection")

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _read(self) -> bool:
        """Read what has arrived, and return whether more can come."""
        self._socket.settimeout(0)
        try:
            while chunk := self._socket.recv(_CHUNK):
                self._buffer += chunk
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return True
        except OSError:
            return False
        return False

    def _next(self) -> bytes | None:
        if len(self._buffer) < HEADER:
            return None
        [length] = struct.unpack_from(">L", self._buffer)
        if not HEADER <= length <= LONGEST:
            raise ConnectionAbortedError("the other side does not speak SMPP")
        if len(self._buffer) < length:
            return None
        octets = bytes(self._buffer[:length])
        del self._buffer[:length]
        return octets
