"""What is due is determined by the stored data, and no deadline is stored that is outdated."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from provisioner.core.api.rules import Action
from provisioner.core.model import Person, Unit
from provisioner.core.policy.outlook import Outlook, is_stuck_in_renewal
from provisioner.core.policy.policy import Policy, RuleSet
from provisioner.rules.passwords import RenewOrClose
from provisioner.testing.clock import FakeClock
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

DAY = timedelta(days=1)

OFFICE = Unit(code="o", name="Şube", kind="office", login="sube46", custodian="1")
AYSE = Person(id="1", name="Ayşe Işık", unit="o", mobile="+905320000001")


@pytest.fixture(name="office")
def _office(tmp_path: Path, clock: FakeClock) -> Iterator[Harness]:
    policy = Policy(rule_sets=[RuleSet(name="renewal", rules=(RenewOrClose(),))], fingerprint="1")
    phones, targets = MemoryChannel(), {"directory": MemoryTarget()}
    with Harness(
        tmp_path / "store.sqlite", targets=targets, channels={"sms": phones}, clock=clock, policy=policy
    ) as harness:
        harness.know(units=[OFFICE], persons=[AYSE])
        list(harness.sweep().run())
        harness.open(["o"])
        yield harness


@pytest.fixture(name="outlook")
def _outlook(office: Harness) -> Outlook:
    return office.sweep().outlook


def test_what_is_due_at_another_time_is_found(office: Harness, outlook: Outlook, clock: FakeClock) -> None:
    account = office.account("sube46")
    [now], [later] = outlook.demands([account])[0], outlook.demands([account], clock() + 23 * DAY)[0]

    assert (now.warnings, [warning.action for warning in later.warnings]) == ((), [Action.WARN])


def test_the_next_deadline_is_stored(office: Harness, outlook: Outlook, clock: FakeClock) -> None:
    known = office.account("sube46")
    office.store.schedule.save([(known, attrs.evolve(known, next_deadline=None))])
    outlook.plan_ahead(["sube46"])

    assert office.account("sube46").next_deadline == clock() + 23 * DAY


def test_no_deadline_is_stored_for_an_account_that_was_changed_since_it_was_read(
    office: Harness, outlook: Outlook
) -> None:
    account = office.account("sube46")
    office.store.schedule.save([(account, attrs.evolve(account, next_deadline=None))])
    outlook.reschedule([attrs.evolve(office.account("sube46"), holder="2")])

    assert office.account("sube46").next_deadline is None


def test_an_account_without_an_operation_is_not_stuck() -> None:
    assert not is_stuck_in_renewal(None)
