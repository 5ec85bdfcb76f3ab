"""doveadm's HTTP API. This file is the only one that knows its commands and the shape of its answers.

One request has one command: Dovecot 2.3 writes no valid JSON if one of several commands isn't allowed. Each command can
be repeated without harm, so after a lost answer, the command is sent again.
"""

from __future__ import annotations

import json
import socket
from base64 import b64encode
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NoReturn, Self
from urllib.parse import urlsplit

import attrs

from provisioner.core.api.errors import (
    MisconfiguredError,
    TargetError,
    TransientError,
    UnavailableError,
    UnknownOutcomeError,
)
from provisioner.core.model.secret import Secret
from provisioner.net.http import HttpClient, Response
from provisioner_mail.settings import ALLOWED

#: Where the API is on a server.
PATH = "/doveadm/v1"

#: The error and the exit code of ``kick`` if the user has no session.
NOBODY = ("exitCode", 68)

#: The mask that all users match.
EVERYBODY = "*"

#: The characters by which doveadm takes a name for a mask, or for an address of IPv6. It knows no way to quote them.
NO_NAME = frozenset("*?:")

#: The error of a command that is not allowed.
FORBIDDEN = "unAuthorized"


@attrs.frozen(kw_only=True)
class MailSession:
    """A session on a mail server."""

    #: The name of the user, as the server calls it.
    user: str
    #: ``imap``, ``pop3``, and so on.
    service: str
    #: The number of the process that serves it.
    process: str
    #: Where the mail program is.
    client: str


