"""A private PostgreSQL server for tests.

It listens on loopback, keeps its data in a temporary folder, and logs every statement. It has a service account that
may create roles, and the role whose members are the accounts::

    with PrivatePostgresql() as server:
        print(server.config)  # the settings of [targets.database]

The files are where Debian's packages put them.
"""

from __future__ import annotations

import secrets
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import attrs

from provisioner.core.model.secret import Secret
from provisioner.testing.ports import free_ports
from provisioner.testing.private import PrivateServer, give_away, identity, run

#: Where Debian's packages put the programs, by version.
_PROGRAMS = "lib/postgresql/*/bin/postgres"

CONFIG = """\
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = ''
"""

#: Each statement is on one line, as ``postgres --single`` reads them.
ROLES = """\
CREATE ROLE {group} NOLOGIN;
CREATE ROLE {user} LOGIN CREATEROLE PASSWORD '{password}';
GRANT {group} TO {user} WITH ADMIN OPTION;
GRANT pg_signal_backend TO {user};
"""


def missing_packages() -> tuple[str, ...]:
    """Return the Debian packages without which no server can be started here."""
    return () if _programs() else ("postgresql",)


def _programs() -> list[Path]:
    return sorted(Path("/usr").glob(_PROGRAMS))


@attrs.define(eq=False, kw_only=True)
class PrivatePostgresql(PrivateServer):
    """One private server. Use it as a context manager, or call :meth:`start` and :meth:`stop`."""

    name: ClassVar[str] = "postgresql"
    #: The service account.
    user: ClassVar[str] = "provisioner"
    #: The role whose members are the accounts.
    group: ClassVar[str] = "unit_accounts"
    #: Further lines of its configuration.
    settings: ClassVar[str] = "log_statement = 'all'\nfsync = off\n"
    #: The server's administrator.
    admin: ClassVar[str] = "postgres"

    password: Secret = attrs.field(factory=lambda: Secret(secrets.token_urlsafe()), init=False)
    admin_password: Secret = attrs.field(factory=lambda: Secret(secrets.token_urlsafe()), init=False)
    port: int = attrs.field(init=False)

    @property
    def config(self) -> dict[str, object]:
        """The settings of a target on this server."""
        password = f"file:{self.folder / 'password'}"
        return {"host": self.host, "port": self.port, "user": self.user, "password": password, "tls": False}

    @property
    def log(self) -> str:
        """What the server has logged, including every statement."""
        return self._output()

    def kill(self) -> None:
        """End the server at once, without a checkpoint. :meth:`start` brings it back on the same port."""
        if self._process:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None

    def _missing(self) -> Sequence[str]:
        return missing_packages()

    def _command(self) -> Sequence[str]:
        return [str(_programs()[-1]), "-D", str(self.folder / "data")]

    def _ports(self) -> Sequence[int]:
        return (self.port,)

    def _is_ready(self) -> bool:
        return "ready to accept connections" in self._output()

    def _prepare(self) -> None:
        [self.port] = free_ports(1)
        for name, secret in (("password", self.password), ("admin.password", self.admin_password)):
            (self.folder / name).touch(mode=0o600)
            (self.folder / name).write_text(secret.reveal(), encoding="utf-8")
        give_away(self.folder)
        program, data = _programs()[-1], str(self.folder / "data")
        administrator = ["-U", self.admin, f"--pwfile={self.folder / 'admin.password'}"]
        options = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
        run([str(program.with_name("initdb")), "-D", data, *administrator, *options], who=identity())
        with (self.folder / "data/postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(CONFIG.format(port=self.port) + self.settings)
        roles = ROLES.format(group=self.group, user=self.user, password=self.password.reveal())
        run([str(program), "--single", "-D", data, "postgres"], roles, identity())
