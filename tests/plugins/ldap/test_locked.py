"""A renewal of an account that an administrator of the directory locked, on a real server."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from provisioner.core.model import Account, AccountState, OperationState, Unit
from provisioner.testing import samples
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel
from provisioner.testing.slapd import Slapd
from provisioner_ldap.plugin import Ldap
from tests.plugins.ldap.conftest import Administrator, settings_of

LOCKS = {
    "pwdAccountLockedTime": "000001010000Z",
    "pwdEndTime": "20200101000000Z",
    "pwdStartTime": "20990101000000Z",
}


@pytest.mark.server("slapd")
@pytest.mark.parametrize("attribute", LOCKS)
def test_the_lock_is_named_and_the_former_password_is_good_once_it_is_lifted(
    tmp_path: Path, slapd: Slapd, administrator: Administrator, account: Account, attribute: str
) -> None:
    plugin, phones = Ldap(settings=settings_of(slapd)), MemoryChannel()
    unit: Unit = attrs.evolve(samples.UNIT, login=account.login)
    dn = administrator.dn(account)
    with Harness(tmp_path / "store.sqlite", targets={"posta": plugin}, channels={"sms": phones}) as harness:
        harness.know(units=[unit], persons=[samples.HOLDER])
        harness.open([unit.code])
        administrator.replace(dn, **{attribute: LOCKS[attribute]})

        [operation] = harness.rotate([account.login])

        assert operation.state is OperationState.UNDONE
        assert operation.error is not None
        assert f"{attribute}={LOCKS[attribute]}" in str(operation.error.message)
        assert administrator.text(dn, attribute) == LOCKS[attribute]
        assert harness.resume() == []
        assert harness.account(account.login).state is AccountState.OPEN
    administrator.replace(dn, **{attribute: ""})
    [message] = phones.inbox(samples.HOLDER.mobile or "")
    assert administrator.logs_in(dn, message.password)
    plugin.close()
