"""What is the same for every plug-in that opens connections: trust, and deadlines."""

from __future__ import annotations

import ssl
import time
from functools import cache
from pathlib import Path

from provisioner.core.api.errors import MisconfiguredError


@cache
def trusting(ca_file: Path | None, certificate: Path | None = None, key: Path | None = None) -> ssl.SSLContext:
    """Return how servers are verified, certificate and name.

    The file is read once in the life of a process: there are hundreds of certificates in the system's own.

    Args:

        ca_file: Certificates in PEM form; ``None`` for the system's own.

        certificate: Our own certificate, which we show to servers that ask for one, in PEM form.

        key: Its private key, if that is in a file of its own.

    Raises:

        MisconfiguredError: The file cannot be read, or has no certificates.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # SSLError, for a file that is not PEM, is one too
        raise MisconfiguredError(
            "the certificates in {file} cannot be read: {reason}",
            cure="set ca_file to a file of certificates in PEM form",
            file=ca_file,
            reason=error.strerror or type(error).__name__,
        ) from None
    if certificate:
        _identify(context, certificate, key)
    return context


def _identify(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    """Let connections show a certificate. An encrypted key is refused: OpenSSL would ask for its password."""
    try:
        context.load_cert_chain(certificate, key, password="")
    except (OSError, ValueError) as error:
        raise MisconfiguredError(
            "the client certificate in {file} cannot be used: {reason}",
            cure="set client_certificate to one in PEM form, with its unencrypted key in that file or in client_key",
            file=certificate,
            reason=getattr(error, "strerror", None) or type(error).__name__,
        ) from None


def seconds_left(deadline: float) -> float:
    """Return the seconds that are left until a deadline.

    Args:

        deadline: A time of the monotonic clock.

    Raises:

        TimeoutError: There are none.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left
