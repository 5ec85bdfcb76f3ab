"""``provisioner metrics``: what the store knows, for Prometheus."""

from __future__ import annotations

from pathlib import Path

import click

from provisioner.cli.exits import ExitCode
from provisioner.cli.options import json_option
from provisioner.cli.session import Session
from provisioner.documents import iso
from provisioner.services.metrics import exposition, figures_of, write_metrics
from provisioner.services.status import status_of


@click.command("write")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@json_option
@click.pass_obj
def write(session: Session, file: Path) -> ExitCode:
    """Write metrics to a file, for node_exporter.

    Run the command every minute, and let the textfile collector of node_exporter read FILE, whose name must end in
    .prom. The command reads only the store and contacts no target or channel. All users of the machine can read FILE,
    so it contains no names of accounts or people.

    Example:

        provisioner metrics write /srv/metrics/provisioner.prom
    """
    with session.store() as store:
        status = status_of(session.configuration, store, store.now)
        figures = figures_of(status, store)
    write_metrics(file, exposition(figures))
    session.output.document({"file": str(file), "at": iso(status.at)})
    session.output.say("the metrics are in {file}", file=file)
    return ExitCode.DONE
