"""A single account is looked at where it should be, and an answer that did not come is not called a clean account."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from provisioner.core.api.errors import DeniedError
from provisioner.core.model import Account, Person, Unit
from provisioner.testing.faults import Fault, FaultTarget
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

AYSE = Person(id="1", name="Ayşe", mobile="+905321234567")
UNIT = Unit(code="u1", name="Birim", kind="office", login="birim1", custodian="1")


@pytest.fixture(name="posta")
def _posta() -> FaultTarget:
    return FaultTarget(MemoryTarget())


@pytest.fixture(name="harness")
def _harness(tmp_path: Path, posta: FaultTarget) -> Iterator[Harness]:
    targets = {"posta": posta, "wiki": MemoryTarget()}
    scopes = {"wiki": {"kinds": ["school"]}}
    channels = {"sms": MemoryChannel()}
    with Harness(tmp_path / "store.sqlite", targets=targets, channels=channels, scopes=scopes) as harness:
        harness.know(units=[UNIT], persons=[AYSE])
        harness.open(["u1"])
        yield harness


def verify(harness: Harness, actor: str = "tester") -> list[tuple[str, str | None, str | None, str | None]]:
    return [
        (
            verified.target,
            verified.presence.value if verified.presence else None,
            verified.difference.kind.value if verified.difference else None,
            verified.error.name if verified.error else None,
        )
        for verified in harness.app.verification.verify([harness.account("birim1")], actor=actor)
    ]


def test_a_target_out_of_scope_is_not_asked(harness: Harness) -> None:
    assert verify(harness) == [("posta", "enabled", None, None)]


def test_a_difference_is_shown(harness: Harness, posta: FaultTarget) -> None:
    posta.inner._entries["birim1"] = attrs.evolve(posta.inner._entries["birim1"], enabled=False)

    assert verify(harness) == [("posta", "disabled", "disabled", None)]


def test_another_name_is_shown(harness: Harness) -> None:
    harness.know(units=[attrs.evolve(UNIT, name="Yeni Birim")])

    assert verify(harness) == [("posta", "enabled", "attributes", None)]


def test_a_target_that_does_not_answer_is_an_error_and_not_a_clean_account(
    harness: Harness, posta: FaultTarget
) -> None:
    posta.faults.on("account_probe", Fault.CANNOT_CONNECT)

    assert verify(harness) == [("posta", None, None, "UnavailableError")]


def test_an_account_that_is_there_was_seen(harness: Harness) -> None:
    verify(harness)

    assert "birim1" not in {account.login for account in harness.store.last_seen.unseen("posta", harness.clock())}


def test_others_than_the_officers_of_the_unit_may_not_look(tmp_path: Path) -> None:
    account = Account(login="birim1", domain="meb.gov.tr", unit="u1")
    targets, channels = {"posta": MemoryTarget()}, {"sms": MemoryChannel()}
    with Harness(tmp_path / "other.sqlite", targets=targets, channels=channels, administrators=["boss"]) as harness:
        harness.know(units=[UNIT], persons=[AYSE])
        with pytest.raises(DeniedError):
            harness.app.verification.verify([account], actor="somebody")
