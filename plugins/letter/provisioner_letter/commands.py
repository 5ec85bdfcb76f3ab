"""The commands that the plug-in adds."""

from __future__ import annotations

from provisioner.core.api.messages import CliCommand

COMMANDS = (CliCommand(name="letter", help="Sealed letters with passwords.", location="provisioner_letter.cli:group"),)
