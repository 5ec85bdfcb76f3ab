"""``provisioner target rotate-credential``: a new secret for the product's own account on a target."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

from provisioner.cli import failures
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import dry_run_option, json_option
from provisioner.cli.session import Session
from provisioner.services.credentials import CredentialResult


@click.command("rotate-credential")
@click.argument("name")
@dry_run_option
@json_option
@click.pass_obj
def rotate(session: Session, name: str, *, dry_run: bool) -> ExitCode:
    """Replace the password that provisioner itself uses on a target.

    The command generates the new password and stores it before it changes the target, so that an interruption can't
    lock provisioner out of the target. 'provisioner resume' finishes an interrupted rotation. The configuration must
    refer to the password with file:PATH or keyring:SERVICE/USER.
    """
    with session.application(dry_run=dry_run) as app:
        result = app.credentials.rotate(name, actor=session.actor, dry_run=dry_run)
    session.output.document({**result_document(session, result), "rotated": not result.error and not dry_run})
    if dry_run:
        session.output.say(
            "the secret of {target} can be replaced; this is a dry run, nothing was changed", target=name
        )
        return ExitCode.DONE
    return tell_results(session, [result])


def tell_results(session: Session, results: Iterable[CredentialResult]) -> ExitCode:
    """Say what became of rotations, and return what that means to a script."""
    code = ExitCode.DONE
    for result in results:
        if result.error is None:
            session.output.say("the secret of {target} was replaced, and the former one is void", target=result.target)
            continue
        code = ExitCode.UNFINISHED
        session.output.say(
            "the secret of {target} is not replaced everywhere yet; run 'provisioner resume' to finish it",
            target=result.target,
        )
        for line in failures.lines(result.error, session):
            session.output.error_lines(line)
    return code


def results_document(session: Session, results: Sequence[CredentialResult]) -> dict[str, object]:
    """Return what became of interrupted rotations, as a part of a larger document. Empty if there were none."""
    return {"credentials": [result_document(session, result) for result in results]} if results else {}


def result_document(session: Session, result: CredentialResult) -> dict[str, object]:
    """Return what became of a rotation as JSON shows it."""
    error = failures.document(result.error, session) if result.error else None
    return {"target": result.target, "error": error}
