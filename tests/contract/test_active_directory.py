"""The LDAP plug-in keeps the contract against a real Active Directory, that of Samba."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any, ClassVar

import ldap3
import pytest

from provisioner.testing.contract.sandbox import Sandbox
from provisioner.testing.plugin import require_server
from provisioner.testing.samba import Samba
from provisioner_ldap.plugin import Ldap
from provisioner_ldap.settings import TlsMode
from tests.contract.directories import (
    COMPARED_NEAR_MISSES,
    ContainerContract,
    DirectoryContract,
    DirectoryFixtures,
    made,
)

pytestmark = [pytest.mark.server("samba"), pytest.mark.slow]

LAYOUT = {
    "rdn": "cn",
    "object_classes": ("user",),
    "attributes": {
        "sAMAccountName": "{login}",
        "userPrincipalName": "{mail}",
        "mail": "{mail}",
        "department": "{unit_name}",
        "displayName": "{holder_name}",
        "employeeNumber": "{holder_id}",
        "title": "{holder_title}",
    },
}


@pytest.fixture(scope="module", name="contract_samba")
def _contract_samba() -> Iterator[Samba]:
    require_server("samba")
    with Samba() as server:
        yield server


class ActiveDirectoryFixtures(DirectoryFixtures):
    """Over TLS, as such a directory wants it, with log-ins by a client that has nothing to do with the plug-in."""

    rdn: ClassVar[str] = "cn"
    wired_tls: ClassVar[TlsMode] = TlsMode.REQUIRED

    def client(self, server: Samba, dn: str, password: str) -> Any:
        return server.client(dn, password)

    def made(self, server: Any, **others: Any) -> Ldap:
        return made(server, **{**LAYOUT, **others})

    @pytest.fixture
    def server(self, contract_samba: Samba) -> Samba:
        return contract_samba

    @pytest.fixture
    def open_session(self, server: Samba) -> Iterator[Callable[[str, str], Callable[[], bool]]]:
        """A connection that is bound as the account, which can read what strangers cannot."""
        with ExitStack() as stack:

            def open_session(login: str, password: str) -> Callable[[], bool]:
                dn = self.dn(server, login)
                connection = server.client(dn, password)
                connection.bind()
                stack.callback(connection.unbind)
                return lambda: bool(connection.search(dn, "(objectClass=*)", ldap3.BASE, attributes=["cn"]))

            yield open_session

    empty_group: ClassVar[Mapping[str, Any]] = {"objectClass": "group"}

    @pytest.fixture
    def grant(self, server: Samba) -> Iterator[Callable[[str], Callable[[], bool]]]:
        """A group, and an attribute that the plug-in does not fill."""
        group = f"CN=wiki,{server.base_dn}"
        with self.administrator(server) as connection:

            def grant(login: str) -> Callable[[], bool]:
                dn = self.dn(server, login)
                connection.add(group, ["group"], {"sAMAccountName": "wiki", "member": [dn]})
                connection.modify(dn, {"description": [(ldap3.MODIFY_ADD, ["reads the wiki"])]})

                def is_there() -> bool:
                    connection.search(dn, "(objectClass=*)", ldap3.BASE, attributes=["description", "memberOf"])
                    held = connection.response[0]["raw_attributes"]
                    return (held["description"], held["memberOf"]) == ([b"reads the wiki"], [group.encode()])

                return is_there

            yield grant
            connection.delete(group)


class TestActiveDirectory(ActiveDirectoryFixtures, DirectoryContract):
    """The whole contract."""

    @pytest.mark.parametrize("difference", COMPARED_NEAR_MISSES)
    def test_probe_refuses_what_is_nearly_the_secret(self, sandbox: Sandbox, difference: str) -> None:
        super().test_probe_refuses_what_is_nearly_the_secret(sandbox, difference)


class TestActiveDirectoryWithContainers(ContainerContract, ActiveDirectoryFixtures):
    """A container for each district."""
