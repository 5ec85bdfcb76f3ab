"""A list of units is applied: what differs is found, shown and changed, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from sqlalchemy import event

from provisioner.config.settings import EntitlementSettings
from provisioner.core.api.errors import DeniedError, InputError, NotAuthorizedError, NotReadyError, UnavailableError
from provisioner.core.api.events import OperationPlanned
from provisioner.core.engine.engine import Engine
from provisioner.core.engine.plan import Initiator
from provisioner.core.governance.roles import Role
from provisioner.core.model import AccountState, OperationKind, OperationState, Person, Unit
from provisioner.manifest import Manifest
from provisioner.services.application import Application
from provisioner.services.unit_list import ChangeKind, UnitListPlan
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget
from tests.crashes import crash_before
from tests.services.conftest import PERSONS, UNITS, NamedContainers

ADMINISTRATOR, OFFICER, OTHER = "9000", "1001", "1003"
INITIATOR = Initiator(actor=ADMINISTRATOR)
NEW = Unit(code="istatistik", name="İstatistik", kind="office", parent="ar-ge", custodian="1003")


def listed(*units: Unit) -> Manifest[Unit]:
    return Manifest(file="units.csv", items=units, lines={unit.code: line for line, unit in enumerate(units, start=2)})


def states(app: Application) -> dict[str, AccountState]:
    return {account.unit: account.state for account in app.store.accounts.find()}


def apply(app: Application, *units: Unit, close_missing: bool = False, hand_over: bool = False) -> UnitListPlan:
    """Apply a list, and return what was planned."""
    plan = app.unit_list.plan(listed(*units), close_missing=close_missing, hand_over=hand_over, initiator=INITIATOR)
    app.unit_list.start(plan, INITIATOR).wait()
    return plan


def kinds(plan: UnitListPlan) -> list[tuple[str, str]]:
    return [(change.kind.value, change.unit.code) for change in plan.changes]


class TestOpen:
    """Units of the list have open accounts."""

    def test_new_units_are_added_and_opened(self, app: Application) -> None:
        plan = apply(app, *UNITS, NEW)

        assert kinds(plan) == [("open", "il-mem"), ("open", "ar-ge"), ("open", "istatistik")]
        assert set(states(app).values()) == {AccountState.OPEN}

    def test_a_second_time_does_nothing(self, app: Application) -> None:
        apply(app, *UNITS, NEW)

        plan = app.unit_list.plan(listed(*UNITS, NEW), close_missing=True, hand_over=True, initiator=INITIATOR)

        assert (plan.does_nothing, plan.changes, plan.unchanged) == (True, (), 3)

    def test_a_closed_account_is_reopened_for_the_custodian_of_the_list(self, app: Application) -> None:
        """The former holder may have left: the password is not for that person."""
        apply(app, *UNITS)
        app.runs.start(app.units.plan_closing(["ar-ge"], INITIATOR)).wait()

        plan = apply(app, UNITS[0], attrs.evolve(UNITS[1], custodian="1003"))

        assert kinds(plan) == [("reopen", "ar-ge"), ("update", "ar-ge")]
        assert plan.changes[0].holder == "1002"
        assert app.store.accounts.get_many(["arge46"])["arge46"].holder == "1003"

    def test_tells_the_line_of_a_unit_that_cannot_be_opened(self, app: Application) -> None:
        with pytest.raises(InputError) as caught:
            apply(app, UNITS[1], attrs.evolve(NEW, custodian=None))

        assert [(problem.file, problem.line) for problem in caught.value.problems] == [("units.csv", 3)]
        assert not app.store.units.get_many(["istatistik"])

    def test_that_cannot_begin_changes_nothing(self, app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
        def preflight(_: Engine, __: object) -> None:
            raise NotReadyError([UnavailableError("it is down", target="directory")])

        monkeypatch.setattr(Engine, "preflight", preflight)

        with pytest.raises(NotReadyError):
            apply(app, attrs.evolve(UNITS[0], name="Başka"), NEW)

        assert not app.store.units.get_many(["istatistik"])
        assert app.store.units.get_many(["il-mem"])["il-mem"].name == UNITS[0].name


class TestUpdate:
    """Units change as the list says."""

    @pytest.fixture(autouse=True)
    def _opened(self, app: Application) -> None:
        apply(app, *UNITS, NEW)

    def test_says_old_and_new_of_each_changed_field(self, app: Application) -> None:
        plan = apply(app, UNITS[0], attrs.evolve(UNITS[1], name="Ar-Ge", kind="branch"), NEW)

        [change] = plan.changes
        assert change.kind is ChangeKind.UPDATE
        assert [(field.name, field.old, field.new) for field in change.fields] == [
            ("name", "AR-GE Birimi", "Ar-Ge"),
            ("kind", "office", "branch"),
        ]
        assert app.store.units.get_many(["ar-ge"])["ar-ge"].name == "Ar-Ge"

    def test_a_moved_unit_says_where_from_and_where_to(self, app: Application) -> None:
        plan = apply(app, *UNITS, attrs.evolve(NEW, parent="il-mem", name="İstatistik Birimi"))

        assert kinds(plan) == [("move", "istatistik"), ("update", "istatistik")]
        [field] = plan.changes[0].fields
        assert (field.name, field.old, field.new) == ("parent", "ar-ge", "il-mem")
        assert app.store.units.get_many(["istatistik"])["istatistik"].parent == "il-mem"


class TestHandover:
    """Another person than the custodian of the list holds an account."""

    @pytest.fixture(autouse=True)
    def _opened(self, app: Application) -> None:
        apply(app, *UNITS)

    def test_is_only_shown_without_the_option(self, app: Application) -> None:
        plan = apply(app, UNITS[0], attrs.evolve(UNITS[1], custodian="1003"))

        [_, difference] = plan.changes
        assert (difference.kind, difference.is_planned, difference.holder) == (ChangeKind.HANDOVER, False, "1002")
        assert app.store.accounts.get_many(["arge46"])["arge46"].holder == "1002"

    def test_stays_a_difference_until_it_is_made(self, app: Application) -> None:
        apply(app, UNITS[0], attrs.evolve(UNITS[1], custodian="1003"))

        plan = apply(app, UNITS[0], attrs.evolve(UNITS[1], custodian="1003"))

        assert plan.does_nothing
        assert kinds(plan) == [("handover", "ar-ge")]

    def test_is_made_with_the_option(self, app: Application) -> None:
        plan = apply(app, UNITS[0], attrs.evolve(UNITS[1], custodian="1003"), hand_over=True)

        assert kinds(plan) == [("handover", "ar-ge"), ("update", "ar-ge")]
        assert app.store.accounts.get_many(["arge46"])["arge46"].holder == "1003"
        [record] = app.store.handovers.find()
        assert (record.outgoing, record.incoming) == ("1002", "1003")

    def test_is_denied_to_the_officer_who_names_the_custodian(self, app: Application) -> None:
        """Otherwise one list would name a person and give that person the account, and nobody else would see it."""
        app.delegation.grant(OFFICER, Role.OFFICER, unit="il-mem", actor=ADMINISTRATOR)
        app.units.save([attrs.evolve(UNITS[1], custodian="9000")], actor=ADMINISTRATOR)
        new = listed(attrs.evolve(UNITS[1], custodian="1003"))

        with pytest.raises(NotAuthorizedError):
            app.unit_list.plan(new, hand_over=True, initiator=Initiator(actor=OFFICER))

        assert not app.unit_list.plan(new, initiator=Initiator(actor=OFFICER)).plan.work


class TestMissing:
    """Units are not in the list."""

    @pytest.fixture(autouse=True)
    def _opened(self, app: Application) -> None:
        apply(app, *UNITS, NEW)

    def test_are_only_counted_without_the_option(self, app: Application) -> None:
        plan = apply(app, *UNITS)

        assert (plan.missing, plan.changes) == (1, ())
        assert states(app)["istatistik"] is AccountState.OPEN

    def test_are_closed_with_the_option(self, app: Application) -> None:
        plan = apply(app, *UNITS, close_missing=True)

        assert kinds(plan) == [("close", "istatistik")]
        assert states(app)["istatistik"] is AccountState.CLOSED

    def test_above_a_unit_of_the_list_stay_open(self, app: Application) -> None:
        """A list of one district doesn't close the province."""
        plan = apply(app, UNITS[1], NEW, close_missing=True)

        assert (plan.missing, plan.changes) == (0, ())

    def test_of_other_officers_are_not_touched_or_counted(self, app: Application) -> None:
        apply(app, *UNITS, NEW, Unit(code="hukuk", name="Hukuk", kind="branch", parent="il-mem", custodian="1001"))
        app.delegation.grant(OTHER, Role.OFFICER, unit="ar-ge", actor=ADMINISTRATOR)

        plan = app.unit_list.plan(listed(UNITS[1]), close_missing=True, initiator=Initiator(actor=OTHER))

        assert kinds(plan) == [("close", "istatistik")]

    def test_an_empty_list_closes_nobody(self, app: Application) -> None:
        with pytest.raises(InputError, match="no units"):
            apply(app, close_missing=True)

        assert set(states(app).values()) == {AccountState.OPEN}

    def test_a_list_of_others_units_is_denied(self, app: Application) -> None:
        """Who holds their accounts is not to be read from the differences."""
        app.delegation.grant(OTHER, Role.OFFICER, unit="ar-ge", actor=ADMINISTRATOR)

        with pytest.raises(DeniedError):
            app.unit_list.plan(listed(*UNITS), initiator=Initiator(actor=OTHER))


