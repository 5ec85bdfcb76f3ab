"""A private slapd for all tests of the plug-in, and what it takes to look at it from outside and to disturb it."""

from __future__ import annotations

import itertools
import select
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from typing import Any, Protocol

import attrs
import ldap3
import pytest

from provisioner.core.model import Account
from provisioner.testing import samples
from provisioner.testing.dirsrv389 import NsSlapd
from provisioner.testing.slapd import Slapd
from provisioner_ldap.directory import Directory
from provisioner_ldap.settings import LdapSettings

#: Rules as an office has them. A password that was used before is refused, so repeating a request shows.
POLICY = {
    "pwdCheckQuality": "1",
    "pwdMinLength": "6",
    "pwdInHistory": "3",
    "pwdLockout": "TRUE",
    "pwdMustChange": "TRUE",
}

_numbers = itertools.count(1)


class MakeDirectory(Protocol):
    """Makes a directory on the session's server, or another one, with other settings."""

    def __call__(self, server: Slapd | None = None, **settings: Any) -> Directory: ...


@pytest.fixture(scope="session", name="slapd")
def _slapd() -> Iterator[Slapd]:
    with Slapd(policy=POLICY) as server:
        yield server


def settings_of(server: Slapd, **others: Any) -> LdapSettings:
    """Return settings for a server."""
    return LdapSettings(
        **{
            "urls": (server.ldaps_url,),
            "bind_dn": server.bind_dn,
            "bind_password": server.bind_password,
            "base_dn": server.base_dn,
            "ca_file": server.ca_file,
            "policy_dn": server.policy_dn,
            **others,
        }
    )


@pytest.fixture(name="make_directory")
def _make_directory(request: pytest.FixtureRequest) -> Iterator[MakeDirectory]:
    """Close what a test has opened, whatever became of it."""
    with ExitStack() as stack:

        def make(server: Slapd | None = None, **settings: Any) -> Directory:
            directory = Directory(settings=settings_of(server or request.getfixturevalue("slapd"), **settings))
            stack.callback(directory.close)
            return directory

        yield make


@pytest.fixture(name="directory")
def _directory(make_directory: MakeDirectory) -> Directory:
    return make_directory()


@pytest.fixture(name="account")
def _account() -> Account:
    """Return an account that no other test has."""
    return attrs.evolve(samples.ACCOUNT, login=f"okul{next(_numbers)}")


class Administrator:
    """Looks at a server, and changes things behind the plug-in's back, with ldap3 and nothing of ours."""

    def __init__(self, server: Slapd | NsSlapd) -> None:
        self._server = server
        self._connection = self._bound(server.admin_dn, server.admin_password.reveal())

    def close(self) -> None:
        self._connection.unbind()

    def dn(self, account: Account) -> str:
        return f"uid={account.login},{self._server.base_dn}"

    def read(self, dn: str) -> dict[str, list[bytes]] | None:
        """Return all attributes of an entry, or ``None`` if it is not there."""
        self._connection.search(dn, "(objectClass=*)", ldap3.BASE, attributes=["*", "+"])
        entries = self._connection.response
        return dict(entries[0]["raw_attributes"]) if entries else None

    def search(self, base: str, test: str) -> list[str]:
        """Return the names of the entries below another one that match a filter."""
        self._connection.search(base, test, ldap3.SUBTREE)
        return [found["dn"] for found in self._connection.response]

    def text(self, dn: str, attribute: str) -> str | None:
        entry = self.read(dn)
        assert entry is not None
        return entry[attribute][0].decode() if attribute in entry else None

    def add(self, dn: str, classes: list[str], attributes: Mapping[str, object]) -> None:
        assert self._connection.add(dn, classes, dict(attributes)), self._connection.result

    def replace(self, dn: str, **attributes: str) -> None:
        """Set attributes; an empty text removes one."""
        changes = {name: [(ldap3.MODIFY_REPLACE, [text] if text else [])] for name, text in attributes.items()}
        assert self._connection.modify(dn, changes), self._connection.result

    def delete(self, dn: str) -> None:
        assert self._connection.delete(dn), self._connection.result

    def delete_referral(self, dn: str) -> None:
        """Remove an entry that refers to another server (RFC 3296), and not what it refers to."""
        assert self._connection.delete(dn, controls=[("2.16.840.1.113730.3.4.2", True, None)]), self._connection.result

    def move(self, dn: str, to: str) -> None:
        """Move an entry below another one."""
        moved = self._connection.modify_dn(dn, dn.partition(",")[0], new_superior=to)
        assert moved, self._connection.result

    def add_value(self, dn: str, name: str, value: str) -> None:
        assert self._connection.modify(dn, {name: [(ldap3.MODIFY_ADD, [value])]}), self._connection.result

    def set_password(self, dn: str, password: str) -> None:
        assert self._connection.extend.standard.modify_password(dn, new_password=password), self._connection.result

    def logs_in(self, dn: str, password: str) -> bool:
        """Try to log in as a mail server does."""
        with closing(_Closing(self._bound(dn, password))) as attempt:
            return bool(attempt.connection.bound)

    def _bound(self, dn: str, password: str) -> Any:
        server = ldap3.Server("127.0.0.1", port=self._server.port, get_info=ldap3.NONE)
        connection = ldap3.Connection(server, user=dn, password=password)
        connection.bind()
        return connection


