"""A family of another package keeps the contract: the example, against a real slapd without a password policy."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from provisioner.core.model.secret import Secret
from provisioner.testing.slapd import Slapd
from provisioner_ldap import families
from provisioner_ldap.plugin import Ldap
from tests.contract.directories import DirectoryContract, made

EXAMPLE = Path(__file__).parents[2] / "examples" / "ldap-family"

pytestmark = [pytest.mark.server("slapd"), pytest.mark.slow]

#: What the example asks of the directory.
RULE = (
    f'to dn.subtree="{Slapd.base_dn}" filter=(employeeType=closed) attrs=userPassword'
    f' by dn.exact="{Slapd.bind_dn}" write by * none'
)


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the example be found as if it were installed."""
    monkeypatch.syspath_prepend(EXAMPLE)
    found = EntryPoint("openldap-acl", "acl_family:AclFamily", families.GROUP)
    monkeypatch.setattr(families, "entry_points", lambda *, group: [found] if group == families.GROUP else [])


@pytest.fixture(scope="module", name="slapd_without_policy")
def _slapd_without_policy() -> Iterator[Slapd]:
    with Slapd(ppolicy=False, rules=[RULE]) as server:
        yield server


def test_the_example_is_short() -> None:
    lines = (EXAMPLE / "acl_family.py").read_text(encoding="utf-8").splitlines()

    assert len(lines) <= 100


class TestForeignFamily(DirectoryContract):
    """Over TLS, with log-ins by a client that has nothing to do with the plug-in."""

    def made(self, server: Any, **others: Any) -> Ldap:
        return made(server, **{"family": "openldap-acl", "policy_dn": None, **others})

    @pytest.fixture
    def server(self, slapd_without_policy: Slapd) -> Slapd:
        return slapd_without_policy

    @pytest.fixture
    def refused_secret(self) -> Secret:
        pytest.skip("a directory without a password policy refuses no password")
