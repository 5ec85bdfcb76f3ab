"""The LDAP plug-in keeps the contract against a real 389 Directory Server."""

from __future__ import annotations

from collections.abc import Iterator

import ldap3
import pytest

from provisioner.testing.contract.sandbox import Sandbox
from provisioner.testing.dirsrv389 import NsSlapd
from provisioner.testing.plugin import require_server
from tests.contract.crowds import LOGINS
from tests.contract.directories import COMPARED_NEAR_MISSES, ContainerContract, DirectoryContract

pytestmark = [pytest.mark.server("dirsrv389"), pytest.mark.slow]

#: Rules as an office has them. Of a password, the directory refuses any three letters in a row that are in the entry;
#: with eight, no password of the contract is refused by chance.
POLICY = {
    "passwordCheckSyntax": "on",
    "passwordMinLength": "6",
    "passwordMinTokenLength": "8",
    "passwordHistory": "on",
    "passwordInHistory": "3",
    "passwordMustChange": "on",
    "passwordLockout": "on",
    "passwordMaxFailure": "20",
}

#: How many entries a service account may look at, after which the server ends a list with the result 11.
LIMIT = "nsLookThroughLimit"


@pytest.fixture(scope="module", name="contract_dirsrv389")
def _contract_dirsrv389() -> Iterator[NsSlapd]:
    require_server("dirsrv389")
    with NsSlapd(policy=POLICY) as server:
        yield server


class TestDirsrv389(DirectoryContract):
    """Over TLS, with a password policy, and with log-ins by a client that has nothing to do with the plug-in."""

    @pytest.mark.parametrize("difference", COMPARED_NEAR_MISSES)
    def test_probe_refuses_what_is_nearly_the_secret(self, sandbox: Sandbox, difference: str) -> None:
        super().test_probe_refuses_what_is_nearly_the_secret(sandbox, difference)

    @pytest.fixture
    def server(self, contract_dirsrv389: NsSlapd) -> NsSlapd:
        return contract_dirsrv389

    @pytest.fixture
    def crowded(self, contract_dirsrv389: NsSlapd) -> NsSlapd:
        with self.administrator(contract_dirsrv389) as connection:
            for login in LOGINS[:1200]:
                values = {"cn": login, "sn": login, "mail": f"{login}@meb.gov.tr"}
                connection.add(f"uid={login},{contract_dirsrv389.base_dn}", ["inetOrgPerson"], values)
        return contract_dirsrv389

    @pytest.fixture
    def limited(self, crowded: NsSlapd) -> Iterator[NsSlapd]:
        with self.administrator(crowded) as connection:
            assert connection.modify(crowded.bind_dn, {LIMIT: [(ldap3.MODIFY_REPLACE, ["700"])]}), connection.result
            yield crowded
            connection.modify(crowded.bind_dn, {LIMIT: [(ldap3.MODIFY_DELETE, [])]})


class TestDirsrv389WithContainers(ContainerContract):
    """A container for each district."""

    @pytest.fixture
    def server(self, contract_dirsrv389: NsSlapd) -> NsSlapd:
        return contract_dirsrv389
