"""The settings in the table ``[channels.NAME]`` of this plug-in. Settings that cannot work are refused."""

from __future__ import annotations

from pathlib import Path

import attrs

from provisioner.core.api.errors import ConfigurationError


@attrs.frozen(kw_only=True)
class LetterSettings:
    """Sealed letters, for the owners of passwords or for a mailer printer."""

    #: The folder into which the encrypted letters are written.
    outbox: Path
    #: The folder with the public keys of persons and units: ``persons/ID.pub`` or ``.pem``, and ``units/CODE.pub`` or
    #: ``.pem``. Set either this or ``printer_key``.
    keys: Path | None = None
    #: The file with the public key of a mailer printer, ``.pub`` or ``.pem``.
    printer_key: Path | None = None
    #: The phone number of the help desk.
    help_desk: str
    #: The folder with ``DejaVuSans.ttf`` and ``DejaVuSansMono.ttf``.
    fonts: Path = Path("/usr/share/fonts/truetype/dejavu")

    def __attrs_post_init__(self) -> None:
        if (self.keys is None) == (self.printer_key is None):
            raise ConfigurationError("set either keys or printer_key")
