"""Carries plans out, or only shows them, and says what became of every operation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import attrs
import click

from provisioner.cli import failures
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import dry_run_option, json_option
from provisioner.cli.render.documents import operation_document
from provisioner.cli.render.preview import preview_document, tell_preview
from provisioner.cli.session import Session
from provisioner.cli.signals import stop_between_steps
from provisioner.core.api.errors import (
    ClockError,
    InMaintenanceError,
    InputError,
    NotReadyError,
    OmittedError,
    StagedError,
    StoppedError,
    TargetError,
    UnsupportedError,
)
from provisioner.core.engine.limits import Share
from provisioner.core.engine.plan import Plan, PlannedOperation, Refused, Unchanged
from provisioner.core.engine.preview import Preview, preview
from provisioner.core.model import Operation, OperationState, StepError
from provisioner.core.model.text import Text
from provisioner.services.bootstrap import Application

#: How the states are counted for people, in this order.
_COUNTED = {
    "{count} done": {OperationState.DONE},
    "{count} incomplete": {OperationState.INCOMPLETE, OperationState.RUNNING},
    "{count} failed": {OperationState.FAILED, OperationState.UNDONE},
    "{count} not begun": {OperationState.PLANNED},
    "{count} held back": {OperationState.STAGED},
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
    message = session.output.text("stopping between two steps; please wait, or send the signal again to end at once")
    with stop_between_steps(message) as stop, session.application(dry_run=dry_run, stop=stop) as app:
        yield app


def run(
    session: Session, app: Application, plan: Plan, *, dry_run: bool, prepare: Callable[[], None] | None = None
) -> ExitCode:
    """Carry a plan out, or only show it.

    Args:

        session: Where to answer.

        app: What carries it out.

        plan: What to do.

        dry_run: Whether to show it only.

        prepare: Writes what the plan rests on, once it is sure that the plan can be begun.

    Raises:

        ProvisionerError: Nothing was changed.
    """
    unusable = app.engine.preflight(plan.work) if plan.work and (dry_run or prepare) else ()
    if dry_run:
        excess = app.engine.staging.excess(plan.work)
        previews = list(preview(plan.work, app.engine.context.targets))
        return _show(session, *_readable(session, app, plan, previews), excess, unusable)
    if app.engine.context.retry.stop.is_set():
        raise StoppedError("the program was asked to stop before anything was changed", cure="run the command again")
    if prepare:
        prepare()
    # What was prepared is changed already, whatever becomes of the rest.
    operations = _applied(app, plan) if prepare else app.engine.apply(plan)
    return follow(session, app, operations, plan.unchanged, refused=plan.refused, total=len(plan.work))


def _applied(app: Application, plan: Plan) -> Iterator[Operation]:
    yield from app.engine.apply(plan)


def follow(
    session: Session,
    app: Application,
    operations: Iterable[Operation],
    unchanged: Sequence[Unchanged] = (),
    *,
    refused: Sequence[Refused] = (),
    total: int | None = None,
    more: Callable[[], Mapping[str, object]] = dict,
) -> ExitCode:
    """Wait for operations to end, and say what became of them.

    Args:

        session: Where to answer.

        app: Knows who may read what of them.

        operations: Yielded as they end.

        unchanged: Accounts that needed nothing.

        refused: Accounts for which nothing can be done as they stand.

        total: How many operations there will be, if that is known.

        more: Returns what else there is to say in JSON, once all have ended.

    Raises:

        ClockError: Nothing was begun.

        InputError: Nothing was begun.

        NotReadyError: Nothing was begun.
    """
    ended: list[Operation] = []
    failure = None
    try:
        ended.extend(session.output.progress(operations, total, "changing accounts"))
    except Exception as error:
        if not ended and not any(more().values()) and isinstance(error, (ClockError, InputError, NotReadyError)):
            raise
        failure = error  # what has been done until then is to be said all the same
    shown = list(session.privacy(app.store).shown_operations(ended, app.store.accounts))
    answer = {**_document(session, shown, unchanged, refused), **more()}
    if failure:
        answer["error"] = failures.document(failure, session)
    session.output.document(answer)
    _tell(session, shown, unchanged, refused)
    if failure:
        for line in failures.lines(failure, session):
            session.output.error_lines(line)
    return _exit_code(ended, refused, failure)


def _exit_code(ended: Iterable[Operation], refused: Sequence[Refused], failure: Exception | None) -> ExitCode:
    states = {operation.state for operation in ended}
    if failure and failures.exit_code(failure) is ExitCode.DEFECT:
        return ExitCode.DEFECT
    if OperationState.STAGED in states:
        return ExitCode.STAGED
    return ExitCode.UNFINISHED if failure or refused or states - {OperationState.DONE} else ExitCode.DONE


def _readable(
    session: Session, app: Application, plan: Plan, previews: Sequence[Preview]
) -> tuple[Plan, Sequence[Preview]]:
    """Return a plan, and what is previews of it, as the actor may read them: others may have asked for it."""
    privacy, operations = session.privacy(app.store), [work.operation for work in plan.work]
    shown = privacy.shown_operations(operations, app.store.accounts)
    work = [attrs.evolve(work, operation=operation) for work, operation in zip(plan.work, shown, strict=True)]
    changes = privacy.shown_foreseen(previews, operations, app.store.accounts)
    return attrs.evolve(plan, work=tuple(work)), list(changes)


def _show(
    session: Session,
    plan: Plan,
    previews: Sequence[Preview],
    excess: Share | None,
    unusable: Sequence[TargetError],
) -> ExitCode:
    """Show what would be done, whether it would be held back, and what could not be done now."""
    operations = [work.operation for work in plan.work]
    answer = _document(session, operations, plan.unchanged, plan.refused)
    more = {"staged": excess is not None, "unusable": _unusable(session, unusable)}
    session.output.document({**answer, **more, "changes": preview_document(previews)})
    by_login: dict[str, list[Preview]] = {}
    for one in previews:
        by_login.setdefault(one.login, []).append(one)
    for operation in operations:
        steps = ", ".join(f"{step.name} {step.hook}" for step in operation.steps if not step.error)
        kind = session.output.word(operation.kind)
        session.output.say("{login}: {kind}: {steps}", login=operation.login, kind=kind, steps=steps)
        _tell_lacking(session, operation, _LACKING)
        tell_preview(session, by_login.get(operation.login, ()))
    _tell_unchanged(session, plan.unchanged)
    _tell_refused(session, plan.refused)
    for error in unusable:
        session.output.say(
            "{target} cannot be used now: {why}", target=error.target, why=session.output.said(error.text)
        )
    counts = {"planned": len(operations), "unchanged": len(plan.unchanged)}
    session.output.say("{planned} planned, {unchanged} unchanged; this is a dry run, nothing was changed", **counts)
    if excess:
        share = {"affected": excess.affected, "out_of": excess.out_of}
        session.output.say("it would be held back: {affected} of {out_of} accounts would be closed", **share)
    lacking = any(
        step.error and step.error.name in _LACKING - _OMITTED for operation in operations for step in operation.steps
    )
    return ExitCode.UNFINISHED if plan.refused or lacking else ExitCode.DONE


def _document(
    session: Session, operations: Iterable[Operation], unchanged: Iterable[Unchanged], refused: Iterable[Refused]
) -> dict[str, object]:
    said = session.output.said
    answer: dict[str, object] = {
        "operations": [operation_document(operation, session.output.translated) for operation in operations],
        "unchanged": [{"login": one.login, "reason": said(one.reason)} for one in unchanged],
    }
    left = [{"login": one.login, "reason": said(one.reason), "cure": said(one.cure)} for one in refused]
    return {**answer, "refused": left} if left else answer


def _unusable(session: Session, errors: Iterable[TargetError]) -> list[dict[str, str]]:
    said = session.output.said
    return [{"name": error.target, "reason": said(error.text), "cure": said(error.cure)} for error in errors]


def _tell(
    session: Session, operations: Sequence[Operation], unchanged: Sequence[Unchanged], refused: Sequence[Refused]
) -> None:
    output = session.output
    for operation in operations:
        kind, state = output.word(operation.kind), output.word(operation.state)
        output.say("{login}: {kind}: {state}", login=operation.login, kind=kind, state=state)
        _tell_lacking(session, operation, _OMITTED)
        if operation.error and operation.error.name not in _SAID_ONCE:
            _tell_error(session, operation.error)
    _tell_unchanged(session, unchanged)
    _tell_refused(session, refused)
    _summarise(session, operations, unchanged, refused)
    for error in dict.fromkeys(
        operation.error for operation in operations if operation.error and operation.error.name in _SAID_ONCE
    ):
        _tell_error(session, error)


def _tell_lacking(session: Session, operation: Operation, names: Container[str]) -> None:
    """Say what is not done, or not proved, because a target has no hook for it."""
    for error in dict.fromkeys(step.error for step in operation.steps if step.error and step.error.name in names):
        session.output.say("  not done: {why}", why=session.output.translated(error.message))


def _tell_error(session: Session, error: StepError) -> None:
    session.output.line(f"  {session.output.translated(error.message)}")
    if error.cure:
        session.output.line(f"  -> {session.output.translated(error.cure)}")


def _tell_unchanged(session: Session, unchanged: Iterable[Unchanged]) -> None:
    for one in unchanged:
        session.output.say("{login}: unchanged: {reason}", login=one.login, reason=session.output.said(one.reason))


def _tell_refused(session: Session, refused: Iterable[Refused]) -> None:
    for one in refused:
        session.output.say("{login}: refused: {reason}", login=one.login, reason=session.output.said(one.reason))
        session.output.line(f"  -> {session.output.said(one.cure)}")


def _summarise(
    session: Session, operations: Sequence[Operation], unchanged: Sequence[Unchanged], refused: Sequence[Refused]
) -> None:
    output = session.output
    found = Counter(operation.state for operation in operations)
    counts = {template: sum(found[state] for state in states) for template, states in _COUNTED.items()}
    always = list(counts)[:3]
    parts = [output.text(template, count=count) for template, count in counts.items() if count or template in always]
    parts.insert(1, output.text("{count} unchanged", count=len(unchanged)))
    parts += [output.text("{count} refused", count=len(refused))] if refused else []
    output.line(", ".join(parts))
    if any(
        not operation.state.ended and not (operation.error and operation.error.name in _SAID_ONCE)
        for operation in operations
    ):
        output.say("run 'provisioner resume' to drive on what is not done")


@click.command("resume")
@click.option("--due", is_flag=True, help="Skip operations that wait for a later try.")
@dry_run_option
@json_option
@click.pass_obj
def resume(session: Session, *, due: bool, dry_run: bool) -> ExitCode:
    """Finish interrupted operations.

    These are operations that were planned and not begun, that a crash interrupted, or that did not work the last time.
    """
    with started(session, dry_run=dry_run) as app:
        return carry_on(session, app, _left(app, only_due=due), dry_run=dry_run)


def carry_on(
    session: Session,
    app: Application,
    operations: Iterable[Operation],
    unchanged: Sequence[Unchanged] = (),
    *,
    dry_run: bool,
) -> ExitCode:
    """Carry out operations from the journal that have not ended, or only show what would be done.

    Args:

        session: Where to answer.

        app: What carries them out.

        operations: The operations.

        unchanged: Accounts that needed nothing.

        dry_run: Whether to show it only.

    Raises:

        ProvisionerError: Nothing was changed.
    """
    if not dry_run:
        return follow(session, app, app.engine.retry(operations), unchanged)
    return show_again(session, app, app.engine.startable(operations), unchanged)


def show_again(
    session: Session,
    app: Application,
    again: Iterable[PlannedOperation | Operation],
    unchanged: Sequence[Unchanged] = (),
) -> ExitCode:
    """Only show what would be done with operations from the journal.

    Args:

        session: Where to answer.

        app: What would carry them out.

        again: The work, and as they are those operations that cannot go on now.

        unchanged: Accounts that needed nothing.

    Raises:

        ProvisionerError: They cannot be carried out now.
    """
    found = list(again)
    work = tuple(one for one in found if isinstance(one, PlannedOperation))
    left = [one for one in found if isinstance(one, Operation)]
    refused = tuple(map(_refused, session.privacy(app.store).shown_operations(left, app.store.accounts)))
    return run(session, app, Plan(work=work, unchanged=tuple(unchanged), refused=refused), dry_run=True)


def _left(app: Application, *, only_due: bool) -> Iterator[Operation]:
    """Yield the operations that have not ended, each once: first what is due, then what waits for its next try."""
    seen = set()
    for operation in app.store.resumable(app.engine.context.now()):
        seen.add(operation.id)
        yield operation
    if not only_due:
        yield from (one for one in _waiting(app) if one.id not in seen)


def _refused(operation: Operation) -> Refused:
    error = operation.error or StepError(name="", message="")
    reason, cure = Text("{why}", {"why": error.message}), Text("{cure}", {"cure": error.cure})
    return Refused(login=operation.login, reason=reason, cure=cure)


def _waiting(app: Application) -> list[Operation]:
    """Return the operations that did not work and have a next try, the oldest first."""
    return list(app.store.find_operations(state=OperationState.INCOMPLETE))[::-1]
