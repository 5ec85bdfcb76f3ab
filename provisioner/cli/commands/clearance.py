"""``provisioner clearance``: may the personnel office process it? (000 m.5/f, m.6/f; 003 m.12/4)."""

from __future__ import annotations

import click

from provisioner.cli.exits import ExitCode
from provisioner.cli.options import json_option
from provisioner.cli.session import Session
from provisioner.core.api.errors import InputError, Problem
from provisioner.core.api.messages import AskClearance, ClearanceBlock, Passage
from provisioner.core.governance.authority import Role
from provisioner.core.governance.clearance import reservations
from provisioner.core.model.text import Text
from provisioner.services.bootstrap import Application


@click.command("clearance")
@click.argument("person_id", metavar="PERSON")
@click.option("--leaving", "passage", flag_value=Passage.LEAVING.value, help="May the person leave?")
@click.option("--starting", "passage", flag_value=Passage.STARTING.value, help="May the person take up the post?")
@json_option
@click.pass_obj
def command(session: Session, person_id: str, *, passage: str | None) -> ExitCode:
    """Say whether a person may leave or start.

    If the person may not, the command shows what must be done first. If something cannot be determined, there is no
    answer, and that is not a permission.
    """
    if passage is None:
        raise click.UsageError(session.output.text("Give --leaving or --starting."))
    with session.application() as app:
        _require_role(session, app, person_id)
        blocks = _blocks(app, AskClearance(person_id=person_id, passage=Passage(passage)))
        remarks = reservations(app.store, person_id) if passage == Passage.LEAVING else []
    _tell(session, person_id, passage, blocks, remarks)
    return ExitCode.DENIED if blocks else ExitCode.DONE


def _require_role(session: Session, app: Application, person_id: str) -> None:
    """Make sure that the personnel office asks: the one of the person's unit, or of a unit above it.

    Raises:

        DeniedError: Somebody else does. It does not tell whether there is such a person, or in which unit.
    """
    office = {Role.PERSONNEL_OFFICE}
    if app.authority.has_any(session.actor, office):
        person = app.planner.people.find_all([person_id]).get(person_id) if app.authority.enforced else None
        if app.authority.effective_role(session.actor, {*office, Role.ADMINISTRATOR}, person.unit if person else None):
            return
    app.authority.require(session.actor, office)


def _blocks(app: Application, request: AskClearance) -> list[ClearanceBlock]:
    """Return what stands in the way.

    Raises:

        InputError: Nothing does, and nobody knows the person: most likely the id is wrong.

        TargetError: It cannot be told.
    """
    blocks = app.engine.context.retry.call(lambda _: app.plugins.clearance_blocks(request))
    if not blocks and not app.planner.people.find_all([request.person_id]):
        problem = Text("nobody knows {person}", {"person": request.person_id})
        raise InputError([Problem(field="person", message=problem)])
    return blocks


def _tell(session: Session, person_id: str, passage: str, blocks: list[ClearanceBlock], remarks: list[Text]) -> None:
    output = session.output
    said = [
        {"subject": block.subject, "reason": output.said(block.reason), "cure": output.said(block.cure)}
        for block in blocks
    ]
    answer = {"person": person_id, "passage": passage, "clear": not blocks, "blocks": said}
    output.document({**answer, "remarks": [output.said(remark) for remark in remarks]} if remarks else answer)
    if blocks:
        output.say("{person}: may not be processed yet", person=person_id)
    else:
        output.say("{person}: may be processed", person=person_id)
    for remark in remarks:
        output.line(f"  {output.said(remark)}")
    for block in said:
        output.line(f"  {block['subject']}: {block['reason']}")
        output.line(f"  -> {block['cure']}")
