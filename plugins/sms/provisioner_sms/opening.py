"""Opens the gateways that the settings choose."""

from __future__ import annotations

from typing import assert_never

from provisioner.core.api.errors import MisconfiguredError
from provisioner_sms.failover import Failover, Line
from provisioner_sms.gateway import BatchGateway, Report, SmsGateway, unreported
from provisioner_sms.limits import Limits
from provisioner_sms.settings import (
    AnyGatewaySettings,
    IletimerkeziSettings,
    JsonSettings,
    KannelSettings,
    NetgsmSettings,
    Settings,
    SimulatorSettings,
    SmppSettings,
    VerimorSettings,
)


def open_gateway(settings: Settings, channel: str, report: Report = unreported) -> BatchGateway:
    """Return the gateway that verified *settings* choose, together with those that are tried after it.

    Nothing is sent to them.

    Args:

        settings: The settings.

        channel: The name of the channel, for messages.

        report: Stores what a gateway reports on a part of a message.
    """
    lines = []
    try:
        for kind, chosen in settings.gateways.items():
            opened = _opened(chosen, settings, report)
            limits = Limits(per_second=chosen.per_second, at_once=chosen.max_connections)
            lines.append(Line.of(kind.value, opened, limits, channel))
    except BaseException:
        Failover(lines).close()
        raise
    return Failover(lines)


def _opened(chosen: AnyGatewaySettings, settings: Settings, report: Report) -> SmsGateway:
    """Return one gateway of a channel.

    The imports are here because a program that sends no message should not wait for an HTTP library.
    """
    match chosen:
        case KannelSettings():
            from provisioner_sms.kannel import KannelGateway

            return KannelGateway.open(chosen, max(settings.max_parts, settings.max_notice_parts))
        case JsonSettings():
            from provisioner_sms.json_http import JsonGateway

            return JsonGateway.open(chosen, settings.regions[0])
        case SmppSettings():
            return _opened_smpp(chosen, report, settings.regions[0])
        case NetgsmSettings() | VerimorSettings() | IletimerkeziSettings():
            return _opened_provider(chosen, settings.sender or "")
        case SimulatorSettings():
            from provisioner_sms.simulator_gateway import SimulatorGateway

            return SimulatorGateway.open(chosen)
    assert_never(chosen)


def _opened_provider(chosen: NetgsmSettings | VerimorSettings | IletimerkeziSettings, sender: str) -> SmsGateway:
    match chosen:
        case NetgsmSettings():
            from provisioner_sms.providers.netgsm import NetgsmGateway

            return NetgsmGateway.open(chosen, sender)
        case VerimorSettings():
            from provisioner_sms.providers.verimor import VerimorGateway

            return VerimorGateway.open(chosen)
        case IletimerkeziSettings():
            from provisioner_sms.providers.iletimerkezi import IletimerkeziGateway

            return IletimerkeziGateway.open(chosen, sender)
    assert_never(chosen)


def _opened_smpp(settings: SmppSettings, report: Report, country: str) -> SmsGateway:
    try:
        from provisioner_sms.smpp.gateway import SmppGateway
    except ModuleNotFoundError:
        raise MisconfiguredError(
            "the gateway smpp needs the libraries smpplib and gsm0338", cure="pip install 'unit-provisioner[smpp]'"
        ) from None
    return SmppGateway.open(settings, report, country)
