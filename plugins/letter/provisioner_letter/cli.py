"""The command ``provisioner letter``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import click

from provisioner.cli import failures
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import json_option, recording
from provisioner.cli.session import Session
from provisioner.core.api.errors import UnavailableError
from provisioner.core.model import MessageState, PasswordDelivery
from provisioner.documents import delivery_document
from provisioner_letter.outbox import Outbox
from provisioner_letter.settings import LetterSettings

_IDS = click.argument("ids", metavar="ID...", nargs=-1, required=True)


@click.group()
@click.pass_context
def group(ctx: click.Context) -> None:
    """List sealed letters, and record what happened to them."""
    ctx.ensure_object(Session).set_up_logs()


@group.command("list")
@json_option
@click.pass_obj
def list_(session: Session) -> ExitCode:
    """List the letters that were neither handed over nor returned.

    The password in a letter with the state 'void' no longer works. Destroy the letter, and record it with 'letter
    returned'. If the program was interrupted, the letter may never have been written.
    """
    outboxes = _outboxes(session)
    with session.application() as app:
        known = app.deliveries.unconfirmed(outboxes)
        void = app.deliveries.void(known)
        found = list(app.privacy(session.actor).shown_deliveries(known, app.store.accounts.get_many))
    items = [_document(delivery, is_void=delivery.id in void) for delivery in found]
    session.output.document({"items": items})
    rows = [_row(session, delivery, item) for delivery, item in zip(found, items, strict=True)]
    session.output.table(("letter", "account", "person", "sent", "state", "awaited until"), rows)
    return ExitCode.DONE


@group.command("handed-over")
@_IDS
@recording
@click.pass_obj
def handed_over(session: Session, ids: Sequence[str], *, dry_run: bool) -> ExitCode:
    """Record that letters were handed over to their addressees.

    The command removes the encrypted files from the outbox.
    """
    return _report(session, ids, MessageState.DELIVERED, dry_run=dry_run)


@group.command("returned")
@_IDS
@recording
@click.pass_obj
def returned(session: Session, ids: Sequence[str], *, dry_run: bool) -> ExitCode:
    """Record that letters were returned, lost, opened or damaged.

    The command removes the encrypted files from the outbox. The setting 'on_undelivered' of the channel determines what
    happens next.
    """
    return _report(session, ids, MessageState.REJECTED, dry_run=dry_run)


def _report(session: Session, ids: Sequence[str], state: MessageState, *, dry_run: bool) -> ExitCode:
    outboxes = _outboxes(session)
    with session.application() as app:
        confirm = partial(app.deliveries.confirm, ids, state, channels=outboxes, actor=session.actor)
        for channel in {delivery.channel for delivery in confirm(dry_run=True)}:
            outboxes[channel].expect_usable()
        found = confirm(dry_run=dry_run)
    session.output.document({"items": [_document(delivery, is_void=False) for delivery in found]})
    for delivery in found:
        session.output.line(f"{delivery.id}  {delivery.login}  {session.output.word(delivery.state)}")
    return ExitCode.DONE if dry_run else _remove(session, outboxes, found)


def _remove(session: Session, outboxes: Mapping[str, Outbox], found: Sequence[PasswordDelivery]) -> ExitCode:
    """Remove letters, and name the files that are left."""
    code = ExitCode.DONE
    for delivery in found:
        try:
            outboxes[delivery.channel].remove(delivery.id)
        except UnavailableError as error:
            code = ExitCode.UNFINISHED
            for line in failures.lines(error, session):
                session.output.error_lines(line)
    return code


def _document(delivery: PasswordDelivery, *, is_void: bool) -> dict[str, Any]:
    return {**(delivery_document(delivery) or {}), "login": delivery.login, "person": delivery.person, "void": is_void}


def _row(session: Session, delivery: PasswordDelivery, item: Mapping[str, Any]) -> Sequence[str]:
    return (
        delivery.id,
        delivery.login,
        delivery.person,
        session.local_time(delivery.sent_at),
        session.output.text("void; destroy it") if item["void"] else session.output.word(delivery.state),
        session.local_time(delivery.deadline),
    )


def _outboxes(session: Session) -> Mapping[str, Outbox]:
    """Return the outbox of each channel of this plug-in, by the channel's name."""
    return {
        section.name: Outbox(section.settings(LetterSettings).outbox)
        for plugin in session.configuration.plugin_settings()
        for section in (plugin.channels if plugin.plugin == "letter" else ())
    }
