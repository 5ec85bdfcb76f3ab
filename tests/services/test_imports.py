"""Imported lists change the attributes of open accounts, and a system that is down doesn't prevent the import."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
import pytest

from provisioner.config.settings import EntitlementSettings
from provisioner.core.api.events import OperationPlanned
from provisioner.core.engine.plan import Initiator
from provisioner.core.model import OperationKind, OperationState, Person, Unit
from provisioner.services.imports import Import
from provisioner.testing.faults import Fault, Faults, FaultTarget
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget
from tests.crashes import crash_before
from tests.services.conftest import NamedContainers

INITIATOR = Initiator(actor="tester")
SCHOOL = Unit(code="okul", name="Okul", kind="school", login="okul46", custodian="1")
OTHER = Unit(code="diger", name="Diğer", kind="school", login="diger46", custodian="2")
PERSON = Person(id="1", name="Ayşe Işık", title="Müdür", mobile="+905321234567")
NAMESAKE = Person(id="2", name="Gül Öz", title="Müdür", mobile="+905321234568")


@pytest.fixture(name="target")
def _target() -> MemoryTarget:
    return MemoryTarget()


@pytest.fixture(name="faults")
def _faults() -> Faults:
    return Faults()


def harness_on(folder: Path, target: MemoryTarget, faults: Faults, *, protected: Sequence[str] = ()) -> Harness:
    return Harness(
        folder / "store.sqlite",
        targets={"posta": FaultTarget(target, faults)},
        channels={"sms": MemoryChannel()},
        protected=protected,
    )


@pytest.fixture(name="harness")
def _harness(tmp_path: Path, target: MemoryTarget, faults: Faults) -> Iterator[Harness]:
    with harness_on(tmp_path, target, faults) as harness:
        harness.know(units=[SCHOOL, OTHER], persons=[PERSON, NAMESAKE])
        harness.open(["okul"])
        yield harness


def name_on(target: MemoryTarget) -> tuple[str, str]:
    """Return the names of the unit and of the holder that the target has."""
    [account] = [account for page in target.account_list() for account in page.accounts]
    return account.attributes["unit"], account.attributes["name"]


def imported(harness: Harness, found: Import) -> list[OperationKind]:
    """Import a list, and return the kinds of what was done."""
    run = harness.app.imports.start(found, INITIATOR)
    run.wait()
    return [operation.kind for operation in run.ended]


def test_a_changed_surname_reaches_the_targets(harness: Harness, target: MemoryTarget) -> None:
    found = harness.app.imports.of_persons([attrs.evolve(PERSON, name="Ayşe Yıldız")], INITIATOR)

    assert imported(harness, found) == [OperationKind.UPDATE]
    assert name_on(target) == ("Okul", "Ayşe Yıldız")


def test_a_changed_name_of_a_unit_reaches_the_targets(harness: Harness, target: MemoryTarget) -> None:
    found = harness.app.imports.of_units([attrs.evolve(SCHOOL, name="Yeni Okul")], INITIATOR)

    assert imported(harness, found) == [OperationKind.UPDATE]
    assert name_on(target) == ("Yeni Okul", "Ayşe Işık")


def test_a_preview_has_the_old_and_the_new_value(harness: Harness, target: MemoryTarget) -> None:
    found = harness.app.imports.of_persons([attrs.evolve(PERSON, name="Ayşe Yıldız")], INITIATOR)

    [preview] = harness.app.imports.preview(found, viewer="tester").changes

    assert [(change.removes, change.adds) for change in preview.changes] == [(("Ayşe Işık",), ("Ayşe Yıldız",))]
    assert name_on(target) == ("Okul", "Ayşe Işık")


def test_what_no_target_has_needs_no_operation(harness: Harness) -> None:
    service = harness.app.imports

    assert not service.of_units([attrs.evolve(SCHOOL, custodian="2")], INITIATOR).plan.work
    assert not service.of_persons([attrs.evolve(PERSON, supervisor="2")], INITIATOR).plan.work
    assert not service.of_units([Unit(code="yeni", name="Yeni", kind="school")], INITIATOR).plan.work


def test_a_target_that_is_down_does_not_prevent_the_import(
    harness: Harness, target: MemoryTarget, faults: Faults
) -> None:
    for hook in ("target_check", "account_update"):
        faults.on(hook, Fault.CANNOT_CONNECT)
    found = harness.app.imports.of_persons([attrs.evolve(PERSON, name="Ayşe Yıldız")], INITIATOR)

    imported(harness, found)

    assert harness.store.persons.get_many(["1"])["1"].name == "Ayşe Yıldız"
    assert list(harness.store.operations.find(state=OperationState.INCOMPLETE))

    faults.clear()
    harness.app.runs.resume().wait()
    assert name_on(target) == ("Okul", "Ayşe Yıldız")


def test_a_protected_account_does_not_prevent_the_import(
    tmp_path: Path, harness: Harness, target: MemoryTarget, faults: Faults
) -> None:
    harness.open(["diger"])
    harness.close()
    with harness_on(tmp_path, target, faults, protected=["diger46"]) as again:
        found = again.app.imports.of_units(
            [attrs.evolve(SCHOOL, name="Yeni Okul"), attrs.evolve(OTHER, name="Yeni")], INITIATOR
        )

        assert imported(again, found) == [OperationKind.UPDATE]
        assert [refused.login for refused in found.plan.refused] == ["diger46"]
        assert again.store.units.get_many(["diger"])["diger"].name == "Yeni"


def test_after_a_crash_before_the_run_the_change_is_found_again(harness: Harness) -> None:
    """A person who is written before the operation is planned would look as if nothing were left to do."""
    changed = attrs.evolve(PERSON, name="Ayşe Yıldız")

    harness.on_record = crash_before(OperationPlanned)
    with pytest.raises(KeyboardInterrupt):
        imported(harness, harness.app.imports.of_persons([changed], INITIATOR))

    assert harness.app.imports.of_persons([changed], INITIATOR).plan.work


def test_a_move_below_a_unit_of_the_same_list_does_not_take_entitlements_away(tmp_path: Path) -> None:
    """The unit above is new, and has no account."""
    province, district = Unit(code="il", name="İl", kind="province"), Unit(code="ilce", name="İlçe", kind="district")
    directory = NamedContainers()
    with Harness(
        tmp_path / "store.sqlite",
        targets={"posta": directory},
        channels={"sms": MemoryChannel()},
        entitlements={"il": EntitlementSettings(target="posta", under=("il",))},
    ) as harness:
        harness.know(units=[province, attrs.evolve(SCHOOL, parent="il")], persons=[PERSON])
        harness.open(["okul"])

        imported(
            harness,
            harness.app.imports.of_units(
                [attrs.evolve(district, parent="il"), attrs.evolve(SCHOOL, parent="ilce")], INITIATOR
            ),
        )

        assert (directory.entitlements("okul46"), directory.above["okul46"]) == ({"il"}, "İlçe")


def test_an_account_below_a_renamed_unit_stays_in_the_former_container(tmp_path: Path) -> None:
    district, directory = Unit(code="ilce", name="İlçe", kind="district"), NamedContainers()
    with Harness(tmp_path / "store.sqlite", targets={"posta": directory}, channels={"sms": MemoryChannel()}) as harness:
        harness.know(units=[district, attrs.evolve(SCHOOL, parent="ilce")], persons=[PERSON])
        harness.open(["okul"])

        imported(harness, harness.app.imports.of_units([attrs.evolve(district, name="Yeni İlçe")], INITIATOR))

        assert directory.above["okul46"] == "Yeni İlçe"
