"""A report has the names that its reader may read, and the comparisons before."""

from __future__ import annotations

from collections.abc import Collection

import attrs
import pytest

from provisioner.core.api.errors import DeniedError, InputError, UnavailableError
from provisioner.core.engine.people import LookUp, People
from provisioner.core.engine.plan import Initiator
from provisioner.core.model.differences import DifferenceKind
from provisioner.core.reconcile.differences import Difference
from provisioner.services.application import Application
from provisioner.services.reconcile_report import TREND
from tests.services.conftest import UNITS

ADMINISTRATOR = "9000"

HOLDER = Difference(
    kind=DifferenceKind.HOLDER, target="directory", login="arge46", unit="ar-ge", known="1002", actual="1003"
)
EXTRA = Difference(kind=DifferenceKind.EXTRA, target="directory", login="hacker", actual="enabled")


@pytest.fixture(name="opened")
def _opened(app: Application) -> Application:
    app.runs.start(app.planner.open_units(UNITS, Initiator(actor=ADMINISTRATOR))).wait()
    return app


def test_the_holders_that_are_known_and_that_a_target_names_have_names(opened: Application) -> None:
    report = opened.reconcile.report([HOLDER, EXTRA], ["directory"], viewer=ADMINISTRATOR)

    assert {person.id: person.name for person in report.persons.values()} == {"1002": "İsmail Çağlar", "1003": "Gül Öz"}
    assert [unit.name for unit in report.units.values()] == ["AR-GE Birimi"]
    assert report.differences == [HOLDER, EXTRA]


def test_a_reader_whose_role_has_ended_reads_nothing(opened: Application) -> None:
    with pytest.raises(DeniedError):
        opened.reconcile.report([HOLDER], ["directory"], viewer="1001")


def test_what_no_id_can_be_is_not_looked_up(opened: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target may name anything as a holder, and the personnel system is not asked for it."""
    asked: list[str] = []

    def look_up(_: People, ids: Collection[str]) -> LookUp:
        asked.extend(sorted(ids))
        return LookUp(persons={}, errors={"1002": UnavailableError("it is down", target="pys")})

    monkeypatch.setattr(People, "look_up", look_up)
    strange = [attrs.evolve(HOLDER, actual=actual) for actual in ("../x", "", "a b")]
    report = opened.reconcile.report(strange, ["directory"], viewer=ADMINISTRATOR)

    assert asked == ["1002"]
    assert report.persons == {}, "a personnel system that is down costs the names, and not the report"


def test_the_trend_ends_with_this_comparison(opened: Application) -> None:
    for _ in range(TREND + 2):
        list(opened.reconcile.compare(actor=ADMINISTRATOR))
    report = opened.reconcile.report([], ["directory"], viewer=ADMINISTRATOR)

    last = opened.store.comparisons.last("directory")
    assert len(report.trends["directory"]) == TREND
    assert report.trends["directory"][-1] == last


def test_a_unit_has_no_trend_and_must_exist(opened: Application) -> None:
    list(opened.reconcile.compare(actor=ADMINISTRATOR))
    report = opened.reconcile.report([], ["directory"], viewer=ADMINISTRATOR, unit="ar-ge")

    assert (report.trends, report.unit) == ({}, UNITS[1])
    with pytest.raises(InputError, match="there is no unit nowhere"):
        opened.reconcile.report([], ["directory"], viewer=ADMINISTRATOR, unit="nowhere")
