"""Opens the gateway that the settings choose."""

from __future__ import annotations

from typing import assert_never

from provisioner_sms.gateway import SmsGateway
from provisioner_sms.settings import GatewayKind, JsonSettings, KannelSettings, Settings, SimulatorSettings


def open_gateway(settings: Settings) -> SmsGateway:
    """Return the gateway that verified *settings* choose. Nothing is sent to it.

    The imports are here because a program that sends no message should not wait for an HTTP library.
    """
    chosen: KannelSettings | JsonSettings | SimulatorSettings = getattr(settings, GatewayKind(settings.gateway))
    match chosen:
        case KannelSettings():
            from provisioner_sms.kannel import KannelGateway

            return KannelGateway.open(chosen)
        case JsonSettings():
            from provisioner_sms.json_http import JsonGateway

            return JsonGateway.open(chosen)
        case SimulatorSettings():
            from provisioner_sms.simulator.gateway import SimulatorGateway

            return SimulatorGateway.open(chosen)
    assert_never(chosen)
