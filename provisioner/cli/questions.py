"""The one question that a command asks before it changes much. Scripts answer it with ``--yes``."""

from __future__ import annotations

import sys

import click

from provisioner.cli.session import Session

yes_option = click.option("--yes", is_flag=True, help="Don't ask whether to continue. Required in scripts.")


def require_answer(session: Session, *, yes: bool) -> None:
    """Check that the question is answered, or can be asked.

    Raises:

        UsageError: It is not, and there is no terminal.
    """
    if not yes and (session.json or not _is_terminal()):
        raise click.UsageError(session.output.text("Specify --yes, or --dry-run to see what would be done."))


def agreed(session: Session, question: str, *, yes: bool) -> bool:
    """Return whether the person at the terminal agrees, or has agreed with ``--yes``.

    Args:

        session: Knows the language.

        question: The question, in that language.

        yes: Whether it was answered before.
    """
    if yes:
        return True
    words = {"yes": session.output.text("yes"), "no": session.output.text("no")}
    answer = click.prompt(f"{question} [{words['yes']}/{words['no']}]", default="", show_default=False, err=True)
    return answer.strip().casefold() in {words["yes"], words["yes"][0]}


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()
