"""``provisioner demo``: the whole story, on this machine, with every delivered password proved by a log-in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from provisioner.cli.session import Session


@click.command()
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep the configuration, the store and the received messages in DIR, which must be empty or must not exist.",
)
@click.option("--console", is_flag=True, help="After the demonstration, serve the console until you press Ctrl+C.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8460,
    show_default=True,
    metavar="PORT",
    help="Port of the console.",
)
@click.pass_obj
def command(session: Session, *, keep: Path | None, console: bool, port: int) -> int:
    """Run a complete demonstration on this machine.

    The demonstration opens the accounts of a province in a private directory and personnel system, sends the passwords
    over a simulated phone network, and simulates a month. Everything runs on this machine and stops at the end. No
    password is displayed.
    """
    from provisioner.cli.commands.console import require_libraries
    from provisioner.demo.chapters import CHAPTERS
    from provisioner.demo.console import serve_console
    from provisioner.demo.stage import folder_for, stage_in
    from provisioner.demo.story import Story

    if console:
        require_libraries()
    session.set_up_logs()
    with folder_for(keep) as folder, stage_in(folder, session.language) as stage:
        code = Story(stage=stage, output=session.output).tell(CHAPTERS)
        if console:
            serve_console(stage, session.output, port=port)
        return code
