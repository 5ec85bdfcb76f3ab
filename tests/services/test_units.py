"""Units without a command line."""

from __future__ import annotations

import attrs
import pytest

from provisioner.core.api.errors import DeniedError, InputError, NotReadyError, UnavailableError
from provisioner.core.engine.engine import Engine
from provisioner.core.engine.plan import Initiator
from provisioner.core.governance.privacy import MASK
from provisioner.core.governance.roles import Role
from provisioner.core.model import AccountState, Unit
from provisioner.manifest import Manifest
from provisioner.services.application import Application
from provisioner.services.runs import Run, RunPreview
from provisioner.services.units import known_units, require_unit, unit_details
from tests.services.conftest import PERSONS, UNITS, Observer

ADMINISTRATOR, OFFICER, OTHER = "9000", "1001", "1003"
INITIATOR = Initiator(actor=ADMINISTRATOR)
NEW = Unit(code="istatistik", name="İstatistik", kind="office", parent="ar-ge", custodian="1003")


def listed(*units: Unit) -> Manifest[Unit]:
    return Manifest(file="units.csv", items=units, lines={unit.code: line for line, unit in enumerate(units, start=2)})


def states(app: Application) -> dict[str, AccountState]:
    return {account.unit: account.state for account in app.store.accounts.find()}


class TestKnown:
    """Units are looked up by their codes."""

    def test_names_all_that_are_unknown(self, app: Application) -> None:
        with pytest.raises(InputError) as caught:
            known_units(app.store, ["il-mem", "nosuch", "another"])

        assert [problem.message.values["code"] for problem in caught.value.problems] == ["nosuch", "another"]

    def test_keeps_the_order_and_drops_what_is_given_twice(self, app: Application) -> None:
        found = known_units(app.store, ["il-mem", "ar-ge", "il-mem"])

        assert [unit.code for unit in found] == ["il-mem", "ar-ge"]

    def test_no_unit_is_always_there(self, app: Application) -> None:
        require_unit(app.store, None)
        with pytest.raises(InputError):
            require_unit(app.store, "nosuch")


class TestSave:
    """Units are written."""

    def test_writes_what_is_new_or_changed(self, app: Application, observer: Observer) -> None:
        changed = app.units.save([*UNITS, NEW], actor=ADMINISTRATOR)

        assert changed == [NEW]
        assert len(observer.seen) == 1
        assert app.store.units.get_many(["istatistik"])

    def test_is_denied_outside_the_own_units(self, app: Application) -> None:
        app.delegation.grant(OFFICER, Role.OFFICER, unit="ar-ge", actor=ADMINISTRATOR)
        app.units.save([NEW], actor=OFFICER)

        with pytest.raises(DeniedError):
            app.units.save([attrs.evolve(UNITS[0], name="Başka")], actor=OFFICER)

    def test_does_not_make_an_officer_the_custodian(self, app: Application) -> None:
        app.delegation.grant(OTHER, Role.OFFICER, unit="ar-ge", actor=ADMINISTRATOR)

        with pytest.raises(DeniedError):
            app.units.save([NEW], actor=OTHER)

    def test_in_a_dry_run_writes_nothing(self, app: Application) -> None:
        assert app.units.save([NEW], actor=ADMINISTRATOR, dry_run=True) == [NEW]
        assert not app.store.units.get_many(["istatistik"])


