"""The command ``provisioner sms-reports``."""

from __future__ import annotations

import signal
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from typing import Protocol

import click

from provisioner.cli.options import json_option
from provisioner.cli.session import Session
from provisioner.core.api.errors import ConfigurationError
from provisioner.services.deliveries import Deliveries
from provisioner_sms.report_addresses import ReportAddresses
from provisioner_sms.report_receiver import ReportReceiver
from provisioner_sms.settings import GatewayKind, Settings, SmppSettings


@click.group()
@click.pass_context
def group(ctx: click.Context) -> None:
    """Receive the delivery reports of SMS gateways."""
    ctx.ensure_object(Session).set_up_logs()


@group.command()
@json_option
@click.pass_obj
def serve(session: Session) -> None:
    """Run the report receiver until it receives SIGTERM or SIGINT.

    The command listens on the addresses in the 'reports' tables of the channels. For channels that use the gateway
    'smpp', it connects to the mobile operator. It stores each report that it receives. When the service is ready, the
    command prints its URLs.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    places, operators = _places(session), _operators(session)
    if not places and not operators:
        raise ConfigurationError(
            "no channel in {file} receives delivery reports",
            cure="add the table reports to [channels.NAME.kannel]",
            file=session.configuration.file,
        )
    with session.application() as app, ExitStack() as running:
        urls = []
        for receiver in _receivers(places, operators, app.deliveries):
            running.callback(receiver.stop)
            urls.append(receiver.url)
        session.output.document({"urls": urls})
        for url in urls:
            session.output.line(url)
        stop.wait()


class _Receiver(Protocol):
    """What receives reports."""

    @property
    def url(self) -> str: ...

    def stop(self) -> None: ...


def _receivers(
    places: Mapping[str, Mapping[str, ReportAddresses]], operators: Mapping[str, SmppSettings], deliveries: Deliveries
) -> Iterator[_Receiver]:
    """Yield what receives the reports, running."""
    for listen, channels in places.items():
        yield ReportReceiver.start(
            listen, channels=channels, report=deliveries.report, report_part=deliveries.report_part
        )
    for name, settings in operators.items():
        from provisioner_sms.smpp.receiver import SmppReceiver

        yield SmppReceiver.start(settings, partial(deliveries.report_part, name))


def _places(session: Session) -> Mapping[str, Mapping[str, ReportAddresses]]:
    """Return the addresses of the channels to which reports are sent, by where the reports arrive, by channel."""
    places = defaultdict[str, dict[str, ReportAddresses]](dict)
    for name, settings in _channels(session):
        if GatewayKind.KANNEL in settings.gateways and settings.kannel and settings.kannel.reports:
            places[settings.kannel.reports.listen][name] = ReportAddresses.of(settings.kannel.reports)
    return places


def _operators(session: Session) -> Mapping[str, SmppSettings]:
    """Return the operators that send reports over a connection that is opened here, by their channels."""
    return {
        name: settings.smpp
        for name, settings in _channels(session)
        if GatewayKind.SMPP in settings.gateways and settings.smpp
    }


def _channels(session: Session) -> Iterator[tuple[str, Settings]]:
    for plugin in session.configuration.plugin_settings():
        for section in plugin.channels if plugin.plugin == "sms" else ():
            yield section.name, section.settings(Settings)
