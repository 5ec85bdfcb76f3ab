"""Log-ins over IMAP, as a mail program makes them: the only proof that a password opens a mailbox."""

from __future__ import annotations

import imaplib
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Self
from urllib.parse import urlsplit

import attrs

from provisioner.core.api.errors import MisconfiguredError, TargetError, TransientError, UnavailableError
from provisioner.core.model.secret import Secret

#: Where IMAP over TLS is, if the address does not say.
PORT = 993

#: The codes of RFC 5530 with which a server refuses a name and a password, and not for the moment.
REFUSALS = frozenset({"AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED"})


@attrs.frozen(kw_only=True)
class ImapServer:
    """IMAP over TLS on one server."""

    #: The name of the server, for messages.
    server: str
    _host: str
    _port: int
    _timeout: float
    _trust: ssl.SSLContext = attrs.field(repr=False)

    @classmethod
    def at(cls, url: str, *, timeout: float, trust: ssl.SSLContext) -> Self:
        """Return the server at *url*. Nothing is connected yet.

        Args:

            url: The address: ``imaps://HOST:PORT``.

            timeout: The seconds that each answer may take.

            trust: How the server is verified.
        """
        parts = urlsplit(url)
        return cls(
            server=parts.netloc, host=parts.hostname or "", port=parts.port or PORT, timeout=timeout, trust=trust
        )

    @contextmanager
    def logged_in(self, name: str, password: Secret) -> Iterator[None]:
        """Log in, and out again.

        Args:

            name: What a person types as the name.

            password: The password.

        Raises:

            UnavailableError: The server can't be reached, or could not tell.

            MisconfiguredError: The server can't be trusted, or offers no log-in with a password.

            TransientError: The server refuses the password. It may be late: a replica of the directory may be asked.
        """
        with self._connected() as connection:
            if failure := self._authenticate(connection, name, password):
                raise failure
            yield
            with suppress(OSError, imaplib.IMAP4.error):
                connection.logout()

    def check(self) -> datetime:
        """Connect, and look whether a log-in with a password is offered.

        Returns:

            When the server's certificate expires.

        Raises:

            UnavailableError: The server can't be reached.

            MisconfiguredError: The server can't be trusted, or offers no log-in with a password.
        """
        with self._connected() as connection:
            if "AUTH=PLAIN" not in connection.capabilities:
                raise self._no_password()
            shown = connection.sock.getpeercert()  # type: ignore[attr-defined] # it is a socket of TLS
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(shown["notAfter"]), UTC)

    @contextmanager
    def _connected(self) -> Iterator[imaplib.IMAP4_SSL]:
        try:
            connection = imaplib.IMAP4_SSL(self._host, self._port, ssl_context=self._trust, timeout=self._timeout)
        except ssl.SSLCertVerificationError as error:
            failure: TargetError = self._untrusted(error)
        except (OSError, imaplib.IMAP4.error) as error:
            failure = self._unreached(error)
        else:
            try:
                yield connection
            finally:
                with suppress(OSError):  # it is closed already after a log-out
                    connection.shutdown()
            return
        raise failure

    def _authenticate(self, connection: imaplib.IMAP4_SSL, name: str, password: Secret) -> TargetError | None:
        """Log in. The library's errors are not passed on, because their frames hold the password."""
        try:
            connection.authenticate("PLAIN", lambda _: f"\0{name}\0{password.reveal()}".encode())
        except (OSError, imaplib.IMAP4.abort) as error:
            return self._unreached(error)
        except imaplib.IMAP4.error as error:
            return self._refused(str(error), name)
        return None

    def _refused(self, answer: str, name: str) -> TargetError:
        """Return what a refusal means. Only the code of the answer is reported: the rest could quote what was sent."""
        code = re.search(r"\[([A-Z]+)\]", answer)
        if code and code[1] in REFUSALS:
            return TransientError(
                "{server} refuses the new password of {name}",
                cure="check that the mail server asks the same directory, and that the name is right: log_in_as",
                server=self.server,
                name=name,
            )
        if "AUTHENTICATE command error: BAD" in answer or (code and code[1] == "PRIVACYREQUIRED"):
            return self._no_password()
        return self._unreached(code[1] if code else "NO")

    def _no_password(self) -> MisconfiguredError:
        return MisconfiguredError(
            "{server} offers no log-in with a password",
            cure="add plain to auth_mechanisms in its configuration",
            server=self.server,
        )

    def _untrusted(self, error: ssl.SSLCertVerificationError) -> MisconfiguredError:
        return MisconfiguredError(
            "the certificate of {server} is not trusted: {reason}",
            cure="check the address in 'imap'; if your own authority issued the certificate, set ca_file",
            server=self.server,
            reason=error.verify_message,
        )

    def _unreached(self, reason: Exception | str) -> UnavailableError:
        """Say why there was no answer. An error before the log-in, or of the connection, holds no password."""
        said = "" if isinstance(reason, imaplib.IMAP4.error) else str(reason)
        return UnavailableError(
            "{server} did not answer to a log-in: {reason}",
            cure="check that IMAP over TLS works there, and the log of the mail server",
            server=self.server,
            reason=said or type(reason).__name__,
        )