SCHOOLS = [Unit(code=f"okul-{number}", name=f"Okul {number}", kind="school", custodian="1") for number in range(100)]
PERSON = Person(id="1", name="Ayşe Işık", mobile="+905321234567")
OTHER_PERSON = Person(id="2", name="Gül Öz", mobile="+905321234568")


def school_harness(folder: Path, targets: dict[str, object], phones: object) -> Harness:
    return Harness(folder / "store.sqlite", targets=targets, channels={"sms": phones})


def units_on(target: object) -> dict[str, str]:
    """Return the name of the unit that the target has of each account, by login."""
    assert isinstance(target, MemoryTarget)
    return {account.login: account.attributes["unit"] for page in target.account_list() for account in page.accounts}


@pytest.fixture(name="directory")
def _directory() -> NamedContainers:
    return NamedContainers()


@pytest.fixture(name="province")
def _province(tmp_path: Path, directory: NamedContainers) -> Iterator[Application]:
    """An application with an entitlement of everything below the province."""
    with Harness(
        tmp_path / "province.sqlite",
        targets={"posta": directory},
        channels={"sms": MemoryChannel()},
        entitlements={"il": EntitlementSettings(target="posta", under=("il",))},
    ) as harness:
        harness.know(persons=PERSONS)
        yield harness.app


