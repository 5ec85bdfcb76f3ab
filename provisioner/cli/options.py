"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from provisioner.cli.session import Session

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

#: The years in which the days and times of options can be. Calendars end soon after, in some time zone.
YEARS = range(1970, 3000)


class _Day(click.DateTime):
    """A day in one of the years that can be computed with in every time zone."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        output = click.get_current_context().ensure_object(Session).output
        try:
            day = super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(output.text("'{value}' is not a date such as 2026-12-31.", value=value), param, ctx)
        if day.year not in YEARS:
            text = output.text("the year is not between {first} and {last}", first=YEARS[0], last=YEARS[-1])
            self.fail(text, param, ctx)
        return day


class _Identifier(click.ParamType[str]):
    """The id of a person, or another code, that is kept although it may be unknown."""

    name = "id"

    def convert(self, value: str, param: click.Parameter | None, _: click.Context | None) -> str:
        """Return the identifier.

        Raises:

            InputError: It can be none.
        """
        from provisioner.core.api.errors import InputError, Problem
        from provisioner.core.model.identifiers import code_objection

        if objection := code_objection(value):
            raise InputError([Problem(field=(param and param.name) or self.name, message=objection)])
        return value


class _Grantee(_Identifier):
    """The id of a person, or ``service:`` and the name of a service."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from provisioner.core.engine.plan import SERVICE_ACTOR

        super().convert(value.removeprefix(SERVICE_ACTOR), param, ctx)
        return value


#: The id of a person.
PERSON = _Identifier()

#: The id of a person, or the name of a service.
GRANTEE = _Grantee()

#: A day, as an option is given one; :meth:`~provisioner.cli.session.Session.start_of` says when it begins.
DAY = _Day(["%Y-%m-%d"])


def _json_too(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    """Take ``--json`` behind the command as well as before it."""
    session = ctx.find_object(Session)
    if session is not None and value:
        session.json = True


json_option = click.option(
    "--json",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_json_too,
    help="Print one JSON document to stdout and everything else to stderr.",
)


def _json_in_lines(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    session = ctx.find_object(Session)
    if session is None or not value:
        return
    if session.json:
        raise click.UsageError(session.output.text("Specify one of --json and --jsonl."))
    session.json = session.json_lines = True


json_lines_option = click.option(
    "--jsonl",
    is_flag=True,
    expose_value=False,
    callback=_json_in_lines,
    help="Print JSON Lines to stdout: one document for each result, as soon as it is known.",
)

dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Show what the command would do, without changing anything."
)

printable_option = click.option(
    "--html", "file", metavar="FILE", help="Write an HTML page for printing and signing to FILE. Use '-' for stdout."
)

reason_option = click.option("--reason", metavar="TEXT", default="", help="Reason to record in the audit log.")


def changing(command: FunctionT) -> FunctionT:
    """Give a command the options of those that change accounts: ``--reason``, ``--dry-run`` and ``--json``."""
    return reason_option(dry_run_option(json_option(command)))


def recording(command: FunctionT) -> FunctionT:
    """Give a command the options of those that change what is recorded: ``--dry-run`` and ``--json``."""
    return dry_run_option(json_option(command))
