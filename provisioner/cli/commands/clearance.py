"""``provisioner clearance``: may the personnel office process it? (000 m.5/f, m.6/f; 003 m.12/4)."""

from __future__ import annotations

import click

from provisioner.cli.exits import ExitCode
from provisioner.cli.options import json_option
from provisioner.cli.session import Session
from provisioner.core.api.messages import Passage
from provisioner.documents import clearance_document
from provisioner.services.clearance import ClearanceAnswer


@click.command("clearance")
@click.argument("person_id", metavar="PERSON")
@click.option(
    "--leaving", "passage", flag_value=Passage.LEAVING.value, help="Check whether the person is cleared to leave."
)
@click.option(
    "--starting", "passage", flag_value=Passage.STARTING.value, help="Check whether the person is cleared to start."
)
@json_option
@click.pass_obj
def command(session: Session, person_id: str, *, passage: str | None) -> ExitCode:
    """Check whether a person is cleared to leave or start a post.

    Specify --leaving or --starting. The exit code is 0 if the person is cleared. Otherwise it is 3, and the command
    lists what blocks the person and how to resolve it. If the command can't determine whether the person is cleared, it
    fails.

    Example:

        provisioner clearance 460017 --leaving
    """
    if passage is None:
        raise click.UsageError(session.output.text("Specify --leaving or --starting."))
    with session.application() as app:
        answer = app.clearance.ask(person_id, Passage(passage), actor=session.actor)
    _tell(session, person_id, passage, answer)
    return ExitCode.DONE if answer.is_clear else ExitCode.DENIED


def _tell(session: Session, person_id: str, passage: str, answer: ClearanceAnswer) -> None:
    output = session.output
    output.document(clearance_document(person_id, passage, answer, output.said))
    if answer.is_clear:
        output.say("{person}: may be processed", person=person_id)
    else:
        output.say("{person}: may not be processed yet", person=person_id)
    for remark in answer.remarks:
        output.line(f"  {output.said(remark)}")
    for block in answer.blocks:
        output.line(f"  {block.subject}: {output.said(block.reason)}")
        output.line(f"  -> {output.said(block.cure)}")
