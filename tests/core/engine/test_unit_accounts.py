"""Which account a unit has, or would get."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from provisioner.core.api.errors import ConfigurationError, Problem
from provisioner.core.engine.unit_accounts import UnitAccounts
from provisioner.core.model import Unit
from provisioner.testing import samples
from provisioner.testing.harness import NAMING, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

OFFICE = Unit(code="46-HUK", name="Hukuk", kind="office", custodian="1002")


def choose(unit: Unit) -> str:
    if unit.code == "x":
        raise ConfigurationError("the plug-in has no name for it")
    return f"{unit.code}@meb.gov.tr"


@pytest.fixture(name="accounts")
def _accounts(tmp_path: Path) -> Iterator[UnitAccounts]:
    """Return the accounts of a province in which one unit has one."""
    targets, channels = {"posta": MemoryTarget()}, {"sms": MemoryChannel()}
    with Harness(tmp_path / "store.sqlite", targets=targets, channels=channels) as harness:
        harness.know(units=[samples.UNIT], persons=[samples.HOLDER])
        harness.open([samples.UNIT.code])
        yield UnitAccounts(records=harness.store, naming=NAMING, choose_login=choose)


def test_the_account_that_is_there_stays_whatever_the_list_says(accounts: UnitAccounts) -> None:
    problems: list[Problem] = []
    found = accounts.find([attrs.evolve(samples.UNIT, login="another")], problems)

    assert found[samples.UNIT.code].login == samples.ACCOUNT.login
    assert problems == []


def test_a_new_account_is_named_by_the_list_before_the_plug_in(accounts: UnitAccounts) -> None:
    found = accounts.find([OFFICE, attrs.evolve(OFFICE, code="n", login="Hukuk46")], [])

    assert {code: account.login for code, account in found.items()} == {"46-HUK": "46-huk", "n": "hukuk46"}
    assert found["n"].holder == "1002"


@pytest.mark.parametrize(
    ("units", "message"),
    [
        ([attrs.evolve(OFFICE, login="iki kelime")], "iki kelime is not a valid login"),
        ([attrs.evolve(OFFICE, code="x")], "no login can be chosen: the plug-in has no name for it"),
        ([attrs.evolve(OFFICE, login="temelegitim46")], "temelegitim46 belongs to another unit too"),
        ([OFFICE, attrs.evolve(OFFICE, code="n", login="46-huk")], "46-huk belongs to another unit too"),
    ],
    ids=["no login", "no name", "taken", "twice"],
)
def test_a_unit_without_a_login_of_its_own_gets_no_account(
    accounts: UnitAccounts, units: list[Unit], message: str
) -> None:
    """Two units with one login would have one password."""
    problems: list[Problem] = []

    assert accounts.find(units, problems) == {}
    assert {str(problem.message) for problem in problems} == {message}
    assert {problem.field for problem in problems} == {"login"}


def test_units_that_want_the_same_login_are_told_with_it(accounts: UnitAccounts) -> None:
    """An adoption has to see both, to give the account to neither."""
    other = attrs.evolve(OFFICE, code="46-HUK2", login="46-huk")
    problems: list[Problem] = []
    found = accounts.wanted([OFFICE, other, samples.UNIT], problems)

    assert {code: account.login for code, account in found.items()} == {
        "46-HUK": "46-huk",
        "46-HUK2": "46-huk",
        samples.UNIT.code: samples.UNIT.login,
    }
    assert problems == []
