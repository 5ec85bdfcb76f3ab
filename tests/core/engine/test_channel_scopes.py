"""A channel delivers the passwords of the accounts in its scope, and of no others."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest

from provisioner.core.api.errors import NotReadyError
from provisioner.core.api.messages import DeliveryState
from provisioner.core.engine.dispatch import OnUndelivered
from provisioner.core.model import OperationState, Person, Unit
from provisioner.testing.clock import FakeClock
from provisioner.testing.faults import Fault, FaultChannel
from provisioner.testing.harness import INITIATOR, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget
from tests.slow_phones import SlowPhones

OFFICE = Unit(code="il", name="İl", kind="office", login="il46", custodian="p0")
SCHOOL = Unit(code="okul", name="Okul", kind="school", login="okul46", custodian="p1", parent="il")
PERSONS = [Person(id=f"p{number}", name="Kişi", mobile=f"+9053200000{number:02}") for number in range(2)]
NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


@attrs.define(eq=False)
class Site:
    folder: Path
    sms: SlowPhones = attrs.field(factory=SlowPhones)
    letter: FaultChannel = attrs.field(factory=lambda: FaultChannel(MemoryChannel()))

    def start(self, **scopes: dict[str, object]) -> Harness:
        harness = Harness(
            self.folder / "store.sqlite",
            targets={"mail": MemoryTarget()},
            channels={"sms": self.sms, "letter": self.letter},
            clock=FakeClock(NOW),
            deliveries=scopes,
        )
        harness.know(units=[OFFICE, SCHOOL], persons=PERSONS)
        return harness


@pytest.fixture(name="site")
def _site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def used(harness: Harness, unit: Unit) -> list[str]:
    """Return the channels over which the passwords of a unit's account were sent, the latest first."""
    return [delivery.channel for delivery in harness.store.deliveries.recent(unit.login or "")]


@pytest.mark.parametrize(
    ("sms", "letter"),
    [
        ({"kinds": ["office"]}, {"kinds": ["school"]}),
        ({"kinds": ["office"]}, {"under": ["okul"]}),
        ({"kinds": ["office"]}, {"under": ["il"]}),
    ],
)
def test_a_password_is_sent_over_a_channel_for_others(
    site: Site, sms: dict[str, object], letter: dict[str, object]
) -> None:
    with site.start(sms=sms, letter=letter) as harness:
        harness.open(["il", "okul"])

        assert (used(harness, OFFICE), used(harness, SCHOOL)) == (["sms"], ["letter"])


def test_an_account_without_a_channel_stops_the_others_or_gets_a_lost_password(site: Site) -> None:
    with site.start(sms={"kinds": ["office"]}, letter={"account_kinds": ["personal"]}) as harness:
        plan = harness.planner.open_units([OFFICE, SCHOOL], initiator=INITIATOR)
        operations = harness.run(plan)

        assert [(operation.login, operation.state) for operation in operations] == [("il46", OperationState.DONE)]
        [refused] = plan.refused
        assert refused.login == "okul46"
        assert "no channel delivers passwords for this account" in str(refused.reason)
        assert used(harness, SCHOOL) == []


def test_a_broken_channel_stops_accounts_that_do_not_use_it(site: Site) -> None:
    site.letter.faults.on("channel_check", Fault.CANNOT_CONNECT)
    with site.start(sms={"kinds": ["office"]}, letter={"kinds": ["school"]}) as harness:
        [operation] = harness.open(["il"])

        assert operation.state is OperationState.DONE
        with pytest.raises(NotReadyError, match="letter"):
            harness.open(["okul"])


@pytest.mark.parametrize(("kind", "renewed"), [("office", ["letter", "sms"]), ("school", ["sms"])])
def test_a_lost_password_is_sent_again_over_a_channel_for_others(site: Site, kind: str, renewed: list[str]) -> None:
    site.sms.answer = DeliveryState.REJECTED
    with site.start(sms={"on_undelivered": OnUndelivered.NEXT_CHANNEL}, letter={"kinds": [kind]}) as harness:
        harness.open(["il"])
        list(harness.app.runs.resume())

        assert used(harness, OFFICE) == renewed
