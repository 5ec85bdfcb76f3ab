"""The LDAP plug-in keeps the contract against a real slapd."""

from __future__ import annotations

import pytest

from provisioner.testing.slapd import Slapd
from tests.contract.directories import DirectoryContract


@pytest.mark.server("slapd")
class TestLdap(DirectoryContract):
    """Over TLS, with a password policy, and with log-ins by a client that has nothing to do with the plug-in."""

    @pytest.fixture
    def server(self, contract_slapd: Slapd) -> Slapd:
        return contract_slapd
