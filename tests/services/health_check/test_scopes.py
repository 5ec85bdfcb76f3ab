"""Accounts that are not where they belong: nobody finds out weeks later that a new target is empty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import ProbeAccount
from provisioner.core.model import Person, Unit
from provisioner.services.health_check.results import CheckResult, CheckStatus
from provisioner.services.health_check.scopes import check_scopes
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

UNITS = [
    Unit(code="il-mem", name="İl", kind="province", login="il46", custodian="1"),
    Unit(code="ar-ge", name="AR-GE", kind="office", parent="il-mem", login="arge46", custodian="1"),
    Unit(code="lise", name="Lise", kind="school", parent="il-mem", login="lise46", custodian="1"),
    Unit(code="kapali", name="Kapalı", kind="office", login="kapali46", custodian="1"),
]


class DeafTarget(MemoryTarget):
    """A target that must not be asked."""

    @hookimpl
    def account_probe(self, request: ProbeAccount) -> Any:
        raise AssertionError(request)

    @hookimpl
    def account_list(self) -> Iterator[Any]:
        raise AssertionError


class FixedTarget(DeafTarget):
    """A target on which nothing can be created."""

    account_create = None  # type: ignore[assignment]


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    """The store of a site with three open accounts and a closed one on one target."""
    file = tmp_path / "provisioner.sqlite"
    with start(file, {"mail": MemoryTarget()}) as harness:
        harness.know(units=UNITS, persons=[Person(id="1", name="Ayşe", mobile="+905321234567")])
        harness.open([unit.code for unit in UNITS])
        harness.close_accounts(["kapali46"])
    return file


def start(file: Path, targets: Mapping[str, object], **options: Any) -> Harness:
    return Harness(file, targets=targets, channels={"sms": MemoryChannel()}, **options)


def checked(
    file: Path, scopes: Mapping[str, Mapping[str, Any]] | None = None, db: type[MemoryTarget] = DeafTarget
) -> list[CheckResult]:
    targets, lacking = {"mail": DeafTarget(), "db": db()}, {"db": ["account_create"]} if db is FixedTarget else {}
    with start(file, targets, scopes=scopes, cannot=lacking) as harness:
        return list(check_scopes(harness.app.config, harness.app.plugins))


def told(results: list[CheckResult]) -> list[tuple[str, str]]:
    assert {result.status for result in results} <= {CheckStatus.WARNING}
    return [(result.name, str(result.message)) for result in results]


def test_a_new_target_tells_how_many_accounts_it_lacks(file: Path) -> None:
    assert told(checked(file)) == [("targets.db", "3 open accounts are not on db")]


def test_a_target_that_has_every_account_says_nothing(file: Path) -> None:
    assert [name for name, _ in told(checked(file))].count("targets.mail") == 0


@pytest.mark.parametrize(
    ("scope", "count"),
    [({"kinds": ["school"]}, "1 open account is"), ({"under": ["il-mem"]}, "3 open accounts are")],
)
def test_only_accounts_in_the_scope_are_missing(file: Path, scope: Mapping[str, Any], count: str) -> None:
    assert told(checked(file, {"db": scope})) == [("targets.db", f"{count} not on db")]


def test_accounts_that_a_scope_left_behind_are_told(file: Path) -> None:
    found = told(checked(file, {"mail": {"kinds": ["school"]}, "db": {"account_kinds": ["personal"]}}))

    assert found == [("targets.mail", "2 accounts are open on mail, where they no longer belong")]


def test_a_target_on_which_nothing_can_be_created_lacks_nothing(file: Path) -> None:
    assert checked(file, db=FixedTarget) == []


def test_a_misspelt_unit_in_a_scope_is_told(file: Path) -> None:
    """Otherwise the target would have no account, silently."""
    assert told(checked(file, {"db": {"under": ["lisee"]}})) == [("targets.db", "there is no unit lisee")]


def test_a_misspelt_unit_of_a_channel_is_told(file: Path) -> None:
    with start(file, {"mail": DeafTarget()}, deliveries={"sms": {"under": ["lisee"]}}) as harness:
        results = list(check_scopes(harness.app.config, harness.app.plugins))

    assert told(results) == [("channels.sms", "there is no unit lisee")]


def test_after_the_renewal_nothing_is_told(file: Path) -> None:
    with start(file, {"mail": MemoryTarget(), "db": MemoryTarget()}) as harness:
        harness.rotate(["il46", "arge46", "lise46"])

    assert checked(file) == []
