"""An open account that is missing on a target joins it at its next renewal, and nobody is closed for its absence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from provisioner.core.model import AccountState, Operation, OperationState, Person, TargetState, Unit
from provisioner.testing.faults import Fault, Faults, FaultTarget
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

AYSE = Person(id="1", name="Ayşe", mobile="+905321234567")
VELI = Person(id="2", name="Veli", mobile="+905337654321")
UNIT = Unit(code="u1", name="Birim", kind="office", login="birim1", custodian="1")


@attrs.define(eq=False)
class Site:
    """An office whose configuration changes while its store and its systems stay."""

    folder: Path
    first: MemoryTarget = attrs.field(factory=MemoryTarget)
    added: MemoryTarget = attrs.field(factory=MemoryTarget)
    sms: MemoryChannel = attrs.field(factory=MemoryChannel)
    faults: Faults = attrs.field(factory=Faults)
    undoes: bool = True

    def start(self, *names: str, cannot: tuple[str, ...] = ()) -> Harness:
        targets = {"first": self.first, "added": FaultTarget(self.added, Faults(), undoes=self.undoes)}
        targets["last"] = FaultTarget(MemoryTarget(), self.faults)
        return Harness(
            self.folder / "store.db",
            targets={name: targets[name] for name in names},
            channels={"sms": self.sms},
            cannot={"added": cannot},
        )

    def password(self, number: str | None = AYSE.mobile) -> str:
        return self.sms.inbox(number or "")[-1].password


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Site:
    site = Site(tmp_path)
    with site.start("first", "last") as harness:
        harness.know(units=[UNIT], persons=[AYSE, VELI])
        harness.open(["u1"])
    return site


Renew = Callable[[Harness], Operation]


def rotate(harness: Harness) -> Operation:
    [operation] = harness.run(harness.planner.rotate([harness.account("birim1")], initiator=INITIATOR))
    return operation


def hand_over(harness: Harness) -> Operation:
    [operation] = harness.run(harness.planner.hand_over(harness.account("birim1"), to="2", initiator=INITIATOR))
    return operation


@pytest.mark.parametrize("renew", [rotate, hand_over])
def test_a_target_that_was_added_later_gets_the_account_with_its_next_password(site: Site, renew: Renew) -> None:
    with site.start("first", "added") as harness:
        operation = renew(harness)
        person = VELI if renew is hand_over else AYSE

        assert operation.state is OperationState.DONE
        assert [(step.name, step.hook) for step in operation.steps if step.name == "added"] == [
            ("added", operation.steps[0].hook),
            ("added", "account_create"),
            ("added", "account_probe"),
        ]
        password = site.password(person.mobile)
        assert site.first.logs_in("birim1", password)
        assert site.added.logs_in("birim1", password)
        assert harness.store.accounts.target_states("birim1")["added"] is TargetState.OPEN
        assert site.added._entries["birim1"].holder == person.id


def test_nobody_gets_an_extra_message(site: Site) -> None:
    before = len(site.sms.inbox(AYSE.mobile or ""))
    with site.start("first", "added") as harness:
        rotate(harness)

    assert len(site.sms.inbox(AYSE.mobile or "")) == before + 1


def test_an_account_that_somebody_deleted_comes_back(site: Site) -> None:
    del site.first._entries["birim1"]
    with site.start("first") as harness:
        assert rotate(harness).state is OperationState.DONE

    assert site.first.logs_in("birim1", site.password())


def test_what_joined_is_gone_again_if_another_target_refuses(site: Site) -> None:
    """The former password stays, and the state of the added target is no lie."""
    former = site.password()
    site.faults.on("account_rotate", Fault.REFUSE)
    with site.start("first", "added", "last") as harness:
        operation = rotate(harness)

        assert operation.state is OperationState.UNDONE
        assert "birim1" not in site.added._entries
        assert site.first.logs_in("birim1", former)
        assert harness.store.accounts.target_states("birim1")["added"] is TargetState.ABSENT
        assert harness.account("birim1").state is AccountState.OPEN


def test_a_target_that_cannot_create_accounts_is_not_joined(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    class Frozen(MemoryTarget):
        account_create = None  # type: ignore[assignment]

    former = site.password()
    with Harness(
        site.folder / "store.db",
        targets={"first": site.first, "added": Frozen()},
        channels={"sms": site.sms},
        cannot={"added": ("account_create",)},
    ) as harness:
        operation = rotate(harness)

        assert operation.state is OperationState.UNDONE
        assert operation.error
        assert operation.error.name == "MissingError"
    assert site.first.logs_in("birim1", former)