@attrs.frozen
class _Closing:
    connection: Any

    def close(self) -> None:
        self.connection.unbind()


@pytest.fixture(name="administrator")
def _administrator(slapd: Slapd) -> Iterator[Administrator]:
    administrator = Administrator(slapd)
    yield administrator
    administrator.close()


#: The tags of the requests that a test may want to disturb (RFC 4511, appendix B).
BIND, SEARCH, MODIFY, ADD, DELETE, EXTENDED = 0x60, 0x63, 0x66, 0x68, 0x4A, 0x77


class Proxy:
    """Stands between the plug-in and a server that speaks plain LDAP, counts requests and loses answers."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._ends: list[socket.socket] = []
        #: How often each request was seen.
        self.seen: Counter[int] = Counter()
        #: How many connections were opened.
        self.connections = 0
        #: The requests that are carried out, and whose answer is lost by hanging up.
        self.lose_answer_to: set[int] = set()
        #: The requests that are lost by hanging up before they are carried out.
        self.lose: set[int] = set()
        #: The requests that are carried out, and answered with this.
        self.garble: dict[int, bytes] = {}
        #: The requests that never reach the server, and what they are answered with: an operation, without its number.
        self.answer: dict[int, bytes] = {}
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def writes(self) -> int:
        return sum(self.seen[tag] for tag in (MODIFY, ADD, DELETE, EXTENDED))

    def cut(self) -> None:
        """Hang up on all connections, as a firewall or a restart does."""
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                thread = threading.Thread(target=self._relay, args=(client,))
                self._threads.append(thread)
                thread.start()

    def _relay(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self._upstream)) as server, suppress(OSError):
            self._ends += [client, server]
            request = 0
            while True:
                for end in select.select([client, server], [], [])[0]:
                    if not (data := end.recv(65536)):
                        return
                    if end is client:
                        request = _tag(data)
                        self.seen[request] += 1
                    if end is client and request in self.answer:
                        client.sendall(numbered(data, self.answer[request]))
                        continue
                    if request in (self.lose if end is client else self.lose_answer_to):
                        return
                    if end is server:
                        data = self.garble.get(request, data)
                    (server if end is client else client).sendall(data)


def numbered(request: bytes, operation: bytes) -> bytes:
    """Return the message that answers a request: the number of the request, and an operation."""
    start = 2 + (request[1] & 0x7F if request[1] & 0x80 else 0)
    body = request[start : start + 2 + request[start + 1]] + operation
    return bytes([0x30, len(body)]) + body


def _tag(message: bytes) -> int:
    """Return which request an LDAP message is: what stands behind its length and its number."""
    start = 2 + (message[1] & 0x7F if message[1] & 0x80 else 0)
    return message[start + 2 + message[start + 1]]


@pytest.fixture(name="proxy")
def _proxy(slapd: Slapd) -> Iterator[Proxy]:
    with closing(Proxy(slapd.port)) as proxy:
        yield proxy


@pytest.fixture(name="open_sockets")
def _open_sockets() -> Callable[[], set[str]]:
    """Return what tells the sockets that this process has open."""

    def look() -> set[str]:
        from pathlib import Path

        found = set()
        for path in Path("/proc/self/fd").iterdir():
            with suppress(OSError):
                found.add(str(path.readlink()))
        return {name for name in found if name.startswith("socket:")}

    return look
