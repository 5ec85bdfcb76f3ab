"""``provisioner handover``: accounts that pass from one person to the next, and the records of it (000 m.5/e)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import click

from provisioner.cli.commands.runs import run, started
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import PERSON, changing, json_option
from provisioner.cli.render.documents import handover_document
from provisioner.cli.render.pages import write_page
from provisioner.cli.render.record import page, rows
from provisioner.cli.session import Session
from provisioner.core.api.errors import ConfigurationError, InputError, Problem
from provisioner.core.api.messages import HandOver
from provisioner.core.gateways.gateway import HOOKS
from provisioner.core.governance.authority import Role
from provisioner.core.model import Handover, Outcome
from provisioner.core.model.text import Text
from provisioner.services.accounts import known_accounts
from provisioner.services.bootstrap import Application
from provisioner.services.ids import find_id
from provisioner.store import Store
from provisioner.store.ids import Named

#: The name of a file that stands for stdout.
STDOUT = "-"


@click.command("handover")
@click.argument("login")
@click.option("--to", "incoming", type=PERSON, metavar="PERSON", help="Who receives the account and the new password.")
@click.option("--to-it-unit", is_flag=True, help="Hand it over to the custodian of the IT unit, if the post is vacant.")
@click.option(
    "--from", "outgoing", metavar="PERSON", help="Who hands it over; refused if somebody else holds the account."
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

    The account must be open, and gets a new password. The password of the outgoing person stops working before the new
    one is sent.
    """
    if bool(incoming) == to_it_unit:
        raise click.UsageError(session.output.text("Give either --to PERSON or --to-it-unit."))
    with started(session, dry_run=dry_run) as app:
        [account] = known_accounts(app.store, app.planner.naming, [login])
        app.authority.require(session.actor, {Role.OFFICER}, account.unit)
        receiver = incoming or _it_custodian(app)
        plan = app.planner.hand_over(account, to=receiver, outgoing=outgoing, initiator=session.initiator(reason))
        code = run(session, app, plan, dry_run=dry_run)
        for operation_id in app.store.handovers(work.operation.id for work in plan.work):
            session.output.say("'provisioner handover show {id}' prints the record for both sides", id=operation_id)
        return code


@click.command("list")
@click.option("--login", metavar="LOGIN", help="Only those of this account.")
@click.option("--person", metavar="ID", help="Only those from or to this person.")
@json_option
@click.pass_obj
def list_(session: Session, *, login: str | None, person: str | None) -> ExitCode:
    """List the records of handovers.

    The latest comes first.
    """
    naming = session.configuration.content.accounts.naming
    with session.store() as store:
        wanted = known_accounts(store, naming, [login])[0].login if login else None
        privacy = session.privacy(store)
        records = list(store.find_handovers(login=wanted, person=person))
        # Of a masked record, the filter would still tell who is in it.
        found = list(privacy.shown(record for record in records if person is None or privacy.may_read(record)))
        left = not_handed_over(store, found)
    session.output.document({"items": [handover_document(one, left[one.operation_id]) for one in found]})
    session.output.table(
        ("day", "login", "from", "to", "operation"),
        [
            (session.local_day(one.finished_at), one.mail, one.outgoing or "", one.incoming, one.operation_id)
            for one in found
        ],
    )
    return ExitCode.DONE


@click.command("show")
@click.argument("operation_id", metavar="ID")
@click.option("--html", "file", metavar="FILE", help="Write a page to print and sign; '-' is stdout.")
@json_option
@click.pass_obj
def show(session: Session, operation_id: str, *, file: str | None) -> ExitCode:
    """Show the record that both sides keep.

    ID is the id of the operation.
    """
    if session.json and file == STDOUT:
        raise click.UsageError(session.output.text("With --json, give --html a FILE."))
    with session.store() as store:
        handover_id = find_id(store, Named.HANDOVER, operation_id)
        handover = store.handovers([handover_id]).get(handover_id)
        if handover is None:
            problem = Text("there is no record of a handover {id}", {"id": operation_id})
            raise InputError([Problem(field="id", message=problem)])
        privacy = session.privacy(store)
        if file:
            privacy.require(handover)
        [handover] = privacy.shown([handover])
        not_on = not_handed_over(store, [handover])[handover.operation_id]
    session.output.document(handover_document(handover, not_on))
    if file is None:
        session.output.table(("field", "value"), rows(handover, not_on, session))
    elif file == STDOUT:
        session.output.lines(page(handover, not_on, session))
    else:
        write_page(file, page(handover, not_on, session))
        session.output.say("the record is in {file}", file=file)
    return ExitCode.DONE


def not_handed_over(store: Store, found: Iterable[Handover]) -> Mapping[str, Sequence[str]]:
    """Return on which targets accounts were not handed over, by the operation."""
    operations = store.operations([one.operation_id for one in found])
    hook = HOOKS[HandOver]
    return {
        operation.id: [
            step.name for step in operation.steps if step.hook == hook and step.outcome is Outcome.NOT_APPLIED
        ]
        for operation in operations.values()
    }


def _it_custodian(app: Application) -> str:
    """Return who keeps accounts whose post is empty.

    Raises:

        ConfigurationError: The configuration names no IT unit, or nobody is its custodian.
    """
    code = app.config.content.accounts.it_unit
    if not code:
        raise ConfigurationError(
            "the configuration names no IT unit", cure="write its code under [accounts] as it_unit, or use --to PERSON"
        )
    unit = app.store.units([code]).get(code)
    if unit is None or unit.custodian is None:
        raise ConfigurationError(
            "the IT unit {code} is unknown or has no custodian",
            cure="import it with its custodian, or correct it_unit under [accounts]",
            code=code,
        )
    return unit.custodian