class TestUnitsAbove:
    """What is above a unit is what the list says, also if the store doesn't say so yet."""

    PROVINCE = Unit(code="il", name="İl", kind="province", login="il46", custodian="1001")
    DISTRICT = Unit(code="ilce", name="İlçe", kind="district", parent="il", login="ilce46", custodian="1002")
    SCHOOL = Unit(code="okul", name="Okul", kind="school", parent="ilce", login="okul46", custodian="1003")
    RENAMED = attrs.evolve(DISTRICT, name="Yeni İlçe")

    def test_a_move_below_a_new_unit_does_not_take_entitlements_away(
        self, province: Application, directory: NamedContainers
    ) -> None:
        apply(province, self.PROVINCE, self.DISTRICT, self.SCHOOL)
        new = attrs.evolve(self.DISTRICT, code="yeni", name="Yeni", login="yeni46")

        apply(province, self.PROVINCE, self.DISTRICT, new, attrs.evolve(self.SCHOOL, parent="yeni"))

        assert (directory.entitlements("okul46"), directory.above["okul46"]) == ({"il"}, "Yeni")

    def test_a_new_account_does_not_get_the_former_name_of_the_unit_above(
        self, province: Application, directory: NamedContainers
    ) -> None:
        apply(province, self.PROVINCE, self.DISTRICT)

        apply(province, self.PROVINCE, self.RENAMED, self.SCHOOL)

        assert directory.above["okul46"] == "Yeni İlçe"

    def test_a_moved_account_does_not_get_the_former_name_of_the_unit_above(
        self, province: Application, directory: NamedContainers
    ) -> None:
        apply(province, self.PROVINCE, attrs.evolve(self.SCHOOL, parent="il"))
        province.units.save([self.DISTRICT], actor=ADMINISTRATOR)

        apply(province, self.PROVINCE, self.RENAMED, self.SCHOOL)

        assert directory.above["okul46"] == "Yeni İlçe"

    def test_a_handover_does_not_leave_the_account_in_the_former_container(
        self, province: Application, directory: NamedContainers
    ) -> None:
        apply(province, self.PROVINCE, self.DISTRICT, self.SCHOOL)

        apply(
            province,
            self.PROVINCE,
            self.DISTRICT,
            attrs.evolve(self.SCHOOL, parent="il", custodian="1001"),
            hand_over=True,
        )

        assert directory.above["okul46"] == "İl"
        assert province.store.accounts.get_many(["okul46"])["okul46"].holder == "1001"

    def test_a_reopening_does_not_leave_the_account_in_the_former_container(
        self, province: Application, directory: NamedContainers
    ) -> None:
        apply(province, self.PROVINCE, self.DISTRICT, self.SCHOOL)
        province.runs.start(province.units.plan_closing(["okul"], INITIATOR)).wait()

        apply(province, self.PROVINCE, self.DISTRICT, attrs.evolve(self.SCHOOL, parent="il"))

        assert directory._entries["okul46"].container == "il"


