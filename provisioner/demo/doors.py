"""Where people log in with what their phones received: over the systems' own protocols, past the product's plug-ins."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from urllib.parse import quote

import attrs
import httpx

from provisioner.core.api.messages import ProbeAccount
from provisioner.core.gateways.gateway import Target
from provisioner.core.model import Account
from provisioner.core.model.secret import Secret
from provisioner.demo.services import DemoService
from provisioner.testing.slapd import Slapd

#: Tells whether somebody gets in.
Door = Callable[[Account, Secret], bool]

#: Where a message has the password.
_PASSWORD = re.compile(r": (\S+) -")

#: The seconds one answer may take.
_TIMEOUT = 10


@attrs.frozen
class DirectoryDoor:
    """Binds at the directory as the account, over TLS."""

    _directory: Slapd

    def __call__(self, account: Account, password: Secret) -> bool:
        """Log in once."""
        import ldap3

        tls = ldap3.Tls(validate=ssl.CERT_REQUIRED, ca_certs_file=str(self._directory.ca_file))
        server = ldap3.Server(self._directory.ldaps_url, tls=tls, get_info=ldap3.NONE, connect_timeout=_TIMEOUT)
        connection = ldap3.Connection(
            server,
            user=f"uid={account.login},{self._directory.base_dn}",
            password=password.reveal(),
            client_strategy=ldap3.SAFE_SYNC,
            receive_timeout=_TIMEOUT,
        )
        try:
            return bool(connection.bind()[0])
        finally:
            connection.unbind()


@attrs.frozen
class LocalDoor:
    """Asks the directory in a file, which speaks no protocol."""

    _target: Target

    def __call__(self, account: Account, password: Secret) -> bool:
        """Log in once."""
        return bool(self._target.probe(ProbeAccount(account=account, secret=password)).secret_accepted)


@attrs.frozen
class PysDoor:
    """The log-in page of the personnel system."""

    _client: httpx.Client

    def __call__(self, account: Account, password: Secret) -> bool:
        """Log in once."""
        form = {"login": account.login, "password": password.reveal()}
        return bool(self._client.post("/login", json=form).raise_for_status().json()["accepted"])


@attrs.frozen
class Phones:
    """What the phones received."""

    _client: httpx.Client

    def count(self) -> int:
        """Return how many messages all phones received together."""
        return len(self._items("/inbox"))

    def last(self, number: str) -> tuple[str, Secret]:
        """Return the last message with a password on a phone, with the password masked, and the password.

        Raises:

            LookupError: There is none.
        """
        for text in reversed(self._items(f"/inbox/{quote(number, safe='')}")):
            if found := _PASSWORD.search(text):
                password = Secret(found[1])
                return password.scrub(text), password
        msg = "there is no message with a password"
        raise LookupError(msg)

    def _items(self, path: str) -> list[str]:
        items = self._client.get(path).raise_for_status().json()["items"]
        return [item["text"] for item in items]


def client(service: DemoService) -> httpx.Client:
    """Return a client that shows a service its key, in either of the ways that services want to see it."""
    headers = {"X-Api-Key": service.key, "Authorization": f"Bearer {service.key}"}
    return httpx.Client(base_url=service.url, headers=headers, timeout=_TIMEOUT, trust_env=False)
