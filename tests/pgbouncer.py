"""PgBouncer in front of a private PostgreSQL, for tests of stores that are reached through it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import attrs

from provisioner.testing.ports import free_ports
from provisioner.testing.postgresql import PrivatePostgresql
from provisioner.testing.private import PrivateServer, give_away

PROGRAM = Path("/usr/sbin/pgbouncer")

CONFIG = """\
[databases]
* = host={server.host} port={server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
pool_mode = {mode}
default_pool_size = 100
max_client_conn = 500
"""


@attrs.define(eq=False, kw_only=True)
class PgBouncer(PrivateServer):
    """A private PgBouncer. Use it as a context manager.

    Args:

        server: The server behind it.

        mode: Its ``pool_mode``.
    """

    name: ClassVar[str] = "pgbouncer"
    server: PrivatePostgresql
    mode: str
    port: int = attrs.field(init=False)

    def _missing(self) -> Sequence[str]:
        return () if PROGRAM.exists() else ("pgbouncer",)

    def _prepare(self) -> None:
        [self.port] = free_ports(1)
        (self.folder / "users").touch(mode=0o600)
        users = f'"{self.server.user}" "{self.server.password.reveal()}"\n'
        (self.folder / "users").write_text(users, encoding="utf-8")
        config = CONFIG.format(server=self.server, port=self.port, folder=self.folder, mode=self.mode)
        (self.folder / "pgbouncer.ini").write_text(config, encoding="utf-8")
        give_away(self.folder)

    def _command(self) -> Sequence[str]:
        return [str(PROGRAM), str(self.folder / "pgbouncer.ini")]

    def _ports(self) -> Sequence[int]:
        return (self.port,)