class TestUnitsBelow:
    """What is below a changed unit follows, also if its own unit stays."""

    PROVINCE, DISTRICT, SCHOOL = TestUnitsAbove.PROVINCE, TestUnitsAbove.DISTRICT, TestUnitsAbove.SCHOOL
    RENAMED = TestUnitsAbove.RENAMED

    def test_an_account_below_a_renamed_unit_stays_in_the_former_container(
        self, province: Application, directory: NamedContainers
    ) -> None:
        apply(province, self.PROVINCE, self.DISTRICT, self.SCHOOL)

        plan = apply(province, self.PROVINCE, self.RENAMED, self.SCHOOL)

        assert (directory.above["okul46"], plan.below) == ("Yeni İlçe", 1)
        assert kinds(plan) == [("update", "ilce")]

    def test_an_account_far_below_a_moved_unit_keeps_its_entitlements(
        self, province: Application, directory: NamedContainers
    ) -> None:
        office = attrs.evolve(self.SCHOOL, code="sube", login="sube46", parent="okul")
        apply(province, self.PROVINCE, self.DISTRICT, self.SCHOOL, office)
        assert directory.entitlements("sube46") == {"il"}

        plan = apply(province, attrs.evolve(self.DISTRICT, parent=None))

        assert [directory.entitlements(login) for login in ("ilce46", "okul46", "sube46")] == [set(), set(), set()]
        assert plan.below == 2

    def test_an_account_that_is_not_affected_gets_an_operation(
        self, province: Application, directory: NamedContainers
    ) -> None:
        other = attrs.evolve(self.SCHOOL, code="sube", login="sube46", parent="okul")
        apply(province, self.PROVINCE, self.DISTRICT, self.SCHOOL, other)

        plan = apply(province, self.PROVINCE, self.RENAMED, self.SCHOOL, other)

        assert sorted(item.account.login for item in plan.plan.work) == ["ilce46", "okul46"]

    def test_an_account_below_is_closed_and_updated_in_one_run(
        self, province: Application, directory: NamedContainers
    ) -> None:
        apply(province, self.PROVINCE, self.DISTRICT, self.SCHOOL)

        plan = apply(province, self.PROVINCE, self.RENAMED, close_missing=True)

        assert [item.operation.kind for item in plan.plan.work if item.account.login == "okul46"] == [
            OperationKind.CLOSE
        ]

    def test_a_handover_below_a_renamed_unit_leaves_the_account_in_the_former_container(
        self, province: Application, directory: NamedContainers
    ) -> None:
        apply(province, self.PROVINCE, self.DISTRICT, self.SCHOOL)

        apply(province, self.PROVINCE, self.RENAMED, attrs.evolve(self.SCHOOL, custodian="1001"), hand_over=True)

        assert directory.above["okul46"] == "Yeni İlçe"


