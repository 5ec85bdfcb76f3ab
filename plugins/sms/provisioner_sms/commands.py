"""The commands that the plug-in adds."""

from __future__ import annotations

from provisioner.core.api.messages import CliCommand

COMMANDS = (
    CliCommand(name="sms-simulator", help="A simulated phone network.", location="provisioner_sms.cli:group"),
    CliCommand(name="sms-reports", help="Receive delivery reports.", location="provisioner_sms.reports_cli:group"),
)
