"""The command ``provisioner sms-reports``."""

from __future__ import annotations

import signal
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

import click

from provisioner.cli.options import json_option
from provisioner.cli.session import Session
from provisioner.core.api.errors import ConfigurationError
from provisioner_sms.report_addresses import ReportAddresses
from provisioner_sms.report_receiver import ReportReceiver
from provisioner_sms.settings import GatewayKind, Settings


@click.group()
@click.pass_context
def group(ctx: click.Context) -> None:
    """Receive the delivery reports of SMS gateways."""
    ctx.ensure_object(Session).set_up_logs()


@group.command()
@json_option
@click.pass_obj
def serve(session: Session) -> None:
    """Receive delivery reports until it receives SIGTERM or SIGINT.

    The command listens on the addresses in the tables 'reports' of the channels, and stores each report. When it is
    ready, it prints the URLs.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    places = _places(session)
    with session.application() as app, ExitStack() as running:
        urls = []
        for listen, channels in places.items():
            receiver = ReportReceiver.start(listen, channels=channels, report=app.deliveries.report)
            running.callback(receiver.stop)
            urls.append(receiver.url)
        session.output.document({"urls": urls})
        for url in urls:
            session.output.line(url)
        stop.wait()


def _places(session: Session) -> Mapping[str, Sequence[ReportAddresses]]:
    """Return the addresses of the channels that receive reports, by where the reports arrive."""
    places = defaultdict(list)
    for plugin in session.configuration.plugin_settings():
        for section in plugin.channels if plugin.plugin == "sms" else ():
            settings = section.settings(Settings)
            if GatewayKind.KANNEL in settings.gateways and settings.kannel and settings.kannel.reports:
                places[settings.kannel.reports.listen].append(ReportAddresses.of(settings.kannel.reports))
    if not places:
        raise ConfigurationError(
            "no channel in {file} receives delivery reports",
            cure="add the table reports to [channels.NAME.kannel]",
            file=session.configuration.file,
        )
    return places