class TestManySchools:
    """A province applies its whole list."""

    @pytest.fixture(name="targets")
    def _targets(self) -> dict[str, object]:
        return {"posta": MemoryTarget()}

    @pytest.fixture(name="phones")
    def _phones(self) -> MemoryChannel:
        return MemoryChannel()

    @pytest.fixture(name="harness")
    def _harness(self, tmp_path: Path, targets: dict[str, object], phones: MemoryChannel) -> Harness:
        harness = school_harness(tmp_path, targets, phones)
        harness.know(persons=[PERSON, OTHER_PERSON])
        return harness

    def test_a_truncated_list_closes_nobody_without_a_release(self, harness: Harness) -> None:
        apply(harness.app, *SCHOOLS)

        apply(harness.app, *SCHOOLS[:50], close_missing=True)

        assert set(states(harness.app).values()) == {AccountState.OPEN}
        held = list(harness.store.operations.find(state=OperationState.STAGED))
        assert {operation.kind for operation in held} == {OperationKind.CLOSE}
        assert len(held) == 50

    def test_a_list_that_ends_in_the_middle_of_a_line_closes_nobody(self, harness: Harness) -> None:
        """It may lack fewer units than the limit allows to close."""
        apply(harness.app, *SCHOOLS)
        cut = attrs.evolve(listed(*SCHOOLS[:-1]), may_be_truncated=True)

        with pytest.raises(InputError, match="may be truncated"):
            harness.app.unit_list.plan(cut, close_missing=True, initiator=INITIATOR)
        assert harness.app.unit_list.plan(cut, initiator=INITIATOR).does_nothing

    def test_an_opening_does_not_slip_past_the_limit(self, harness: Harness) -> None:
        """The run is held as a whole: half of a wrong list is wrong too."""
        apply(harness.app, *SCHOOLS[:50])

        apply(harness.app, *SCHOOLS[:10], *SCHOOLS[50:60], close_missing=True)

        assert len(harness.store.held_runs.all()) == 1
        assert states(harness.app)["okul-50"] is AccountState.PLANNED

    def test_after_a_crash_before_the_run_the_change_is_found_again(
        self, tmp_path: Path, harness: Harness, targets: dict[str, object], phones: MemoryChannel
    ) -> None:
        """Units that are written before their operations would look as if nothing were left to do."""
        apply(harness.app, *SCHOOLS[:3])
        renamed = [attrs.evolve(SCHOOLS[0], name="Yeni Ad"), *SCHOOLS[1:4]]

        harness.on_record = crash_before(OperationPlanned)
        with pytest.raises(KeyboardInterrupt):
            apply(harness.app, *renamed)
        harness.close()

        with school_harness(tmp_path, targets, phones) as again:
            plan = apply(again.app, *renamed)

            assert kinds(plan) == [("update", "okul-0"), ("open", "okul-3")]
            assert states(again.app)["okul-3"] is AccountState.OPEN
            assert units_on(targets["posta"])["okul-0"] == "Yeni Ad"

    def test_a_longer_list_needs_no_more_queries(self, harness: Harness) -> None:
        """A query for each unit takes hours for the list of a country."""
        asked: list[object] = []
        event.listen(harness.store._database.reader, "before_cursor_execute", lambda *_: asked.append(1))
        counts = []
        for size in (20, 100):
            apply(harness.app, *SCHOOLS[:size])
            asked.clear()
            harness.app.unit_list.plan(listed(*SCHOOLS[:size]), hand_over=True, initiator=INITIATOR)
            counts.append(len(asked))

        assert counts[0] == counts[1]

    def test_a_renamed_unit_is_renamed_on_the_targets(self, harness: Harness, targets: dict[str, object]) -> None:
        apply(harness.app, *SCHOOLS[:3])

        plan = apply(harness.app, attrs.evolve(SCHOOLS[0], name="Yeni Ad"), *SCHOOLS[1:3])

        assert kinds(plan) == [("update", "okul-0")]
        assert [work.operation.kind for work in plan.plan.work] == [OperationKind.UPDATE]
        assert units_on(targets["posta"]) == {"okul-0": "Yeni Ad", "okul-1": "Okul 1", "okul-2": "Okul 2"}

    def test_a_handed_over_account_needs_no_other_operation(self, harness: Harness, targets: dict[str, object]) -> None:
        """Two operations of one run on one account would stand in each other's way."""
        apply(harness.app, *SCHOOLS[:3])

        plan = apply(
            harness.app, attrs.evolve(SCHOOLS[0], name="Yeni Ad", custodian="2"), *SCHOOLS[1:3], hand_over=True
        )

        assert [work.operation.kind for work in plan.plan.work] == [OperationKind.HANDOVER]
        assert units_on(targets["posta"])["okul-0"] == "Yeni Ad"

    def test_two_at_once_send_one_password(
        self, tmp_path: Path, harness: Harness, targets: dict[str, object], phones: MemoryChannel
    ) -> None:
        with school_harness(tmp_path, targets, phones) as other:
            first = harness.app.unit_list.plan(listed(*SCHOOLS[:3]), initiator=INITIATOR)
            second = other.app.unit_list.plan(listed(*SCHOOLS[:3]), initiator=INITIATOR)
            runs = [harness.app.unit_list.start(first, INITIATOR), other.app.unit_list.start(second, INITIATOR)]

            for run in runs:
                run.wait()

        assert set(states(harness.app).values()) == {AccountState.OPEN}
        assert len(phones.inbox(str(PERSON.mobile))) == 3
