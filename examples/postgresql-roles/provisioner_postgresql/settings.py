"""What the table ``[targets.NAME]`` with ``plugin = "postgresql"`` may hold."""

from __future__ import annotations

from pathlib import Path

import attrs

from provisioner import Secret
from provisioner.core.api.bounds import is_timeout
from provisioner.core.api.errors import ConfigurationError


@attrs.frozen(kw_only=True)
class PostgresqlSettings:
    """One PostgreSQL server."""

    host: str = "localhost"
    port: int = attrs.field(default=5432, validator=[attrs.validators.ge(1), attrs.validators.le(65535)])
    #: The database to connect to. Roles belong to all databases of the server.
    database: str = "postgres"
    #: The service account, which needs CREATEROLE.
    user: str
    password: Secret
    #: The role whose members are the accounts.
    group: str = "unit_accounts"
    #: Whether TLS is used. Only on this machine can it be off.
    tls: bool = True
    #: The certificates that may have signed the server's, instead of the system's.
    ca_file: Path | None = None
    #: The timeout of a request in seconds.
    timeout: float = attrs.field(default=10.0, validator=is_timeout)

    def __attrs_post_init__(self) -> None:
        if not self.tls and self.host not in {"localhost", "127.0.0.1", "::1"}:
            raise ConfigurationError("tls: passwords would leave this machine unencrypted", cure="set tls = true")
