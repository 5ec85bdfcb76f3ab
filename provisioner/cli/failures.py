"""What becomes of an exception: an exit code, a sentence on stderr or a JSON document, and never a traceback."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Sequence

import click

from provisioner.cli.exits import ExitCode
from provisioner.cli.help import error_message
from provisioner.cli.session import Session
from provisioner.core.api.errors import (
    BusyError,
    ClockError,
    ConfigurationError,
    DeniedError,
    InputError,
    LeaseLostError,
    MisconfiguredError,
    NotAuthorizedError,
    NotReadyError,
    Problem,
    ProvisionerError,
    StagedError,
    StoppedError,
    StoreError,
    StoreUnavailableError,
    SupersededError,
    TargetError,
)
from provisioner.core.model.text import Text, visible

#: What each class of errors means to a script. The class nearest to the error decides.
CODES: dict[type[BaseException], ExitCode] = {
    BusyError: ExitCode.UNFINISHED,
    ClockError: ExitCode.WRONG,
    ConfigurationError: ExitCode.WRONG,
    DeniedError: ExitCode.DENIED,
    InputError: ExitCode.WRONG,
    LeaseLostError: ExitCode.UNFINISHED,
    MisconfiguredError: ExitCode.WRONG,
    StagedError: ExitCode.STAGED,
    StoppedError: ExitCode.UNFINISHED,
    StoreError: ExitCode.WRONG,
    StoreUnavailableError: ExitCode.UNAVAILABLE,
    SupersededError: ExitCode.UNFINISHED,
    TargetError: ExitCode.UNAVAILABLE,
    click.Abort: ExitCode.UNFINISHED,
    click.ClickException: ExitCode.WRONG,
    Exception: ExitCode.DEFECT,
}


def exit_code(error: BaseException) -> ExitCode:
    """Return what *error* means to a script."""
    if isinstance(error, NotReadyError):
        # One that is down is worth another try, whatever is wrong with the others.
        return max(exit_code(failure) for failure in error.errors)
    return code_of(type(error))


def code_of(kind: type[BaseException]) -> ExitCode:
    """Return what a class of errors means to a script."""
    return next(CODES[cls] for cls in kind.__mro__ if cls in CODES)


def report(error: Exception, session: Session) -> ExitCode:
    """Tell people or the calling script what went wrong, and return the exit code."""
    if isinstance(error, InputError) and error.warnings:
        session.output.warn(error.warnings)
    if session.json and not session.output.answered:
        session.output.document({"error": document(error, session)})
    else:
        for line in lines(error, session):
            session.output.error_lines(line)
    return exit_code(error)


def document(error: Exception, session: Session) -> dict[str, object]:
    """Return *error* as JSON shows it."""
    message, cure, items = _parts(error, session)
    shown: list[dict[str, object]] = [
        {"file": problem.file, "line": problem.line, "field": problem.field, "message": _message(problem, session)}
        for problem in items
    ]
    if isinstance(error, NotAuthorizedError):
        for item, one in zip(shown, error.denials, strict=True):
            item.update(login=one.login, cure=session.output.said(one.denial.cure))
    return {"class": type(error).__name__, "message": message, "cure": cure, "items": shown}


def _parts(error: Exception, session: Session) -> tuple[str, str, Sequence[Problem]]:
    """Return what went wrong, what can be done about it, and the single problems."""
    said = session.output.said
    match error:
        case InputError() | NotAuthorizedError():
            return said(error.text), said(error.cure), _single(error)
        case NotReadyError():
            problems = [Problem(field=failure.target, message=failure.text) for failure in error.errors]
            return said(error.text), "\n".join(dict.fromkeys(_cures(error.errors, session))), problems
        case ProvisionerError():
            return said(error.text), said(error.cure), ()
        case click.ClickException():
            return error_message(error, session.help_text), "", ()
        case click.Abort():
            return session.output.text("the command was interrupted"), "", ()
        case _:
            return _defect(error, session)


def _single(error: InputError | NotAuthorizedError) -> Sequence[Problem]:
    if isinstance(error, InputError):
        return error.problems
    return [Problem(subject=denial.login, field="actor", message=denial.denial.reason) for denial in error.denials]


def _cures(errors: Iterable[TargetError], session: Session) -> list[str]:
    return [session.output.said(error.cure) for error in errors if error.cure.template]


def _defect(error: Exception, session: Session) -> tuple[str, str, Sequence[Problem]]:
    """Say where it happened. The error's own text stays unsaid: nobody knows what it quotes."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "unknown"
    if session.verbose:
        for frame in frames:
            session.output.error_line(f"  {frame.filename}:{frame.lineno} {frame.name}")
    message = Text(
        "this is a defect of the program: {error} at {place}", {"error": type(error).__name__, "place": place}
    )
    return session.output.said(message), session.output.text("please report it; use -v for details"), ()


def _message(problem: Problem, session: Session) -> str:
    """Return what is wrong, after what it is about where its place does not tell."""
    message = session.output.said(problem.message)
    return f"{visible(problem.subject)}: {message}" if problem.subject else message


def lines(error: Exception, session: Session) -> list[str]:
    """Return *error* as people read it."""
    if isinstance(error, click.ClickException):
        return _usage(error, session)
    if isinstance(error, NotAuthorizedError):
        return _denials(error, session)
    message, cure, problems = _parts(error, session)
    lines = [f"{session.output.text('error')}: {message}"]
    for problem in problems:
        place = ":".join(str(part) for part in (problem.file, problem.line, problem.field) if part)
        lines.append(f"  {visible(place)}: {_message(problem, session)}")
    return [*lines, *(f"  -> {line}" for line in cure.split("\n") if line)]


def _denials(error: NotAuthorizedError, session: Session) -> list[str]:
    """Return every denial, each with who could do it."""
    said = session.output.said
    lines = [f"{session.output.text('error')}: {said(error.text)}"]
    for denial in error.denials:
        lines += [f"  {visible(denial.login)}: {said(denial.denial.reason)}", f"    -> {said(denial.denial.cure)}"]
    return lines


def _usage(error: click.ClickException, session: Session) -> list[str]:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        return [error.format_message()]
    context = getattr(error, "ctx", None)
    usage = [context.get_usage()] if context else []
    message = error_message(error, session.help_text)
    return [*usage, session.help_text("Error: {message}").format(message=message)]
