"""The LDAP plug-in keeps the contract against a real slapd."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import ldap3
import pytest
from ldap3.utils.conv import escape_filter_chars

from provisioner.core.model import Unit
from provisioner.testing.contract.sandbox import PEOPLE, UnitMove
from provisioner.testing.plugin import require_server
from provisioner.testing.slapd import Slapd
from provisioner_ldap.plugin import Ldap
from tests.contract.crowds import LOGINS, ldif
from tests.contract.directories import DirectoryContract, Server
from tests.contract.moves import FORMER, unit_move


@pytest.fixture(scope="module", name="crowded_slapd")
def _crowded_slapd() -> Iterator[Slapd]:
    require_server("slapd")
    with Slapd() as server:
        server.load(ldif(server.base_dn, LOGINS))
        yield server


@pytest.mark.server("slapd")
class TestLdap(DirectoryContract):
    """Over TLS, with a password policy, and with log-ins by a client that has nothing to do with the plug-in."""

    @pytest.fixture
    def server(self, contract_slapd: Slapd) -> Slapd:
        return contract_slapd

    @pytest.fixture
    def crowded(self, crowded_slapd: Slapd) -> Slapd:
        return crowded_slapd

    @pytest.fixture
    def limited(self) -> Iterator[Slapd]:
        with Slapd(most_listed=700) as server:
            server.load(ldif(server.base_dn, LOGINS[:1200]))
            yield server


@pytest.mark.server("slapd")
class TestLdapWithContainers(DirectoryContract):
    """The same with a container for each district. Accounts are found in it by their login."""

    @pytest.fixture
    def server(self, contract_slapd: Slapd) -> Slapd:
        return contract_slapd

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
            connection.search(server.base_dn, f"(uid={escape_filter_chars(login)})", ldap3.SUBTREE)
            return str(connection.response[0]["dn"]) if connection.response else super().dn(server, login)
