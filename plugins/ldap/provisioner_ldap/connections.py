"""Opens connections to servers: where they are, how they are encrypted, and who logs in."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from itertools import chain
from typing import Any
from urllib.parse import urlsplit

import attrs
import ldap3
from ldap3.core import results

from provisioner.core.api.errors import MisconfiguredError, TargetError, UnavailableError
from provisioner.core.model.secret import Secret
from provisioner.net.tls import trusting
from provisioner_ldap.client import LdapSession, close_socket, translated
from provisioner_ldap.errors import LdapResult, certificate_error, from_answer
from provisioner_ldap.families import load
from provisioner_ldap.families.base import Family
from provisioner_ldap.families.closure_marks import with_marks
from provisioner_ldap.settings import LdapSettings, TlsMode, is_local
from provisioner_ldap.wire import Wire

#: Where servers listen if their URL does not say.
_PORTS = {"ldap": 389, "ldaps": 636}


class _StrictTls(ldap3.Tls):  # type: ignore[misc] # ldap3 has no types
    """Wraps sockets with Python's own verification of certificate and name, which ldap3 would switch off."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._context = context
        self._host = host
        #: Why the certificate of the server was refused, if it was. ldap3 keeps no more than a text.
        self.refusal: ssl.SSLCertVerificationError | None = None

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:  # noqa: ARG002 - ldap3
        """Replace the socket of *connection* with an encrypted one whose other end is who it should be."""
        try:
            connection.socket = self._context.wrap_socket(connection.socket, server_hostname=self._host)
        except ssl.SSLCertVerificationError as error:
            self.refusal = error
            raise


@attrs.define(eq=False)
class LdapClient:
    """Opens sessions. Safe to share between threads."""

    settings: LdapSettings
    #: What kind of directory it is, once that is known.
    family: Family | None = attrs.field(init=False)
    #: The password that was accepted last. It may be another than the configured one, which may have been replaced.
    _password: Secret | None = attrs.field(init=False, repr=False)

    @family.default
    def _family(self) -> Family | None:
        if self.settings.family is None:
            return None
        return with_marks(load(self.settings.family), self.settings.closed, self.settings.opened)

    @_password.default
    def _first_password(self) -> Secret | None:
        return self.settings.bind_password

    def connect(self, url: str) -> LdapSession:
        """Return a session in which nobody is logged in, encrypted if the settings ask for it.

        Raises:

            UnavailableError: The server cannot be reached, or does not answer in time.

            MisconfiguredError: The server cannot prove who it is, or the settings are wrong.
        """
        return self._connected(url, lambda: trusting(self.settings.ca_file))

    def _connected(self, url: str, context: Callable[[], ssl.SSLContext]) -> LdapSession:
        if is_local(url):
            return self._opened(url, self._server(url, None, None, ldaps=False))
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        ldaps = parts.scheme == "ldaps"
        tls = _StrictTls(context(), host) if ldaps or self.settings.tls != TlsMode.NONE else None
        *others, last = _addresses(host, port, url)
        for address in others:
            with suppress(UnavailableError):
                return self._opened(url, self._server(address, port, tls, ldaps=ldaps))
        return self._opened(url, self._server(last, port, tls, ldaps=ldaps))

    def connect_service(self, url: str) -> LdapSession:
        """Return a session in which the service account is logged in.

        Raises:

            UnavailableError: The server cannot be reached, or does not answer in time.

            MisconfiguredError: The server cannot prove who it is, or the settings are wrong.
        """
        with ExitStack() as stack:
            session = self._connected(url, self._identified)
            stack.callback(session.close)
            answer = self._log_in(session)
            if not answer.ok:
                raise self._refusal(answer)
            self.family = session.family
            stack.pop_all()
        return session

    def _identified(self) -> ssl.SSLContext:
        settings = self.settings
        return trusting(settings.ca_file, settings.client_certificate, settings.client_key)

    def _log_in(self, session: LdapSession) -> LdapResult:
        refusals = []
        for password in self._passwords():
            answer = session.bind(self.settings.bind_dn, password)
            if answer.code != results.RESULT_INVALID_CREDENTIALS:
                self._password = password if answer.ok else self._password
                return answer
            refusals.append(answer)
        return refusals[0] if refusals else session.bind_external()

    def _passwords(self) -> Iterator[Secret]:
        """Yield what may be the password of the service account now, each once; nothing if it has none."""
        configured, tried = self.settings.bind_password, list[Secret]()
        if configured and self._password:
            for password in chain([self._password, configured], configured.valid_instead()):
                if not any(map(password.matches, tried)):
                    tried.append(password)
                    yield password

    def _refusal(self, answer: LdapResult) -> TargetError:
        error = from_answer(answer)
        if self.settings.bind_password is not None or not isinstance(error, MisconfiguredError):
            return error
        return MisconfiguredError(
            "{server} answered: {answer}",
            cure="let the directory accept SASL EXTERNAL, and map the certificate or the user to the service account",
            server=answer.server,
            answer=str(answer),
        )

    def _server(self, address: str, port: int | None, tls: _StrictTls | None, *, ldaps: bool) -> Any:
        """Describe one address, separately for each connection, because ldap3 keeps the state of the connection in
        it.
        """
        return ldap3.Server(
            address,
            port=port,
            use_ssl=ldaps,
            tls=tls,
            get_info=ldap3.NONE,
            connect_timeout=self.settings.connect_timeout,
        )

    def _opened(self, url: str, server: Any) -> LdapSession:
        """Connect to one address, and encrypt."""
        connection = ldap3.Connection(
            server,
            client_strategy=ldap3.SYNC,
            receive_timeout=self.settings.connect_timeout,
            auto_referrals=False,
            auto_range=False,
            check_names=False,
            return_empty_attributes=False,
        )
        wire = Wire.of(connection)
        try:
            connection.open(read_server_info=False)
            if not server.ipc:
                # Small messages are sent at once; otherwise the first bind waits 40 ms for an acknowledgement.
                connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if server.tls and not server.ssl:
                wire.allow(self.settings.connect_timeout)
                connection.start_tls(read_server_info=False)
            connection.socket.settimeout(0)  # the wire waits, until its deadline
        except BaseException as error:
            close_socket(connection)
            if not isinstance(error, Exception):
                raise
            if server.tls and server.tls.refusal:
                raise certificate_error(url, server.tls.refusal) from None
            raise translated(error, connection, server=url, changing=False) from None
        session = LdapSession(url, connection, wire, self.settings, self.family)
        if server.tls and not session.tls_version:
            session.close()
            raise MisconfiguredError("{server} does not encrypt", server=url)
        return session


def _addresses(host: str, port: int, url: str) -> list[str]:
    """Return where *host* is, the preferred address first."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise UnavailableError(
            "the name of {server} cannot be resolved: {reason}",
            cure="correct urls, or check that the name service answers",
            server=url,
            reason=error.strerror,
        ) from None
    return [str(address[0]) for *_, address in found]
