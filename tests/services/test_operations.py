"""Operations without a command line."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

import pytest

from provisioner.core.api.errors import DeniedError, InputError
from provisioner.core.engine.plan import Initiator
from provisioner.core.governance.privacy import MASK
from provisioner.core.model import OperationState
from provisioner.services.application import Application
from provisioner.testing.clock import FakeClock
from provisioner.testing.faults import Fault
from tests.console_office import OFFICER, STRANGER, TEACHER, Office
from tests.services.conftest import UNITS

ADMINISTRATOR = "9000"
NOBODY_SPECIAL = "1003"


@pytest.fixture(name="opened")
def _opened(app: Application) -> Application:
    app.runs.start(app.planner.open_units(UNITS, Initiator(actor=ADMINISTRATOR))).wait()
    return app


class TestFind:
    """Lists."""

    def test_without_more_returns_those_that_have_not_ended(self, opened: Application) -> None:
        assert not list(opened.operations.find(viewer=ADMINISTRATOR))
        assert len(list(opened.operations.find(viewer=ADMINISTRATOR, ended_too=True))) == 2

    def test_takes_the_units_below_too(self, opened: Application) -> None:
        found = opened.operations.find(viewer=ADMINISTRATOR, unit="ar-ge", state=OperationState.DONE)

        assert [operation.login for operation in found] == ["arge46"]

    def test_of_an_unknown_unit_is_an_error(self, opened: Application) -> None:
        """An empty list would look as if nothing were under way."""
        with pytest.raises(InputError, match="there is no unit yok"):
            opened.operations.find(viewer=ADMINISTRATOR, unit="yok")

    def test_masks_what_the_viewer_may_not_read(self, opened: Application) -> None:
        found = opened.operations.find(viewer=NOBODY_SPECIAL, ended_too=True)

        assert {operation.actor for operation in found} == {MASK}


class TestOne:
    """One operation."""

    def test_is_found_by_the_beginning_of_its_id(self, opened: Application) -> None:
        [operation, _] = opened.operations.find(viewer=ADMINISTRATOR, ended_too=True)

        assert opened.operations.operation(operation.id[:8], viewer=ADMINISTRATOR) == operation
        assert opened.operations.held_until(operation) is None

    def test_masks_what_the_viewer_may_not_read(self, opened: Application) -> None:
        [operation, _] = opened.operations.find(viewer=ADMINISTRATOR, ended_too=True)

        assert opened.operations.operation(operation.id, viewer=NOBODY_SPECIAL).actor == MASK

    def test_that_is_unknown_is_an_error(self, opened: Application) -> None:
        with pytest.raises(InputError, match="there is no operation yok"):
            opened.operations.operation("yok", viewer=ADMINISTRATOR)


class TestRetriable:
    """What can be retried."""

    def test_leaves_out_what_is_done(self, opened: Application) -> None:
        ids = [operation.id for operation in opened.operations.find(viewer=ADMINISTRATOR, ended_too=True)]

        found = opened.operations.retriable([*ids, ids[0]])

        assert (found.left, [left.login for left in found.unchanged]) == ([], ["arge46", "kmarasmem"])

    def test_finishes_what_is_left(self, app: Application) -> None:
        app.targets.suspend("directory", app.now() + timedelta(hours=1), actor=ADMINISTRATOR)
        app.runs.start(app.planner.open_units(UNITS[:1], Initiator(actor=ADMINISTRATOR))).wait()
        [left] = app.operations.find(viewer=ADMINISTRATOR)
        app.targets.end_maintenance("directory", actor=ADMINISTRATOR)

        summary = app.runs.retry(app.operations.retriable([left.id]).left, actor="tester").wait()

        assert (left.state, summary.is_complete) == (OperationState.PLANNED, True)


class TestStuck:
    """What somebody should look at."""

    def test_lists_what_did_not_work_among_what_may_be_read(self, office: Office) -> None:
        office.faults.on("account_update", Fault.CANNOT_CONNECT)
        [incomplete] = office.harness.update(["okul46"])
        office.faults.clear()
        stuck = office.harness.app.operations.stuck

        assert [one.id for one in stuck(viewer=OFFICER, limit=5).unfinished] == [incomplete.id]
        assert stuck(viewer=OFFICER, limit=0).unfinished == []
        assert stuck(viewer=STRANGER, limit=5).unfinished == []

    def test_lists_what_failed_until_something_else_happens(self, office: Office) -> None:
        clock = cast("FakeClock", office.harness.clock)
        clock.advance(timedelta(minutes=1))  # after the account was opened
        office.faults.on("account_update", Fault.REFUSE)
        [failed] = office.harness.update(["okul46"])
        office.faults.clear()
        stuck = office.harness.app.operations.stuck

        assert [one.id for one in stuck(viewer=OFFICER, limit=5).failed] == [failed.id]
        clock.advance(timedelta(minutes=1))
        office.harness.update(["okul46"])
        assert stuck(viewer=OFFICER, limit=5).failed == []

    def test_is_retried_by_an_officer_of_the_unit_only(self, office: Office) -> None:
        office.faults.on("account_update", Fault.CANNOT_CONNECT)
        [incomplete] = office.harness.update(["okul46"])
        retriable_by = office.harness.app.operations.retriable_by

        assert [one.id for one in retriable_by(incomplete.id, actor=OFFICER).left] == [incomplete.id]
        for other in (STRANGER, TEACHER):
            with pytest.raises(DeniedError):
                retriable_by(incomplete.id, actor=other)
