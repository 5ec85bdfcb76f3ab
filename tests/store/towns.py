"""Accounts that are brought into a store as they are."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from provisioner.core.model import Account
from provisioner.store import Store
from tests.store.conftest import Story


def plan(store: Store, story: type[Story], *accounts: Account) -> None:
    """Bring these accounts into the store as they are."""
    tales = [story(account.login, id=f"op-{account.unit}-{account.login}") for account in accounts]
    store.write(*(attrs.evolve(tale.planned(), account=account) for tale, account in zip(tales, accounts, strict=True)))


def account(login: str, unit: str = "46", **more: object) -> Account:
    return Account(login=login, domain="meb.gov.tr", unit=unit, **more)  # type: ignore[arg-type]


def logins(accounts: Iterable[Account]) -> list[str]:
    return [account.login for account in accounts]
