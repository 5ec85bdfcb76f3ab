"""Runs without a command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from provisioner.core.api.errors import InputError, NotReadyError, StoppedError, StoreError, UnavailableError
from provisioner.core.engine.engine import Engine
from provisioner.core.engine.limits import Guard, Share
from provisioner.core.engine.plan import Initiator, Plan, PlannedOperation, Refused, Unchanged
from provisioner.core.governance.privacy import MASK
from provisioner.core.model import Operation, OperationState
from provisioner.core.model.text import Text
from provisioner.services.application import Application
from provisioner.services.runs import Run
from tests.services.conftest import UNITS

ADMINISTRATOR = "9000"
NOBODY_SPECIAL = "1003"


def make_plan(app: Application) -> Plan:
    return app.planner.open_units(UNITS, Initiator(actor=ADMINISTRATOR))


def not_ready(_: Engine, __: Sequence[PlannedOperation]) -> Sequence[NotReadyError]:
    raise NotReadyError([UnavailableError("it is down", target="directory")])


def breaking_off(*operations: Operation, error: Exception) -> Iterator[Operation]:
    yield from operations
    raise error


class TestPreview:
    """What a run would do."""

    def test_changes_nothing(self, app: Application) -> None:
        preview = app.runs.preview(make_plan(app), viewer=ADMINISTRATOR)

        assert [work.operation.login for work in preview.plan.work] == ["kmarasmem", "arge46"]
        assert preview.is_complete
        assert not list(app.store.operations.find())

    def test_masks_what_the_viewer_may_not_read(self, app: Application) -> None:
        preview = app.runs.preview(make_plan(app), viewer=NOBODY_SPECIAL)

        assert {work.operation.actor for work in preview.plan.work} == {MASK}

    def test_tells_by_how_much_the_run_exceeds_the_limit(
        self, app: Application, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        share = Share(target="", affected=2, out_of=2)
        monkeypatch.setattr(Guard, "excess", lambda *_, **__: share)

        assert app.runs.preview(make_plan(app), viewer=ADMINISTRATOR).excess == share

    def test_with_a_refusal_is_not_complete(self, app: Application) -> None:
        plan = Plan(refused=(Refused(login="arge46", reason=Text("no"), cure=Text("none")),))

        assert not app.runs.preview(plan, viewer=ADMINISTRATOR).is_complete


class TestStart:
    """Plans are carried out."""

    def test_does_all_of_the_plan(self, app: Application) -> None:
        summary = app.runs.start(make_plan(app)).wait()

        assert summary.states == {OperationState.DONE: 2}
        assert summary.is_complete

    def test_prepares_before_the_first_change(self, app: Application) -> None:
        found: list[int] = []

        app.runs.start(make_plan(app), prepare=lambda: found.append(len(list(app.store.operations.find())))).wait()

        assert found == [0]

    def test_does_not_prepare_what_cannot_begin(self, app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
        plan, prepared = make_plan(app), list[bool]()
        monkeypatch.setattr(Engine, "preflight", not_ready)

        with pytest.raises(NotReadyError):
            app.runs.start(plan, prepare=lambda: prepared.append(True))

        assert not prepared

    def test_when_stopped_changes_nothing(self, app: Application) -> None:
        plan, prepared = make_plan(app), list[bool]()
        app.engine.context.retry.stop.set()

        with pytest.raises(StoppedError):
            app.runs.start(plan, prepare=lambda: prepared.append(True))

        assert not prepared

    def test_an_error_after_the_preparation_belongs_to_the_run(
        self, app: Application, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The preparation is written, so the start did not fail."""

        def fail(_: Engine, __: Plan) -> Iterator[Operation]:
            raise StoreError("no space")

        monkeypatch.setattr(Engine, "iter_apply", fail)
        run = app.runs.start(make_plan(app), prepare=lambda: None)

        with pytest.raises(StoreError):
            run.wait()


class TestResume:
    """Operations that have not ended go on."""

    @pytest.fixture(name="left")
    def _left(self, app: Application) -> Sequence[Operation]:
        """Return operations that were planned and not begun."""
        app.engine.context.retry.stop.set()
        left = app.engine.apply(make_plan(app))
        app.engine.context.retry.stop.clear()
        return left

    def test_finishes_what_was_not_begun(self, app: Application, left: Sequence[Operation]) -> None:
        summary = app.runs.resume().wait()

        assert summary.states == {OperationState.DONE: len(left)}

    def test_only_shows_what_it_would_do(self, app: Application, left: Sequence[Operation]) -> None:
        preview = app.runs.preview_resume(viewer=ADMINISTRATOR)

        assert {work.operation.id for work in preview.plan.work} == {operation.id for operation in left}
        assert {operation.state for operation in app.store.operations.find()} == {OperationState.PLANNED}

    def test_of_some_operations_leaves_the_others(self, app: Application, left: Sequence[Operation]) -> None:
        app.runs.retry(left[:1], actor="tester").wait()

        states = {operation.id: operation.state for operation in app.store.operations.find()}
        assert states == {left[0].id: OperationState.DONE, left[1].id: OperationState.PLANNED}


class TestRun:
    """What a run remembers."""

    @pytest.fixture(name="operation")
    def _operation(self, app: Application) -> Operation:
        return make_plan(app).work[0].operation

    def test_that_breaks_off_remembers_what_ended(self, operation: Operation) -> None:
        run = Run(breaking_off(operation, error=StoreError("no space")))

        with pytest.raises(StoreError):
            run.wait()

        assert run.ended == [operation]
        assert not run.summary.is_complete

    def test_with_an_operation_is_not_called_prevented(self, operation: Operation) -> None:
        run, error = Run([operation]), InputError([])
        assert run.is_prevented_by(error)

        run.wait()

        assert not run.is_prevented_by(error)

    def test_without_an_operation_may_have_begun_all_the_same(self) -> None:
        assert not Run(()).is_prevented_by(StoreError("no space"))

    def test_counts_accounts_that_have_no_operation(self) -> None:
        unchanged = [Unchanged(login="arge46", reason=Text("it is open"))]
        refused = [Refused(login="kmarasmem", reason=Text("no"), cure=Text("none"))]

        summary = Run((), unchanged=unchanged, refused=refused).wait()

        assert (summary.unchanged, summary.refused, summary.is_complete) == (1, 1, False)
