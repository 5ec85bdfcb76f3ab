"""An adopted account is an open account; nothing is adopted over what is there."""

from __future__ import annotations

import pytest

from provisioner.core.api.errors import BusyError
from provisioner.core.model import Account, AccountState, TargetState, Unit
from provisioner.core.reconcile.adoption import AccountAdopted, PasswordAge
from provisioner.store import Store
from tests.store.conftest import NOON

UNITS = [Unit(code=code, name=code, kind="office") for code in ("a", "b", "c")]


def adopted(login: str, unit: str) -> AccountAdopted:
    account = Account(
        login=login,
        domain="meb.gov.tr",
        unit=unit,
        holder="1",
        state=AccountState.OPEN,
        opened_at=NOON,
        password_changed_at=NOON,
        next_deadline=NOON,
    )
    return AccountAdopted(
        at=NOON,
        actor="tester",
        login=login,
        account=account,
        targets={"posta": TargetState.OPEN, "pys": TargetState.UNPROVED},
        matched_by="mail",
        password_age=PasswordAge.TARGET,
        password_set_at=NOON,
    )


@pytest.fixture(name="towns")
def _towns(store: Store) -> Store:
    store.units.save(UNITS)
    return store


def test_everything_that_is_known_of_it_is_there(towns: Store) -> None:
    event = adopted("bir", "a")
    towns.write(event)

    assert towns.accounts.get_many(["bir"])["bir"] == event.account
    assert towns.accounts.target_states("bir") == event.targets
    assert [entry.kind for entry in towns.audit_log.entries(login="bir")] == ["account_adopted"]
    assert towns.audit_log.verify_chain() is None


@pytest.mark.parametrize(("login", "unit"), [("bir", "b"), ("iki", "a")])
def test_a_login_or_a_unit_that_is_taken_meanwhile_is_refused_with_its_page(
    towns: Store, login: str, unit: str
) -> None:
    """Otherwise a unit would have two accounts, or an account two units."""
    towns.write(adopted("bir", "a"))
    with pytest.raises(BusyError):
        towns.write(adopted("uc", "c"), adopted(login, unit))

    assert [account.login for account in towns.accounts.find()] == ["bir"]
