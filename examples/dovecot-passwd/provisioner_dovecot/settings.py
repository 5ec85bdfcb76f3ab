"""What the table ``[targets.NAME]`` with ``plugin = "dovecot"`` may hold."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

import attrs

from provisioner.core.api.bounds import is_timeout
from provisioner.core.api.errors import ConfigurationError


class Scheme(StrEnum):
    """How passwords are hashed, in Dovecot's words."""

    SSHA512 = "SSHA512"
    SHA512_CRYPT = "SHA512-CRYPT"


@attrs.frozen(kw_only=True)
class DovecotSettings:
    """One passwd-file and the server that reads it."""

    #: The file.
    file: Path
    #: Where the server listens for IMAP; passwords are proved there.
    host: str = "localhost"
    port: int = attrs.field(default=993, validator=[attrs.validators.ge(1), attrs.validators.le(65535)])
    #: Whether IMAP is spoken over TLS. Only on this machine may it be without.
    tls: bool = True
    #: The certificates that may have signed the server's, instead of the system's.
    ca_file: Path | None = None
    scheme: Scheme = Scheme.SHA512_CRYPT
    #: How many seconds the server may take for an answer.
    timeout: float = attrs.field(default=10.0, validator=is_timeout)

    def __attrs_post_init__(self) -> None:
        if not self.tls and self.host not in {"localhost", "127.0.0.1", "::1"}:
            raise ConfigurationError("tls: passwords would leave this machine unencrypted", cure="set tls = true")
