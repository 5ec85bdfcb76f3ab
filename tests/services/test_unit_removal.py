"""Units are removed when nothing but history is left of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from provisioner.core.api.errors import BusyError, DeniedError, InputError
from provisioner.core.engine.plan import Initiator
from provisioner.core.governance.roles import Role
from provisioner.core.model import AccountState, Person, Unit
from provisioner.core.policy.policy import Policy, RuleSet
from provisioner.manifest import Manifest, read_units
from provisioner.rules.retention import Retention
from provisioner.services.application import Application
from provisioner.testing.clock import FakeClock
from provisioner.testing.harness import NAMING, Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget
from tests.services.conftest import UNITS, Observer

ADMINISTRATOR, OFFICER = "9000", "1001"
INITIATOR = Initiator(actor=ADMINISTRATOR)


def codes(app: Application) -> set[str]:
    return {unit.code for unit in app.store.units.all()}


def listed(*units: Unit) -> Manifest[Unit]:
    return Manifest(file="units.csv", items=units, lines={})


@pytest.fixture(name="closed")
def _closed(app: Application) -> Application:
    """An application of which the unit ``ar-ge`` was open and is closed."""
    app.units.open(["ar-ge"], initiator=INITIATOR).wait()
    app.runs.start(app.units.plan_closing(["ar-ge"], INITIATOR)).wait()
    return app


def test_a_removed_unit_is_not_listed(closed: Application, observer: Observer) -> None:
    removal = closed.unit_removal.remove(["ar-ge"], actor=ADMINISTRATOR)

    assert [unit.code for unit in removal.units] == ["ar-ge"]
    assert codes(closed) == {"il-mem"}
    assert not closed.store.units.children("il-mem")
    assert [unit.code for unit in closed.store.units.subtree("il-mem")] == ["il-mem"]
    assert [event.kind for event in observer.seen] == ["unit_removed"]


def test_its_history_stays_readable(closed: Application) -> None:
    closed.unit_removal.remove(["ar-ge"], actor=ADMINISTRATOR)

    assert closed.store.accounts.get_many(["arge46"])["arge46"].state is AccountState.CLOSED
    assert "unit_removed" in [event.kind for event in closed.store.audit_log.entries(login="arge46")]


def test_a_dry_run_removes_nothing(closed: Application) -> None:
    assert closed.unit_removal.remove(["ar-ge"], actor=ADMINISTRATOR, dry_run=True).units
    assert "ar-ge" in codes(closed)


def test_a_removed_unit_is_unknown(closed: Application, tmp_path: Path) -> None:
    """Otherwise its account could be opened again, or other units hang below it."""
    closed.unit_removal.remove(["ar-ge"], actor=ADMINISTRATOR)
    manifest = tmp_path / "units.csv"
    manifest.write_text("code,name,kind,parent,login,custodian\nnew,New,office,ar-ge,,1001\n")

    with pytest.raises(InputError, match="there is no unit ar-ge"):
        closed.units.open(["ar-ge"], initiator=INITIATOR)
    with pytest.raises(InputError, match="there is no unit ar-ge"):
        read_units(manifest, NAMING, closed.store)
    [refused] = closed.accounts.plan_reopening(["arge46"], INITIATOR).refused
    assert "was removed" in str(refused.reason)


def test_a_list_that_names_it_adds_it_again(closed: Application, observer: Observer) -> None:
    closed.unit_removal.remove(["ar-ge"], actor=ADMINISTRATOR)
    observer.seen.clear()

    closed.units.save(UNITS, actor=ADMINISTRATOR)

    assert codes(closed) == {"il-mem", "ar-ge"}
    assert [event.kind for event in observer.seen] == ["unit_added"]


def test_an_applied_list_reopens_it(closed: Application) -> None:
    closed.unit_removal.remove(["ar-ge"], actor=ADMINISTRATOR)

    plan = closed.unit_list.plan(listed(*UNITS), initiator=INITIATOR)
    closed.unit_list.start(plan, INITIATOR).wait()

    assert [change.kind.value for change in plan.changes] == ["open", "reopen"]
    assert closed.store.accounts.get_many(["arge46"])["arge46"].state is AccountState.OPEN


def test_an_open_account_stands_in_the_way(app: Application) -> None:
    app.units.open(["ar-ge"], initiator=INITIATOR).wait()

    [needed] = app.unit_removal.remove(["ar-ge"], actor=ADMINISTRATOR).needed

    assert (needed.unit, "arge46" in str(needed.reason), "unit close ar-ge" in str(needed.cure)) == (
        "ar-ge",
        True,
        True,
    )
    assert "ar-ge" in codes(app)


def test_units_below_stand_in_the_way(app: Application) -> None:
    [needed] = app.unit_removal.remove(["il-mem"], actor=ADMINISTRATOR).needed

    assert "ar-ge" in str(needed.reason)
    assert app.unit_removal.remove(["il-mem", "ar-ge"], actor=ADMINISTRATOR).units
    assert codes(app) == set()


def test_of_several_units_all_or_none_are_removed(app: Application) -> None:
    app.units.save([Unit(code="new", name="New", kind="office")], actor=ADMINISTRATOR)

    assert not app.unit_removal.remove(["new", "il-mem"], actor=ADMINISTRATOR).units
    assert "new" in codes(app)


def test_is_denied_to_officers_of_other_units(app: Application) -> None:
    app.delegation.grant(OFFICER, Role.OFFICER, unit="ar-ge", actor=ADMINISTRATOR)

    with pytest.raises(DeniedError):
        app.unit_removal.remove(["il-mem", "ar-ge"], actor=OFFICER)

    assert app.unit_removal.remove(["ar-ge"], actor=OFFICER).units


def test_an_account_that_is_opened_meanwhile_keeps_the_unit(app: Application) -> None:
    """The check and the removal are two transactions."""
    service = app.unit_removal
    app.units.open(["ar-ge"], initiator=INITIATOR).wait()

    with pytest.raises(BusyError):
        service.erase(["ar-ge"], actor=ADMINISTRATOR)

    assert "ar-ge" in codes(app)


SCHOOL = Unit(code="okul", name="Okul", kind="school", custodian="1")


class TestHarness:
    """With rules, and with operations that are not finished."""

    @pytest.fixture(name="clock")
    def _clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture(name="harness")
    def _harness(self, tmp_path: Path, clock: FakeClock) -> Iterator[Harness]:
        retention = RuleSet(name="retention", rules=(Retention(days=90),))
        with Harness(
            tmp_path / "store.sqlite",
            targets={"posta": MemoryTarget()},
            channels={"sms": MemoryChannel()},
            clock=clock,
            policy=Policy(rule_sets=(retention,)),
        ) as harness:
            harness.know(units=[SCHOOL], persons=[Person(id="1", name="Ayşe", mobile="+905321234567")])
            harness.open(["okul"])
            yield harness

    def test_an_account_that_a_rule_deletes_later_keeps_the_unit(self, harness: Harness, clock: FakeClock) -> None:
        """Without the unit, nobody would know which rules hold for what is left on the targets."""
        harness.close_accounts(["okul"])

        [needed] = harness.app.unit_removal.remove(["okul"], actor="tester").needed
        assert "retention rule" in str(needed.reason)

        clock.advance(timedelta(days=90))
        harness.delete(["okul"])
        assert harness.app.unit_removal.remove(["okul"], actor="tester").units

    def test_an_unfinished_operation_keeps_the_unit(self, harness: Harness) -> None:
        harness.stop.set()
        harness.close_accounts(["okul"])

        [needed] = harness.app.unit_removal.remove(["okul"], actor="tester").needed

        assert "not finished" in str(needed.reason)
