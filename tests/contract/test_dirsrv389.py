"""The LDAP plug-in keeps the contract against a real 389 Directory Server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from provisioner.testing.contract.sandbox import Sandbox
from provisioner.testing.dirsrv389 import NsSlapd
from provisioner.testing.plugin import require_server
from tests.contract.directories import COMPARED_NEAR_MISSES, DirectoryContract

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
