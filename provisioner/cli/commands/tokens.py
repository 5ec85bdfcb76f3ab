"""``provisioner token``: tokens with which programs use the API of the console."""

from __future__ import annotations

from datetime import timedelta

import click

from provisioner.cli.exits import ExitCode
from provisioner.cli.options import json_option, recording
from provisioner.cli.session import Session
from provisioner.core.model.tokens import TokenAccess
from provisioner.documents import token_document


@click.command("create")
@click.argument("name")
@click.option(
    "--days",
    metavar="DAYS",
    type=int,
    required=True,
    help="Number of days until the token expires, at most 366.",
)
@click.option("--service", metavar="NAME", help="Create the token for this service instead of for the actor.")
@click.option("--read-only", is_flag=True, help="Let the token read, but not change anything.")
@recording
@click.pass_obj
def create(session: Session, name: str, *, days: int, service: str | None, read_only: bool, dry_run: bool) -> ExitCode:
    """Create a token for the API and print it.

    NAME says what the token is for. The token is shown only once, because the store has only its hash.

    The owner of the token is the actor, or the service in --service. The token allows what its owner may do. Only
    administrators can create tokens for services. To give a service roles, use 'authority grant service:NAME'.
    """
    with session.application() as app:
        new = app.tokens.create(
            name,
            service=service,
            access=TokenAccess.READ if read_only else TokenAccess.WRITE,
            lifetime=timedelta(days=max(0, min(days, 10**6))),
            actor=session.actor,
            dry_run=dry_run,
        )
        secret = new.secret.reveal() if new.secret else None
        session.output.document({**token_document(new.token), "secret": secret})
        if secret:
            session.output.line(secret)
            session.output.note(
                "token {id} of {owner} is valid until {time}; keep it in a safe place, it is shown only now",
                id=new.token.id,
                owner=new.token.owner,
                time=new.token.expires_at,
            )
        else:
            session.output.say("this is a dry run, nothing was changed")
    return ExitCode.DONE


@click.command("list")
@json_option
@click.pass_obj
def list_(session: Session) -> ExitCode:
    """List tokens, latest first.

    Administrators and auditors see all tokens. Other people see only their own. The secret part of a token is never
    listed.
    """
    with session.application() as app:
        tokens = app.tokens.listed(viewer=session.actor)
        now = app.now()
    session.output.document({"items": [token_document(token) for token in tokens]})
    session.output.table(
        ("id", "name", "owner", "access", "created by", "until", "state"),
        [
            (
                token.id,
                token.name,
                token.owner,
                session.output.word(token.access),
                token.created_by,
                session.local_day(token.expires_at),
                session.output.word(token.state(now)),
            )
            for token in tokens
        ],
    )
    return ExitCode.DONE


@click.command("revoke")
@click.argument("token_id", metavar="ID")
@recording
@click.pass_obj
def revoke(session: Session, token_id: str, *, dry_run: bool) -> ExitCode:
    """Revoke a token.

    From then on, the API refuses the token.
    """
    with session.application() as app:
        token = app.tokens.revoke(token_id, actor=session.actor, dry_run=dry_run)
    session.output.document(token_document(token))
    session.output.say("token {id} of {owner}: revoked", id=token.id, owner=token.owner)
    if dry_run:
        session.output.say("this is a dry run, nothing was changed")
    return ExitCode.DONE
