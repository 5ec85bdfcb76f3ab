"""The proof: a log-in at the server, as a mail program does it."""

from __future__ import annotations

import imaplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from provisioner.core.api.errors import UnavailableError
from provisioner.core.model.secret import Secret
from provisioner_dovecot.settings import DovecotSettings


def logs_in(settings: DovecotSettings, login: str, secret: Secret) -> bool:
    """Log in once, and say whether the server took the password.

    Raises:

        UnavailableError: The server cannot tell.
    """
    with connected(settings) as connection:
        try:
            connection.authenticate("PLAIN", lambda _: f"\0{login}\0{secret.reveal()}".encode())
        except imaplib.IMAP4.error as error:
            if "[AUTHENTICATIONFAILED]" in str(error):
                return False
            raise
    return True


@contextmanager
def connected(settings: DovecotSettings) -> Iterator[imaplib.IMAP4]:
    """Yield a connection to the server, which has greeted.

    Raises:

        UnavailableError: There is none, or it broke.
    """
    host, port, timeout = settings.host, settings.port, settings.timeout
    try:
        if settings.tls:
            context = ssl.create_default_context(cafile=settings.ca_file)
            connection: imaplib.IMAP4 = imaplib.IMAP4_SSL(host, port, ssl_context=context, timeout=timeout)
        else:
            connection = imaplib.IMAP4(host, port, timeout=timeout)
        try:
            yield connection
        finally:
            connection.shutdown()
    except (OSError, imaplib.IMAP4.error) as error:
        why = type(error).__name__
        raise UnavailableError("no answer from IMAP at {host}: {why}", host=host, why=why) from None
