"""A connection to a log collector, and what it can know about the bytes that were sent.

Syslog has no acknowledgements. What TCP acknowledges is in the memory of the other machine and may never be read. But a
program that closes a connection without having read everything resets it. So everything was read if these happen in
this order: TCP has acknowledged all bytes, this side says that it sends no more, and the other side closes the
connection without a reset. With TLS, the other side must also say so under its certificate (``close_notify``).
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import ssl
import struct
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import attrs

from provisioner.core.api.errors import InputError, MisconfiguredError, Problem, UnavailableError
from provisioner.core.model.text import Text
from provisioner.net.addresses import is_loopback, parts
from provisioner.net.tls import seconds_left, trusting

#: How long the other side may take for anything, in seconds.
PATIENCE = 30.0

#: The seconds between two looks at what TCP has not yet acknowledged.
_TICK = 0.01


@attrs.frozen(kw_only=True)
class Collector:
    """Where the audit log is sent."""

    host: str
    port: int
    #: How its certificate is verified; ``None`` for a connection that is not encrypted.
    context: ssl.SSLContext | None

    @classmethod
    def at(
        cls,
        address: str,
        *,
        ca_file: Path | None = None,
        client_certificate: Path | None = None,
        client_key: Path | None = None,
        insecure: bool = False,
    ) -> Self:
        """Return the collector at an address.

        Args:

            address: ``tls://HOST:PORT`` or ``tcp://HOST:PORT``.

            ca_file: Certificates in PEM form that may sign its certificate; ``None`` for the system's own.

            client_certificate: Our own certificate, if it asks for one.

            client_key: The private key of that, if it is in a file of its own.

            insecure: Whether a connection that leaves this machine may be unencrypted.

        Raises:

            InputError: The address cannot be one, or is not encrypted and not on this machine.

            MisconfiguredError: A file cannot be read.
        """
        found = parts(address)
        if found is None or found.scheme not in {"tls", "tcp"} or not found.hostname or not found.port or found.path:
            raise _wrong(Text("specify tls://HOST:PORT or tcp://HOST:PORT"))
        if found.scheme == "tls":
            context = trusting(ca_file, client_certificate, client_key)
            return cls(host=found.hostname, port=found.port, context=context)
        if not insecure and not is_loopback(found.hostname):
            raise _wrong(Text("the connection isn't encrypted; use tls://, or --insecure if it is otherwise protected"))
        return cls(host=found.hostname, port=found.port, context=None)

    @property
    def address(self) -> str:
        """The address in one spelling."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'tls' if self.context else 'tcp'}://{host}:{self.port}"

    def connect(self) -> CollectorConnection:
        """Open a connection.

        Raises:

            MisconfiguredError: The certificate is not the right one. Nothing was sent.

            UnavailableError: There is no connection.
        """
        with _failures(self.address):
            plain = socket.create_connection((self.host, self.port), timeout=PATIENCE)
            try:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                link = self.context.wrap_socket(plain, server_hostname=self.host) if self.context else plain
            except BaseException:
                plain.close()
                raise
        return CollectorConnection(self.address, link)


@attrs.define(eq=False)
class CollectorConnection:
    """One connection to a collector."""

    _address: str
    _socket: socket.socket

    def send(self, data: bytes) -> None:
        """Send some bytes.

        Raises:

            UnavailableError: The connection is lost. It is unknown what was read.
        """
        with _failures(self._address):
            self._socket.sendall(data)

    def expect_open(self) -> None:
        """Check that the other side has not closed the connection.

        Raises:

            UnavailableError: It has.
        """
        with _failures(self._address):
            self._socket.settimeout(0)
            try:
                if not self._socket.recv(4096):
                    raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
            except (BlockingIOError, ssl.SSLWantReadError):
                return
            finally:
                self._socket.settimeout(PATIENCE)

    def finish(self) -> None:
        """End the connection, and return when the other side has read everything.

        Raises:

            UnavailableError: It has not, or that is unknown.
        """
        with _failures(self._address):
            self._drain()
            if isinstance(self._socket, ssl.SSLSocket):
                self._socket = self._socket.unwrap()
            self._socket.shutdown(socket.SHUT_WR)
            while self._socket.recv(4096):
                pass
        self.close()

    def close(self) -> None:
        """Close the connection at once. May be called twice."""
        with suppress(OSError):
            self._socket.close()

    def _drain(self) -> None:
        """Wait until TCP has acknowledged everything, on a connection that the other side has not closed."""
        deadline = time.monotonic() + PATIENCE
        self.expect_open()
        while struct.unpack("i", fcntl.ioctl(self._socket, termios.TIOCOUTQ, bytes(4)))[0]:
            time.sleep(min(_TICK, seconds_left(deadline)))
            self.expect_open()


@contextmanager
def _failures(address: str) -> Iterator[None]:
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise MisconfiguredError(
            "the certificate of {address} is not accepted: {reason}",
            cure="nothing was sent; use the host name in the certificate, and set --ca-file to what signs it",
            address=address,
            reason=error.verify_message,
        ) from None
    except ssl.SSLError as error:
        raise _tls_failure(address, error) from None
    except OSError as error:
        raise UnavailableError(
            "no connection to {address}: {reason}",
            cure="check that the collector runs; what it may not have read is sent again",
            address=address,
            reason=error.strerror or str(error) or type(error).__name__,
        ) from None


def _tls_failure(address: str, error: ssl.SSLError) -> MisconfiguredError | UnavailableError:
    """Return that the collector wants another certificate of ours, or that the connection is lost."""
    reason = error.reason or type(error).__name__
    if "ALERT" in reason and ("CERT" in reason or "UNKNOWN_CA" in reason or "HANDSHAKE" in reason):
        return MisconfiguredError(
            "{address} refuses the connection: {reason}",
            cure="set --client-certificate to a certificate that the collector accepts",
            address=address,
            reason=reason,
        )
    return UnavailableError(
        "the TLS connection to {address} failed: {reason}",
        cure="check that the collector expects TLS on this port, and which client certificates it accepts",
        address=address,
        reason=reason,
    )


def _wrong(message: Text) -> InputError:
    return InputError([Problem(field="--to", message=message)])