@attrs.define(eq=False, kw_only=True)
class Doveadm:
    """The API of one server. Any number of threads may use it at once."""

    #: The name of the server, for messages.
    server: str
    _address: str
    _headers: Mapping[str, str | Secret]
    _http: HttpClient

    @classmethod
    def at(cls, url: str, api_key: Secret, http: HttpClient) -> Self:
        """Return the API of the server at *url*. Nothing is sent yet.

        Args:

            url: The address, without a path.

            api_key: The key of the API.

            http: What sends the requests.
        """
        key = Secret("X-Dovecot-API " + b64encode(api_key.reveal().encode()).decode())
        headers: dict[str, str | Secret] = {"Authorization": key, "Content-Type": "application/json"}
        return cls(server=urlsplit(url).netloc, address=url.rstrip("/") + PATH, headers=headers, http=http)

    def empty_cache(self) -> None:
        """Let the server ask the directory about everybody who logs in from now on.

        The empty list means all users. Dovecot 2.3 finds single users only by the spelling that the client has sent, in
        lower case, and reports success if it finds none; without a list, its process dies.

        Raises:

            TargetError: It is not known whether this was done; see :meth:`sessions`.
        """
        self._records("authCacheFlush", user=[])

    def forget(self, spelling: str) -> None:
        """Let the server ask the directory about one spelling; :meth:`empty_cache` says why that is not enough.

        Args:

            spelling: The name as a client has sent it, in lower case.

        Raises:

            TargetError: It is not known whether this was done.
        """
        self._records("authCacheFlush", user=[spelling])

    def kick(self, user: str) -> None:
        """End all sessions of a user. They end soon after, if there are any.

        doveadm takes some names for a mask or an address, such as ``a*b`` and ``12.34``, and would end the sessions of
        others. For them, nothing is sent; see :meth:`sessions`.

        Args:

            user: The name of the user, as the server calls it, in any case.

        Raises:

            TargetError: It is not known whether this was done; see :meth:`sessions`.
        """
        if _is_name(user):
            answer = self._ask("kick", harmless=False, mask=[user])
            if (answer.error, answer.exit_code) != NOBODY:
                self._expect_success("kick", answer)

    def sessions(self, user: str) -> frozenset[MailSession]:
        """Return the sessions of a user, and of nobody else, whatever the name.

        Args:

            user: The name of the user, as the server calls it, in any case.

        Raises:

            UnavailableError: The server can't be reached or did not answer.

            MisconfiguredError: The key is wrong, or doesn't allow this.

            TransientError: The server failed.
        """
        mask = user if _is_name(user) else EVERYBODY
        listed = map(self._session, self._records("who", harmless=True, mask=[mask], separateConnections=True))
        return frozenset(session for session in listed if session.user.casefold() == user.casefold())

    def is_restricted(self) -> bool:
        """Return whether the server refuses commands that we don't need. Otherwise, the key reads every file there.

        Raises:

            TargetError: It is not known.
        """
        return self._ask("instanceList", harmless=True).error == FORBIDDEN

    def _session(self, record: Mapping[str, Any]) -> MailSession:
        values = [record.get(key) for key in ("username", "service", "pid", "ip")]
        match values:
            case [str(user), str(service), str(process), str(client)]:
                return MailSession(user=user, service=service, process=process, client=client)
        raise self._unreadable("an unknown list of sessions")

    def _records(self, command: str, *, harmless: bool = False, **parameters: object) -> list[Mapping[str, Any]]:
        answer = self._ask(command, harmless=harmless, **parameters)
        self._expect_success(command, answer)
        return answer.records

    def _expect_success(self, command: str, answer: _CommandResult) -> None:
        if answer.error:
            self._refuse(command, answer)

    def _ask(self, command: str, *, harmless: bool, **parameters: object) -> _CommandResult:
        response = self._call("POST", Secret(json.dumps([[command, parameters, ""]])), harmless=harmless)
        if response.status != HTTPStatus.OK:
            raise self._failed(response.status)
        return self._read(response)

    def _call(self, method: str, content: Secret, *, harmless: bool) -> Response:
        try:
            return self._http.call(method, self._address, headers=self._headers, content=content, harmless=harmless)
        except (UnavailableError, UnknownOutcomeError) as error:
            raise self._unreached(error) from None

    def _read(self, response: Response) -> _CommandResult:
        try:
            document = json.loads(response.body)
        except ValueError:
            document = None
        match document:
            case [["doveadmResponse", [*records], _]] if all(isinstance(record, dict) for record in records):
                return _CommandResult(records=records)
            case [["error", {"type": str(kind), "exitCode": int(code)}, _]]:
                return _CommandResult(error=kind, exit_code=code)
        raise self._unreadable("no answer of doveadm")

    def _refuse(self, command: str, answer: _CommandResult) -> NoReturn:
        if answer.error == FORBIDDEN:
            raise MisconfiguredError(
                "{server} does not allow the doveadm command {command}",
                cure="set in its configuration: {allowed}",
                server=self.server,
                command=command,
                allowed=ALLOWED,
            )
        raise TransientError(
            "{server}: the doveadm command {command} failed ({error} {code})",
            cure="check the log of the mail server",
            server=self.server,
            command=command,
            error=answer.error,
            code=answer.exit_code,
        )

    def _failed(self, status: int) -> TargetError:
        if status == HTTPStatus.UNAUTHORIZED:
            return MisconfiguredError(
                "{server} refuses the API key",
                cure="check that 'api_key' refers to the value of doveadm_api_key on this server",
                server=self.server,
            )
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return self._unreadable(f"HTTP {status}")
        return MisconfiguredError(
            "{server} has no HTTP API of doveadm at this address (HTTP {status})",
            cure="set 'api' to the inet_listener http of its service doveadm",
            server=self.server,
            status=status,
        )

    def _unreached(self, error: TargetError) -> UnavailableError:
        return UnavailableError("{server}: {error}", cure=error.cure, server=self.server, error=error.text)

    def _unreadable(self, reason: str) -> TransientError:
        return TransientError(
            "{server} gave no usable answer ({reason})",
            cure="check the log of the mail server",
            server=self.server,
            reason=reason,
        )


@attrs.frozen(kw_only=True)
class _CommandResult:
    """What doveadm said to one command."""

    records: list[Mapping[str, Any]] = attrs.field(factory=list)
    #: The kind of the error; empty if there was none.
    error: str = ""
    exit_code: int = 0


def _is_name(user: str) -> bool:
    """Return whether doveadm takes this for the name of one user."""
    return NO_NAME.isdisjoint(user) and (user.isdigit() or not _is_address(user.partition("/")[0]))


def _is_address(text: str) -> bool:
    """Return whether this is an address of IPv4, which may have less than four parts."""
    try:
        socket.inet_aton(text)
    except OSError:
        return False
    return True
