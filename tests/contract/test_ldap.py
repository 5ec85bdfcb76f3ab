"""The LDAP plug-in keeps the contract against a real slapd."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from provisioner.testing.plugin import require_server
from provisioner.testing.slapd import Slapd
from tests.contract.crowds import LOGINS, ldif
from tests.contract.directories import ContainerFixtures, DirectoryContract


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


@pytest.mark.slow
@pytest.mark.server("slapd")
class TestLdapWithContainers(ContainerFixtures, DirectoryContract):
    """The same with a container for each district."""

    @pytest.fixture
    def server(self, contract_slapd: Slapd) -> Slapd:
        return contract_slapd
