"""Real servers that many checks share, each started once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from provisioner.testing.plugin import require_server
from provisioner.testing.slapd import Slapd

#: Rules as an office has them: short passwords and former ones are refused.
POLICY = {"pwdCheckQuality": "1", "pwdMinLength": "6", "pwdInHistory": "3", "pwdLockout": "TRUE"}


@pytest.fixture(scope="session", name="contract_slapd")
def _contract_slapd() -> Iterator[Slapd]:
    require_server("slapd")
    with Slapd(policy=POLICY) as server:
        yield server
