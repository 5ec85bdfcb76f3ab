"""``provisioner account verify``: what the targets have of single accounts now."""

from __future__ import annotations

import click

from provisioner.cli.exits import ExitCode
from provisioner.cli.options import json_option
from provisioner.cli.render.comparison import verified_document, verified_row
from provisioner.cli.session import Session


@click.command("verify")
@click.argument("logins", metavar="LOGIN...", nargs=-1, required=True)
@json_option
@click.pass_obj
def command(session: Session, logins: tuple[str, ...]) -> ExitCode:
    """Check the current state of accounts on the targets.

    The command shows the data that each target stores for each account, how this differs from the expected state, and
    the number of open sessions on targets that can count them. It changes nothing on the targets. The exit code is 4 if
    there are differences or if a target doesn't answer.
    """
    with session.application() as app:
        found = list(app.verification.verify(app.accounts.find(logins), actor=session.actor))
    output = session.output
    output.document({"items": [verified_document(verified, output) for verified in found]})
    output.table(
        ("login", "target", "actual", "difference", "cure"), [verified_row(verified, output) for verified in found]
    )
    return ExitCode.UNFINISHED if any(verified.difference or verified.error for verified in found) else ExitCode.DONE
