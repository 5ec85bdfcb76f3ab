"""Carries plans out, or only shows them, and says what happened to every operation."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING

from provisioner.cli import failures
from provisioner.cli.exits import ExitCode
from provisioner.cli.session import Session
from provisioner.cli.signals import stop_between_steps
from provisioner.core.api.errors import (
    InMaintenanceError,
    OmittedError,
    StagedError,
    TargetError,
    UnsupportedError,
)
from provisioner.core.engine.plan import Plan, Refused, Unchanged
from provisioner.core.model import Operation, OperationState, StepError
from provisioner.core.model.text import marked
from provisioner.documents import operation_document
from provisioner.services.runs import Run, RunPreview, RunSummary

if TYPE_CHECKING:
    from provisioner.cli.render.notices import SaidNotices
    from provisioner.core.engine.preview import Preview
    from provisioner.services.application import Application

#: How the states are counted for people, in this order.
_COUNTED = {
    marked("{count} done"): {OperationState.DONE},
    marked("{count} incomplete"): {OperationState.INCOMPLETE, OperationState.RUNNING},
    marked("{count} failed"): {OperationState.FAILED, OperationState.UNDONE},
    marked("{count} not started"): {OperationState.PLANNED},
    marked("{count} held"): {OperationState.STAGED},
}


#: Why many operations of a run wait for the same thing, and nothing is wrong with any of them.
_SAID_ONCE = frozenset({StagedError.__name__, InMaintenanceError.__name__})


#: Why a step is not done that the configuration leaves out, and why one is not that it should not leave out.
_OMITTED = frozenset({OmittedError.__name__})
_LACKING = _OMITTED | {UnsupportedError.__name__}


@contextmanager
def started(session: Session, *, dry_run: bool) -> Iterator[Application]:
    """Join everything for a command that changes accounts, and let signals stop it between two steps."""
    _ = session.configuration  # it says in which language a signal is answered
    message = session.output.text("stopping between two steps; wait, or send the signal again to end immediately")
    with stop_between_steps(message) as stop, session.application(dry_run=dry_run, stop=stop) as app:
        yield app


def run(
    session: Session, app: Application, plan: Plan, *, dry_run: bool, prepare: Callable[[], None] | None = None
) -> ExitCode:
    """Carry a plan out, or only show it; see :meth:`~provisioner.services.runs.Runs.start`.

    Raises:

        ProvisionerError: Nothing was changed.
    """
    if dry_run:
        return show_preview(session, app.runs.preview(plan, viewer=session.actor))
    return follow(session, app, app.runs.start(plan, prepare=prepare))


def answer(session: Session, app: Application, result: Run | RunPreview) -> ExitCode:
    """Follow a run, or show a preview.

    Raises:

        ProvisionerError: Nothing was changed.
    """
    return show_preview(session, result) if isinstance(result, RunPreview) else follow(session, app, result)


def follow(
    session: Session,
    app: Application,
    run: Run,
    *,
    more: Callable[[], Mapping[str, object]] = dict,
    long: Mapping[str, SaidNotices] = MappingProxyType({}),
) -> ExitCode:
    """Wait for the end of a run, and say what happened to it.

    Args:

        session: Where to answer.

        app: Knows who may read what of it.

        run: The run.

        more: Returns what else there is to say in JSON, once all operations have ended.

        long: Long lists of what else there is to say in JSON, by name.

    Raises:

        ClockError: Nothing was begun.

        InputError: Nothing was begun.

        NotReadyError: Nothing was begun.

        StoreError: Nothing was begun.
    """
    failure = None
    try:
        for _ in session.output.progress(run, run.total, "changing accounts"):
            pass
    except Exception as error:
        if app.runs.is_prevented(run, error) and not any([*more().values(), *long.values()]):
            raise
        failure = error  # what has been done until then is to be said all the same
    shown = app.runs.shown(run.ended, viewer=session.actor)
    if session.output.is_json:
        document = {**_document(session, shown, run.unchanged, run.refused), **more()}
        session.output.document(document | ({"error": failures.document(failure, session)} if failure else {}), long)
    else:
        _tell(session, shown, run)
    if failure:
        for line in failures.lines(failure, session):
            session.output.error_lines(line)
    return _exit_code(run.summary, failure)


def _exit_code(summary: RunSummary, failure: Exception | None) -> ExitCode:
    if failure and failures.exit_code(failure) is ExitCode.DEFECT:
        return ExitCode.DEFECT
    if summary.is_held:
        return ExitCode.STAGED
    return ExitCode.DONE if summary.is_complete and not failure else ExitCode.UNFINISHED


def show_preview(session: Session, preview: RunPreview, *, beside: Mapping[str, object] | None = None) -> ExitCode:
    """Show what would be done, whether the run would be held, and what can't be done now.

    Args:

        session: Where to answer.

        preview: What would be done.

        beside: What else the JSON document contains.
    """
    from provisioner.cli.render.preview import preview_document

    plan = preview.plan
    operations = [work.operation for work in plan.work]
    changes = preview_document(preview.changes)
    session.output.document({**run_document(session, preview), "changes": changes, **(beside or {})})
    tell_planned(session, operations, preview.changes)
    _tell_unchanged(session, plan.unchanged)
    tell_obstacles(session, preview)
    counts = {"planned": len(operations), "unchanged": len(plan.unchanged)}
    session.output.say("{planned} planned, {unchanged} unchanged; this is a dry run, nothing was changed", **counts)
    tell_excess(session, preview)
    return ExitCode.DONE if preview.is_complete else ExitCode.UNFINISHED


def run_document(session: Session, preview: RunPreview) -> dict[str, object]:
    """Return the operations of a run that is only shown, and what stands in its way."""
    plan = preview.plan
    document = _document(session, [work.operation for work in plan.work], plan.unchanged, plan.refused)
    return {**document, "staged": preview.excess is not None, "unusable": _unusable(session, preview.unusable)}


def tell_obstacles(session: Session, preview: RunPreview) -> None:
    """Say which accounts can't be changed, and what can't be used now."""
    _tell_refused(session, preview.plan.refused)
    for error in preview.unusable:
        session.output.say(
            "{target} cannot be used now: {why}", target=error.target, why=session.output.said(error.text)
        )


def tell_excess(session: Session, preview: RunPreview) -> None:
    """Say that the run would be held, if it would."""
    if preview.excess:
        share = {"affected": preview.excess.affected, "out_of": preview.excess.out_of}
        session.output.say("it would be held: {affected} of {out_of} accounts would be closed", **share)


def tell_planned(session: Session, operations: Iterable[Operation], changes: Iterable[Preview]) -> None:
    """Say which operations would be carried out, and what they would do to attributes."""
    from provisioner.cli.render.preview import tell_preview

    by_login: dict[str, list[Preview]] = {}
    for change in changes:
        by_login.setdefault(change.login, []).append(change)
    for operation in operations:
        steps = ", ".join(f"{step.name} {step.hook}" for step in operation.steps if not step.error)
        kind = session.output.word(operation.kind)
        session.output.say("{login}: {kind}: {steps}", login=operation.login, kind=kind, steps=steps)
        _tell_lacking(session, operation, _LACKING)
        tell_preview(session, by_login.get(operation.login, ()))


def _document(
    session: Session, operations: Iterable[Operation], unchanged: Iterable[Unchanged], refused: Iterable[Refused]
) -> dict[str, object]:
    said = session.output.said
    answer: dict[str, object] = {
        "operations": [operation_document(operation, session.output.said) for operation in operations],
        "unchanged": [{"login": account.login, "reason": said(account.reason)} for account in unchanged],
    }
    left = [{"login": account.login, "reason": said(account.reason), "cure": said(account.cure)} for account in refused]
    return {**answer, "refused": left} if left else answer


def _unusable(session: Session, errors: Iterable[TargetError]) -> list[dict[str, str]]:
    said = session.output.said
    return [{"name": error.target, "reason": said(error.text), "cure": said(error.cure)} for error in errors]


def _tell(session: Session, operations: Sequence[Operation], run: Run) -> None:
    output = session.output
    for operation in operations:
        kind, state = output.word(operation.kind), output.word(operation.state)
        output.say("{login}: {kind}: {state}", login=operation.login, kind=kind, state=state)
        _tell_lacking(session, operation, _OMITTED)
        if operation.error and operation.error.name not in _SAID_ONCE:
            _tell_error(session, operation.error)
    _tell_unchanged(session, run.unchanged)
    _tell_refused(session, run.refused)
    _summarise(session, operations, run.summary)
    for error in dict.fromkeys(
        operation.error for operation in operations if operation.error and operation.error.name in _SAID_ONCE
    ):
        _tell_error(session, error)


def _tell_lacking(session: Session, operation: Operation, names: Container[str]) -> None:
    """Say what is not done, or not proved, because a target has no hook for it."""
    for error in dict.fromkeys(step.error for step in operation.steps if step.error and step.error.name in names):
        session.output.say("  not done: {why}", why=session.output.said(error.message))


def _tell_error(session: Session, error: StepError) -> None:
    session.output.line(f"  {session.output.said(error.message)}")
    if error.cure.template:
        session.output.line(f"  -> {session.output.said(error.cure)}")


def _tell_unchanged(session: Session, unchanged: Iterable[Unchanged]) -> None:
    for account in unchanged:
        reason = session.output.said(account.reason)
        session.output.say("{login}: unchanged: {reason}", login=account.login, reason=reason)


def _tell_refused(session: Session, refused: Iterable[Refused]) -> None:
    for account in refused:
        reason = session.output.said(account.reason)
        session.output.say("{login}: refused: {reason}", login=account.login, reason=reason)
        session.output.line(f"  -> {session.output.said(account.cure)}")


def _summarise(session: Session, operations: Sequence[Operation], summary: RunSummary) -> None:
    output = session.output
    counts = {template: sum(summary.states.get(state, 0) for state in states) for template, states in _COUNTED.items()}
    always = list(counts)[:3]
    parts = [output.text(template, count=count) for template, count in counts.items() if count or template in always]
    parts.insert(1, output.text("{count} unchanged", count=summary.unchanged))
    parts += [output.text("{count} refused", count=summary.refused)] if summary.refused else []
    output.line(", ".join(parts))
    if any(
        not operation.state.ended and not (operation.error and operation.error.name in _SAID_ONCE)
        for operation in operations
    ):
        output.say("run 'provisioner resume' to finish incomplete operations")
