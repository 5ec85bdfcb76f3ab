"""Reads until when certificates are good. The only place that knows ``cryptography``; imported when it is needed."""

from __future__ import annotations

import socket
import ssl
from datetime import datetime
from pathlib import Path

from cryptography import x509

from provisioner.core.api.errors import MisconfiguredError, UnavailableError

#: How many seconds a server has to answer, and how many for all it has to say.
PATIENCE = 5.0


def file_good_until(file: Path) -> datetime:
    """Return until when the certificates of a file are all good, in UTC.

    Raises:

        MisconfiguredError: The file cannot be read, or has no certificate.
    """
    try:
        return min(
            certificate.not_valid_after_utc for certificate in x509.load_pem_x509_certificates(file.read_bytes())
        )
    except (OSError, ValueError) as error:
        raise MisconfiguredError(
            "no certificate can be read from {file}: {reason}",
            cure="name a file in PEM that this user may read",
            file=file,
            reason=_reason(error),
        ) from None


def server_good_until(host: str, port: int) -> datetime:
    """Return until when the certificate that a server shows is good, in UTC. Nobody asks who signed it.

    Raises:

        UnavailableError: It does not answer in time, or not with a certificate.
    """
    try:
        # The time-out holds for the whole handshake, however slowly the other side talks.
        plain = socket.create_connection((host, port), timeout=PATIENCE)
        with plain, _context().wrap_socket(plain, server_hostname=host) as tls:
            shown = tls.getpeercert(binary_form=True) or b""
        return x509.load_der_x509_certificate(shown).not_valid_after_utc
    except (OSError, ValueError) as error:
        raise UnavailableError(
            "{host}:{port} shows no certificate: {reason}",
            cure="check that it runs and uses TLS on this port",
            host=host,
            port=port,
            reason=_reason(error),
        ) from None


def _reason(error: Exception) -> str:
    """Return what the system says, without what was read."""
    said = getattr(error, "reason", None) or getattr(error, "strerror", None)
    return str(said or type(error).__name__)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is sent; one that has run out already has to be seen too
    return context
