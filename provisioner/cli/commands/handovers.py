"""``provisioner handover``: accounts that pass from one person to the next, and the records of it (000 m.5/e)."""

from __future__ import annotations

import click

from provisioner.cli.commands.runs import run, started
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import PERSON, changing, json_option, printable_option
from provisioner.cli.render.pages import write_page
from provisioner.cli.render.record import page, rows
from provisioner.cli.session import Session
from provisioner.documents import handover_document
from provisioner.services.account_lookup import known_accounts
from provisioner.services.handovers import HandoverRecord, find_handover, list_handovers

#: The name of a file that stands for stdout.
STDOUT = "-"


@click.command("handover")
@click.argument("login")
@click.option(
    "--to", "incoming", type=PERSON, metavar="PERSON", help="Person who receives the account and the new password."
)
@click.option(
    "--to-it-unit",
    is_flag=True,
    help="Hand the account over to the custodian of the IT unit until the account's own unit has a custodian again.",
)
@click.option(
    "--from",
    "outgoing",
    metavar="PERSON",
    help="Person who hands the account over. The command fails if another person holds the account.",
)
@changing
@click.pass_obj
def hand_over(
    session: Session,
    login: str,
    *,
    incoming: str | None,
    to_it_unit: bool,
    outgoing: str | None,
    reason: str,
    dry_run: bool,
) -> ExitCode:
    """Hand an account over to another person.

    The account must be open. It gets a new password. The old password stops working before the new one is sent. The
    command also creates a handover record for both parties.

    Example:

        provisioner handover hukuk46 --to 460001 --dry-run
    """
    if bool(incoming) == to_it_unit:
        raise click.UsageError(session.output.text("Specify either --to PERSON or --to-it-unit."))
    with started(session, dry_run=dry_run) as app:
        initiator = session.initiator(reason)
        plan = app.handovers.plan(login, to=incoming, outgoing=outgoing, initiator=initiator)
        code = run(session, app, plan, dry_run=dry_run)
        for operation_id in app.handovers.recorded(plan):
            session.output.say(
                "run 'provisioner handover show {id}' to print the record for both persons", id=operation_id
            )
        return code


@click.command("list")
@click.option("--login", metavar="LOGIN", help="Filter by account.")
@click.option("--person", metavar="PERSON", help="Filter by the person who hands over or receives the account.")
@json_option
@click.pass_obj
def list_(session: Session, *, login: str | None, person: str | None) -> ExitCode:
    """List handover records, latest first."""
    naming = session.configuration.content.accounts.naming
    with session.store() as store:
        wanted = known_accounts(store, naming, [login])[0].login if login else None
        found = list_handovers(store, session.privacy(store), login=wanted, person=person)
    session.output.document({"items": [handover_document(record) for record in found]})
    session.output.table(("day", "login", "from", "to", "operation"), [_row(session, record) for record in found])
    return ExitCode.DONE


@click.command("show")
@click.argument("operation_id", metavar="ID")
@printable_option
@json_option
@click.pass_obj
def show(session: Session, operation_id: str, *, file: str | None) -> ExitCode:
    """Show a handover record.

    ID is the ID of the operation. To find it, use 'handover list'.
    """
    if session.json and file == STDOUT:
        raise click.UsageError(session.output.text("With --json, specify a FILE for --html."))
    with session.store() as store:
        record = find_handover(store, session.privacy(store), operation_id, whole=bool(file))
    session.output.document(handover_document(record))
    if file is None:
        session.output.table(("field", "value"), rows(record, session))
    elif file == STDOUT:
        session.output.lines(page(record, session))
    else:
        write_page(file, page(record, session))
        session.output.say("the record is in {file}", file=file)
    return ExitCode.DONE


def _row(session: Session, record: HandoverRecord) -> tuple[str, ...]:
    handover = record.handover
    day = session.local_day(handover.finished_at)
    return (day, handover.mail, handover.outgoing or "", handover.incoming, handover.operation_id)
