"""The LDAP plug-in keeps the contract against a real slapd."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import ldap3
import pytest

from provisioner.core.model.secret import Secret
from provisioner.testing.contract import TargetContract
from provisioner.testing.ports import free_ports
from provisioner.testing.proxy import TcpProxy
from provisioner.testing.slapd import Slapd
from provisioner_ldap.names import entry_dn
from provisioner_ldap.plugin import Ldap
from provisioner_ldap.settings import LdapSettings, TlsMode

pytestmark = pytest.mark.server("slapd")


def made(slapd: Slapd, **others: Any) -> Ldap:
    settings = {
        "urls": (slapd.ldaps_url,),
        "bind_dn": slapd.bind_dn,
        "bind_password": slapd.bind_password,
        "base_dn": slapd.base_dn,
        "ca_file": slapd.ca_file,
        "policy_dn": slapd.policy_dn,
    }
    return Ldap(settings=LdapSettings(**{**settings, **others}))


def administrator(slapd: Slapd) -> ldap3.Connection:
    """Return a client that has nothing to do with the plug-in, for a ``with`` statement."""
    server = ldap3.Server("127.0.0.1", port=slapd.port, get_info=ldap3.NONE)
    return ldap3.Connection(server, user=slapd.admin_dn, password=slapd.admin_password.reveal())


class TestLdap(TargetContract):
    """Over TLS, with a password policy, and with log-ins by a client that has nothing to do with the plug-in."""

    @pytest.fixture
    def target(self, contract_slapd: Slapd) -> Iterator[Ldap]:
        with closing(made(contract_slapd)) as ldap:
            yield ldap

    @pytest.fixture
    def target_with_wrong_credentials(self, contract_slapd: Slapd) -> Iterator[Ldap]:
        with closing(made(contract_slapd, bind_password=Secret("not the password"))) as ldap:
            yield ldap

    @pytest.fixture
    def unreachable_target(self, contract_slapd: Slapd) -> Iterator[Ldap]:
        [port] = free_ports(1)
        with closing(made(contract_slapd, urls=(f"ldaps://localhost:{port}",))) as ldap:
            yield ldap

    @pytest.fixture
    def wire(self, contract_slapd: Slapd) -> Iterator[TcpProxy]:
        with TcpProxy(("127.0.0.1", contract_slapd.port)) as proxy:
            yield proxy

    @pytest.fixture
    def wired_target(self, contract_slapd: Slapd, wire: TcpProxy) -> Iterator[Ldap]:
        url = f"ldap://localhost:{wire.port}"
        with closing(made(contract_slapd, urls=(url,), tls=TlsMode.NONE, timeout=1, connect_timeout=1)) as ldap:
            yield ldap

    @pytest.fixture
    def patience(self) -> float:
        return 8.0

    @pytest.fixture
    def refused_secret(self) -> Secret:
        return Secret("aB1-x")

    @pytest.fixture
    def log_in(self, contract_slapd: Slapd) -> Callable[[str, str], bool]:
        server = ldap3.Server("127.0.0.1", port=contract_slapd.port, get_info=ldap3.NONE)

        def log_in(login: str, password: str) -> bool:
            dn = entry_dn("uid", login, contract_slapd.base_dn)
            connection = ldap3.Connection(server, user=dn, password=password.encode())
            try:
                return bool(connection.bind())
            finally:
                connection.unbind()

        return log_in

    @pytest.fixture
    def open_session(self, contract_slapd: Slapd) -> Iterator[Callable[[str, str], Callable[[], bool]]]:
        """A connection that is bound as the account, as mail programs keep one for hours."""
        server = ldap3.Server("127.0.0.1", port=contract_slapd.port, get_info=ldap3.NONE)
        with ExitStack() as stack:

            def open_session(login: str, password: str) -> Callable[[], bool]:
                dn = entry_dn("uid", login, contract_slapd.base_dn)
                connection = ldap3.Connection(server, user=dn, password=password.encode())
                connection.bind()
                stack.callback(connection.unbind)
                return lambda: connection.extend.standard.who_am_i() == f"dn:{dn}"

            yield open_session

    @pytest.fixture
    def grant(self, contract_slapd: Slapd) -> Iterator[Callable[[str], Callable[[], bool]]]:
        """A group, an attribute that the plug-in does not fill, and a further value of one that it fills."""
        group = f"cn=wiki,{contract_slapd.base_dn}"
        with administrator(contract_slapd) as connection:

            def grant(login: str) -> Callable[[], bool]:
                dn = entry_dn("uid", login, contract_slapd.base_dn)
                connection.add(group, ["groupOfNames"], {"member": [dn]})
                given = {"description": "reads the wiki", "mail": "wiki@other.example"}
                connection.modify(dn, {name: [(ldap3.MODIFY_ADD, [value])] for name, value in given.items()})

                def is_there() -> bool:
                    kept = [connection.compare(dn, name, value) for name, value in given.items()]
                    return bool(connection.compare(group, "member", dn)) and all(kept)

                return is_there

            yield grant
            connection.delete(group)

    @pytest.fixture
    def remove(self, contract_slapd: Slapd) -> Callable[[str], None]:
        def remove(login: str) -> None:
            with administrator(contract_slapd) as connection:
                connection.delete(entry_dn("uid", login, contract_slapd.base_dn))

        return remove
