"""Accounts count as not seen only where something could have shown them, and nothing has."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from provisioner.core.model import Person, Unit
from provisioner.services.last_seen import not_seen
from provisioner.testing.clock import FakeClock
from provisioner.testing.faults import Fault, FaultTarget
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

DAY = timedelta(days=1)
PERSON = Person(id="1", name="Ayşe", mobile="+905321234567")
UNITS = [Unit(code=f"u{n}", name="Birim", kind="office", login=f"birim{n}", custodian="1") for n in range(2)]


@pytest.fixture(name="posta")
def _posta() -> FaultTarget:
    return FaultTarget(MemoryTarget())


@pytest.fixture(name="harness")
def _harness(tmp_path: Path, posta: FaultTarget) -> Iterator[Harness]:
    """A process in which two accounts were opened today."""
    targets, channels = {"posta": posta}, {"sms": MemoryChannel()}
    with Harness(tmp_path / "store.sqlite", targets=targets, channels=channels, clock=FakeClock()) as harness:
        harness.know(units=UNITS, persons=[PERSON])
        harness.open(["u0", "u1"])
        yield harness


def logins(harness: Harness) -> list[str]:
    target = harness.plugins.targets["posta"]
    return [account.login for account in not_seen(harness.store, target, harness.clock())]


def advance(harness: Harness, days: int) -> None:
    assert isinstance(harness.clock, FakeClock)
    harness.clock.advance(days * DAY)


def compare(harness: Harness) -> None:
    list(harness.app.reconcile.compare(actor="tester"))


def test_a_proof_is_good_for_thirty_days(harness: Harness) -> None:
    advance(harness, 29)
    assert logins(harness) == []

    advance(harness, 2)
    assert logins(harness) == ["birim0", "birim1"]


def test_an_account_that_was_verified_was_seen(harness: Harness) -> None:
    advance(harness, 31)
    list(harness.app.verification.verify([harness.account("birim0")], actor="tester"))

    assert logins(harness) == ["birim1"]


def test_a_target_that_does_not_answer_shows_nothing(harness: Harness, posta: FaultTarget) -> None:
    advance(harness, 31)
    posta.faults.on("account_probe", Fault.CANNOT_CONNECT)
    list(harness.app.verification.verify([harness.account("birim0")], actor="tester"))

    assert logins(harness) == ["birim0", "birim1"]


def test_a_complete_comparison_leaves_nothing_unseen(harness: Harness, posta: FaultTarget) -> None:
    """Also not a closed account that was removed from the target."""
    harness.close_accounts(["birim1"])
    posta.inner._entries.pop("birim1")
    advance(harness, 31)
    compare(harness)

    assert logins(harness) == []


def test_one_that_failed_does_not_count(harness: Harness, posta: FaultTarget) -> None:
    advance(harness, 31)
    posta.faults.on("account_list", Fault.CANNOT_CONNECT)
    compare(harness)

    assert logins(harness) == ["birim0", "birim1"]


def test_a_target_that_cannot_be_asked_shows_no_account_ever(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    advance(harness, 31)
    target = harness.plugins.targets["posta"]
    monkeypatch.setattr(target, "hooks", target.hooks - {"account_probe"})

    assert logins(harness) == []
