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
    help="Keep the files in DIR, which must be empty or absent: configuration, store, received messages.",
)
@click.pass_obj
def command(session: Session, *, keep: Path | None) -> int:
    """Show the whole product on a private example.

    It opens the units of a province on a directory, a personnel system and a phone network of their own. All of them
    run on this machine and end with the demonstration. No password is shown.
    """
    from provisioner.demo.stage import folder_for, stage_in
    from provisioner.demo.story import Story

    session.set_up_logs()
    with folder_for(keep) as folder, stage_in(folder, session.language) as stage:
        return Story(stage=stage, output=session.output).tell()