class TestOpen:
    """The accounts of units are opened."""

    def test_of_a_list_imports_it_first(self, app: Application) -> None:
        run = app.units.open(["il-mem"], listed=listed(NEW), initiator=INITIATOR)

        assert isinstance(run, Run)
        assert run.wait().is_complete
        assert states(app) == {"il-mem": AccountState.OPEN, "istatistik": AccountState.OPEN}

    def test_that_cannot_begin_imports_nothing(self, app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
        def preflight(_: Engine, __: object) -> None:
            raise NotReadyError([UnavailableError("it is down", target="directory")])

        monkeypatch.setattr(Engine, "preflight", preflight)

        with pytest.raises(NotReadyError):
            app.units.open([], listed=listed(NEW), initiator=INITIATOR)

        assert not app.store.units.get_many(["istatistik"])

    def test_in_a_dry_run_only_shows_the_plan(self, app: Application) -> None:
        preview = app.units.open([], listed=listed(NEW), initiator=INITIATOR, dry_run=True)

        assert isinstance(preview, RunPreview)
        assert [work.operation.login for work in preview.plan.work] == ["istatistik46"]
        assert not app.store.units.get_many(["istatistik"])

    @pytest.mark.parametrize("dry_run", [False, True])
    def test_of_a_list_is_denied_to_who_may_not_change_its_units(self, app: Application, *, dry_run: bool) -> None:
        """Officers may open the account, and not make themselves its custodian by the way."""
        app.delegation.grant(OTHER, Role.OFFICER, unit="ar-ge", actor=ADMINISTRATOR)

        with pytest.raises(DeniedError, match="custodian"):
            app.units.open([], listed=listed(NEW), initiator=Initiator(actor=OTHER), dry_run=dry_run)

    def test_tells_the_line_of_a_unit_that_cannot_be_opened(self, app: Application) -> None:
        with pytest.raises(InputError) as caught:
            app.units.open([], listed=listed(UNITS[1], attrs.evolve(NEW, custodian=None)), initiator=INITIATOR)

        assert [(problem.file, problem.line) for problem in caught.value.problems] == [("units.csv", 3)]

    def test_tells_the_line_of_an_unknown_custodian(self, app: Application) -> None:
        with pytest.raises(InputError) as caught:
            app.units.open([], listed=listed(attrs.evolve(NEW, custodian="4711")), initiator=INITIATOR)

        [problem] = caught.value.problems
        assert (problem.line, problem.field) == (2, "custodian")

    def test_tells_the_line_of_a_custodian_who_cannot_be_reached(self, app: Application) -> None:
        app.store.persons.save([attrs.evolve(PERSONS[3], mobile=None)])

        with pytest.raises(InputError) as caught:
            app.units.open([], listed=listed(UNITS[0], NEW), initiator=INITIATOR)

        [problem] = caught.value.problems
        assert (problem.subject, problem.line, problem.field) == ("1003", 3, "custodian")


class TestClose:
    """The accounts of units are closed."""

    @pytest.fixture(autouse=True)
    def _opened(self, app: Application) -> None:
        run = app.units.open(["il-mem", "ar-ge"], initiator=INITIATOR)
        assert isinstance(run, Run)
        run.wait()

    def test_is_denied_while_units_below_are_open(self, app: Application) -> None:
        with pytest.raises(DeniedError, match="ar-ge"):
            app.units.plan_closing(["il-mem"], INITIATOR)

    def test_with_the_units_below_closes_all(self, app: Application) -> None:
        app.runs.start(app.units.plan_closing(["il-mem"], INITIATOR, with_subtree=True)).wait()

        assert states(app) == {"il-mem": AccountState.CLOSED, "ar-ge": AccountState.CLOSED}

    def test_of_both_units_needs_no_subtree(self, app: Application) -> None:
        assert len(app.units.plan_closing(["il-mem", "ar-ge"], INITIATOR).work) == 2

    def test_names_units_without_an_account(self, app: Application) -> None:
        app.units.save([NEW], actor=ADMINISTRATOR)

        plan = app.units.plan_closing(["istatistik"], INITIATOR)

        assert [account.login for account in plan.unchanged] == ["istatistik"]

    def test_of_an_unknown_unit_is_refused(self, app: Application) -> None:
        with pytest.raises(InputError, match="nosuch"):
            app.units.plan_closing(["nosuch"], INITIATOR)

    def test_details_have_accounts_and_units_below(self, app: Application) -> None:
        details = unit_details(app.store, app.privacy(ADMINISTRATOR), "il-mem")

        assert details.children == ("ar-ge",)
        [found] = details.accounts
        assert (found.account.login, set(found.targets)) == ("kmarasmem", {"directory"})

    def test_details_do_not_name_the_custodian_to_everybody(self, app: Application) -> None:
        details = unit_details(app.store, app.privacy(OTHER), "il-mem")

        assert details.unit.custodian == MASK
        assert [found.account.holder for found in details.accounts] == [MASK]
