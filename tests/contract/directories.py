"""What the contract needs to know of a real directory, of whatever kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, ClassVar, Protocol

import attrs
import ldap3
import pytest
from ldap3.utils.conv import escape_filter_chars

from provisioner.core.model import Unit
from provisioner.core.model.secret import Secret
from provisioner.testing.contract import TargetContract
from provisioner.testing.contract.entitling import KnownEntitlements
from provisioner.testing.contract.fixtures import TargetFixtures
from provisioner.testing.contract.inventory import Crowd
from provisioner.testing.contract.lifecycle import LifecycleChecks
from provisioner.testing.contract.moving import MoveChecks
from provisioner.testing.contract.probing import NEAR_MISSES
from provisioner.testing.contract.sandbox import PEOPLE, UnitMove
from provisioner.testing.ports import free_ports
from provisioner.testing.proxy import TcpProxy
from provisioner_ldap.names import entry_dn
from provisioner_ldap.plugin import Ldap
from provisioner_ldap.settings import LdapSettings, TlsMode
from tests.contract.moves import FORMER, unit_move


class Server(Protocol):
    """A private directory."""

    host: str
    bind_password: Secret
    admin_password: Secret
    bind_dn: ClassVar[str]
    base_dn: ClassVar[str]
    admin_dn: ClassVar[str]

    @property
    def port(self) -> int: ...

    @property
    def ldaps_url(self) -> str: ...

    @property
    def ca_file(self) -> Path: ...


def made(server: Server, **others: Any) -> Ldap:
    settings = {
        "urls": (server.ldaps_url,),
        "bind_dn": server.bind_dn,
        "bind_password": server.bind_password,
        "base_dn": server.base_dn,
        "ca_file": server.ca_file,
        "policy_dn": getattr(server, "policy_dn", None),
    }
    return Ldap(settings=LdapSettings(**{**settings, **others}))


#: Wrong passwords without the character that the plug-in never sets and some servers don't compare.
COMPARED_NEAR_MISSES = [name for name in NEAR_MISSES if name != "NUL after"]


class DirectoryFixtures(TargetFixtures):
    """Over TLS, with a password policy, and with log-ins by a client that has nothing to do with the plug-in."""

    #: The attribute that names an entry.
    rdn: ClassVar[str] = "uid"
    #: How the network is spoken to that fails.
    wired_tls: ClassVar[TlsMode] = TlsMode.NONE

    def dn(self, server: Server, login: str) -> str:
        """Return the name of the entry of an account."""
        return entry_dn(self.rdn, login, server.base_dn)

    def client(self, server: Any, dn: str, password: str) -> Any:
        """Return a client that has nothing to do with the plug-in, for a ``with`` statement."""
        place = ldap3.Server(server.host, port=server.port, get_info=ldap3.NONE)
        return ldap3.Connection(place, user=dn, password=password.encode())

    def administrator(self, server: Server) -> Any:
        return self.client(server, server.admin_dn, server.admin_password.reveal())

    def made(self, server: Server, **others: Any) -> Ldap:
        return made(server, **others)

    @pytest.fixture
    def server(self) -> Server:
        raise NotImplementedError

    @pytest.fixture
    def target(self, server: Server) -> Iterator[Ldap]:
        with closing(self.made(server)) as ldap:
            yield ldap

    @pytest.fixture
    def target_with_wrong_credentials(self, server: Server) -> Iterator[Ldap]:
        with closing(self.made(server, bind_password=Secret("not the password"))) as ldap:
            yield ldap

    @pytest.fixture
    def unreachable_target(self, server: Server) -> Iterator[Ldap]:
        [port] = free_ports(1)
        with closing(self.made(server, urls=(f"ldaps://localhost:{port}",))) as ldap:
            yield ldap

    @pytest.fixture
    def wire(self, server: Server) -> Iterator[TcpProxy]:
        with TcpProxy((server.host, server.port)) as proxy:
            yield proxy

    @pytest.fixture
    def wired_target(self, server: Server, wire: TcpProxy) -> Iterator[Ldap]:
        url = f"ldap://localhost:{wire.port}"
        with closing(self.made(server, urls=(url,), tls=self.wired_tls, timeout=3, connect_timeout=3)) as ldap:
            yield ldap

    @pytest.fixture
    def patience(self) -> float:
        return 60.0

    @pytest.fixture
    def refused_secret(self) -> Secret:
        return Secret("aB1-x")

    @pytest.fixture
    def log_in(self, server: Server) -> Callable[[str, str], bool]:
        def log_in(login: str, password: str) -> bool:
            dn = self.dn(server, login)
            connection = self.client(server, dn, password)
            try:
                return bool(connection.bind())
            finally:
                connection.unbind()

        return log_in

    @pytest.fixture
    def open_session(self, server: Server) -> Iterator[Callable[[str, str], Callable[[], bool]]]:
        """A connection that is bound as the account, as mail programs keep one for hours."""
        with ExitStack() as stack:

            def open_session(login: str, password: str) -> Callable[[], bool]:
                dn = self.dn(server, login)
                connection = self.client(server, dn, password)
                connection.bind()
                stack.callback(connection.unbind)
                # 389 Directory Server puts a blank behind the colon.
                return lambda: connection.extend.standard.who_am_i().replace(": ", ":") == f"dn:{dn}"

            yield open_session

    @pytest.fixture
    def grant(self, server: Server) -> Iterator[Callable[[str], Callable[[], bool]]]:
        """A group, an attribute that the plug-in does not fill, and a further value of one that it fills."""
        group = f"cn=wiki,{server.base_dn}"
        with self.administrator(server) as connection:

            def grant(login: str) -> Callable[[], bool]:
                dn = self.dn(server, login)
                connection.add(group, ["groupOfNames"], {"member": [dn]})
                given = {"description": "reads the wiki", "mail": "wiki@other.example"}
                connection.modify(dn, {name: [(ldap3.MODIFY_ADD, [value])] for name, value in given.items()})

                def is_there() -> bool:
                    kept = [connection.compare(dn, name, value) for name, value in given.items()]
                    return bool(connection.compare(group, "member", dn)) and all(kept)

                return is_there

            yield grant
            connection.delete(group)

    #: The attributes of a group that has no members yet.
    empty_group: ClassVar[Mapping[str, Any]] = {"objectClass": "groupOfNames", "member": "cn=nobody"}

    @pytest.fixture
    def known_entitlements(self, server: Server) -> Iterator[KnownEntitlements]:
        """Two groups beside the accounts."""
        groups = [f"cn={name},{server.base_dn}" for name in ("first", "second")]
        with self.administrator(server) as connection:

            def held_by(login: str) -> list[str]:
                dn = self.dn(server, login)
                return [group for group in groups if connection.compare(group, "member", dn)]

            for group in groups:
                assert connection.add(group, attributes=dict(self.empty_group)), connection.result
            yield KnownEntitlements(first=groups[0], second=groups[1], held_by=held_by)
            for group in groups:
                connection.delete(group)

    @pytest.fixture
    def crowded(self) -> Server:
        """A directory with many accounts."""
        pytest.skip("this directory has no crowd")

    @pytest.fixture
    def crowd(self, crowded: Server) -> Iterator[Crowd]:
        with self.administrator(crowded) as connection, closing(self.made(crowded)) as ldap:
            connection.search(crowded.base_dn, "(uid=*)", ldap3.LEVEL, attributes=["uid"])
            logins = {str(found["attributes"]["uid"][0]) for found in connection.response}

            def delete(login: str) -> None:
                connection.delete(self.dn(crowded, login))

            yield Crowd(target=ldap, logins=logins, delete=delete)

    @pytest.fixture
    def limited(self) -> Server:
        """A directory that itself ends the list in the middle."""
        pytest.skip("this directory has no limit")

    @pytest.fixture
    def limited_target(self, limited: Server) -> Iterator[Ldap]:
        with closing(self.made(limited)) as ldap:
            yield ldap

    @pytest.fixture
    def remove(self, server: Server) -> Callable[[str], None]:
        def remove(login: str) -> None:
            with self.administrator(server) as connection:
                connection.delete(self.dn(server, login))

        return remove


class DirectoryContract(DirectoryFixtures, TargetContract):
    """The whole contract of a directory."""


class ContainerFixtures(DirectoryFixtures):
    """A container for each district. Accounts are found in it by their login."""

    @pytest.fixture
    def unit(self) -> Unit:
        return attrs.evolve(PEOPLE.unit, parent=FORMER.code)

    @pytest.fixture
    def unit_move(self, unit: Unit) -> UnitMove:
        return unit_move(unit)

    def made(self, server: Server, **others: Any) -> Ldap:
        return super().made(server, container="ou={unit_parent}", create_containers=True, **others)

    def dn(self, server: Server, login: str) -> str:
        with self.administrator(server) as connection:
            connection.search(server.base_dn, f"({self.rdn}={escape_filter_chars(login)})", ldap3.SUBTREE)
            return str(connection.response[0]["dn"]) if connection.response else super().dn(server, login)


class ContainerContract(MoveChecks, LifecycleChecks, ContainerFixtures):
    """What a directory with containers does differently."""
