"""``provisioner check``: one line for every part, with what is wrong and its cure. All are checked, whatever fails."""

from __future__ import annotations

import click

from provisioner.cli import failures
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import json_option
from provisioner.cli.session import Session
from provisioner.services.health_check import CheckResult, CheckStatus, HealthCheck


@click.command("check")
@json_option
@click.pass_obj
def command(session: Session) -> ExitCode:
    """Check that every component works.

    The command checks the configuration, the store, the clock, the rules, and every target and channel. For each
    problem, the output explains the fix. The exit code is 0 if there is no problem.
    """
    session.set_up_logs()
    results = list(HealthCheck(load=lambda: session.configuration).run())
    session.output.document({"items": [_document(result, session) for result in results]})
    for result in results:
        _tell(result, session)
    codes = {_code(result) for result in results if result.status is CheckStatus.PROBLEM}
    return min(codes, default=ExitCode.DONE)


def _code(result: CheckResult) -> ExitCode:
    return failures.code_of(result.error) if result.error else ExitCode.UNFINISHED


def _document(result: CheckResult, session: Session) -> dict[str, str]:
    said = session.output.said
    return {
        "name": result.name,
        "status": result.status.value,
        "message": said(result.message),
        "cure": said(result.cure),
    }


def _tell(result: CheckResult, session: Session) -> None:
    output = session.output
    output.lines(f"{output.word(result.status):8} {result.name}: {output.said(result.message)}")
    if result.cure.template:
        output.lines(f"  -> {output.said(result.cure)}")
