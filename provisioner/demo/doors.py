"""Where people log in with what their phones received: over the systems' own protocols, past the product's plug-ins."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import attrs

from provisioner.core.api.errors import UnavailableError
from provisioner.core.api.messages import ProbeAccount
from provisioner.core.model import Account
from provisioner.core.model.secret import Secret
from provisioner.demo.services import DemoService
from provisioner.local import LocalDirectory
from provisioner.net.http import HttpClient
from provisioner.testing.slapd import Slapd

if TYPE_CHECKING:
    import ldap3

#: Tells whether somebody gets in.
Door = Callable[[Account, Secret], bool]

#: Where a message has the password.
_PASSWORD = re.compile(r": (\S+) -")

#: The seconds one answer may take.
_TIMEOUT = 10

#: How many bytes one answer may have: the messages of all phones are one.
_LONGEST_ANSWER = 1 << 24


@attrs.frozen
class DemoClient:
    """Asks one service."""

    _service: DemoService
    _http: HttpClient

    @classmethod
    @contextmanager
    def connected(cls, service: DemoService) -> Iterator[DemoClient]:
        """Return a client until the end of the block."""
        with closing(HttpClient.open(timeout=_TIMEOUT, longest_body=_LONGEST_ANSWER)) as http:
            yield cls(service, http)

    def ask(self, method: str, path: str, document: object = None) -> Any:
        """Return the document that the service answers.

        Raises:

            UnavailableError: It does not answer, or refuses.
        """
        answer = self._http.call(
            method,
            f"{self._service.url}{path}",
            headers={"Authorization": Secret.around(f"Bearer {self._service.key}")},
            content=Secret.around(json.dumps(document)) if document else None,
            harmless=True,
        )
        if answer.status != HTTPStatus.OK:
            name, status = self._service.name, answer.status
            raise UnavailableError("{service} answers with HTTP {status}", service=name, status=status)
        return json.loads(answer.body)


def entry_name(directory: Slapd, account: Account) -> str:
    """Return the distinguished name of an account."""
    return f"uid={account.login},{directory.base_dn}"


def directory_connection(directory: Slapd, user: str, password: Secret) -> ldap3.Connection:
    """Return a connection to a directory over TLS, on which *user* has not logged in yet."""
    import ldap3

    tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(directory.ca_file))
    server = ldap3.Server(directory.ldaps_url, tls=tls, get_info=ldap3.NONE, connect_timeout=_TIMEOUT)
    return ldap3.Connection(
        server,
        user=user,
        password=password.reveal(),
        client_strategy=ldap3.SAFE_SYNC,
        receive_timeout=_TIMEOUT,
    )


@attrs.frozen
class DirectoryDoor:
    """Binds at the directory as the account, over TLS."""

    _directory: Slapd

    def __call__(self, account: Account, password: Secret) -> bool:
        """Log in once."""
        connection = directory_connection(self._directory, entry_name(self._directory, account), password)
        try:
            return bool(connection.bind()[0])
        finally:
            connection.unbind()


@attrs.frozen
class LocalDoor:
    """Asks the directory in a file, which speaks no protocol."""

    _file: Path

    def __call__(self, account: Account, password: Secret) -> bool:
        """Log in once."""
        report = LocalDirectory(self._file).account_probe(ProbeAccount(account=account, secret=password))
        return bool(report.secret_accepted)


@attrs.frozen
class PysDoor:
    """The log-in page of the personnel system."""

    _client: DemoClient

    def __call__(self, account: Account, password: Secret) -> bool:
        """Log in once."""
        form = {"login": account.login, "password": password.reveal()}
        return bool(self._client.ask("POST", "/login", form)["accepted"])


@attrs.frozen
class Phones:
    """What the phones received."""

    _client: DemoClient

    def count(self) -> int:
        """Return how many messages all phones received together."""
        return len(self._items("/inbox"))

    def last(self, account: Account, number: str) -> tuple[str, Secret]:
        """Return the last message on a phone with a password of an account, with it masked, and the password.

        Raises:

            LookupError: There is none.
        """
        for text in reversed(self._items(f"/inbox/{quote(number, safe='')}")):
            if f" {account.mail} " in text and (found := _PASSWORD.search(text)):
                password = Secret(found[1])
                return password.scrub(text), password
        msg = "there is no message with a password"
        raise LookupError(msg)

    def _items(self, path: str) -> list[str]:
        return [item["text"] for item in self._client.ask("GET", path)["items"]]
