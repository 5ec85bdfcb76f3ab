"""Five systems with accounts, and what somebody does in them behind the product's back, each in its own language."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar, Protocol

import attrs
import httpx
import ldap3
import psycopg
from passlib.handlers.pbkdf2 import pbkdf2_sha256
from psycopg import sql

from provisioner.testing.dovecot import Dovecot
from provisioner.testing.postgresql import PrivatePostgresql
from provisioner.testing.slapd import Slapd
from provisioner_pys.mock import PysMock

#: What somebody writes where a system stores the name of a unit or its code, or the ID of a holder.
OTHER = "Başka Birim"


class System(Protocol):
    """A system as its own administrator uses it."""

    #: What :meth:`rename` changes: an attribute, or the ``holder`` where the system stores nothing else of an account.
    stores: ClassVar[str]

    @property
    def name(self) -> str:
        """The name of its target."""

    def logs_in(self, login: str, password: str, /) -> bool:
        """Return whether somebody gets in with this password."""

    def drop(self, login: str, /) -> None:
        """Remove an account."""

    def enable(self, login: str, password: str, /) -> None:
        """Let somebody log in to a closed account."""

    def rename(self, login: str, /) -> None:
        """Write something else where the system stores the unit or, without one, the holder."""


@attrs.frozen
class LocalFile:
    """The directory in a file."""

    name: str
    file: Path
    stores: ClassVar[str] = "unit"

    def logs_in(self, login: str, password: str, /) -> bool:
        [row] = self._execute("SELECT enabled, hash FROM entries WHERE login = ?", login)
        return bool(row[0]) and pbkdf2_sha256.verify(password, row[1])

    def drop(self, login: str, /) -> None:
        self._execute("DELETE FROM entries WHERE login = ?", login)

    def enable(self, login: str, password: str, /) -> None:
        self._execute("UPDATE entries SET enabled = 1, hash = ? WHERE login = ?", pbkdf2_sha256.hash(password), login)

    def rename(self, login: str, /) -> None:
        self._execute("UPDATE entries SET attributes = json_set(attributes, '$.unit', ?) WHERE login = ?", OTHER, login)

    def _execute(self, statement: str, *values: str) -> list[Any]:
        with closing(sqlite3.connect(self.file, isolation_level=None)) as connection:
            return connection.execute(statement, values).fetchall()


@attrs.frozen
class LdapServer:
    """A directory, through its administrator's account."""

    name: str
    server: Slapd
    stores: ClassVar[str] = "cn"

    def logs_in(self, login: str, password: str, /) -> bool:
        connection = ldap3.Connection(self._address, self._dn(login), password)
        accepted = bool(connection.bind())
        connection.unbind()
        return accepted

    def drop(self, login: str, /) -> None:
        self._do(lambda connection: connection.delete(self._dn(login)))

    def enable(self, login: str, password: str, /) -> None:
        changes = {"pwdEndTime": [(ldap3.MODIFY_DELETE, [])], "userPassword": [(ldap3.MODIFY_REPLACE, [password])]}
        self._do(lambda connection: connection.modify(self._dn(login), changes))

    def rename(self, login: str, /) -> None:
        changes = {self.stores: [(ldap3.MODIFY_REPLACE, [OTHER])]}
        self._do(lambda connection: connection.modify(self._dn(login), changes))

    @property
    def _address(self) -> ldap3.Server:
        return ldap3.Server("127.0.0.1", port=self.server.port, get_info=ldap3.NONE)

    def _dn(self, login: str) -> str:
        return f"uid={login},{self.server.base_dn}"

    def _do(self, change: Callable[[ldap3.Connection], object]) -> None:
        administrator = self.server.admin_dn, self.server.admin_password.reveal()
        with ldap3.Connection(self._address, *administrator, raise_exceptions=True) as connection:
            change(connection)


@attrs.frozen
class PersonnelSystem:
    """PYS, through its own interface. It stores the code of the unit, and no name."""

    name: str
    mock: PysMock
    stores: ClassVar[str] = "unit"

    def logs_in(self, login: str, password: str, /) -> bool:
        return self.mock.logs_in(login, password)

    def drop(self, login: str, /) -> None:
        self._call("DELETE", login)

    def enable(self, login: str, password: str, /) -> None:
        account = self.mock.account(login)
        assert account
        self._call("PUT", login, unit=account.unit, holder=account.holder, password=password)

    def rename(self, login: str, /) -> None:
        self._call("PATCH", login, unit=OTHER)

    def _call(self, method: str, login: str, **body: object) -> None:
        key = {"X-Api-Key": self.mock.api_key.reveal()}
        url = f"{self.mock.url}/accounts/{login}"
        httpx.request(method, url, headers=key, json=body or None).raise_for_status()


@attrs.frozen
class PasswdFileServer:
    """Dovecot, through an editor on its passwd-file."""

    name: str
    server: Dovecot
    file: Path
    stores: ClassVar[str] = "holder"

    def logs_in(self, login: str, password: str, /) -> bool:
        return self.server.logs_in(login, password)

    def drop(self, login: str, /) -> None:
        self._write(lambda fields: None if fields[0] == login else fields)

    def enable(self, login: str, password: str, /) -> None:
        def enabled(fields: list[str]) -> list[str]:
            return [login, f"{{PLAIN}}{password}", *fields[2:7], ""] if fields[0] == login else fields

        self._write(enabled)

    def rename(self, login: str, /) -> None:
        self._write(lambda fields: [*fields[:4], OTHER, *fields[5:]] if fields[0] == login else fields)

    def _write(self, edit: Callable[[list[str]], list[str] | None]) -> None:
        former = self.file.stat()
        lines = [line.split(":", 7) for line in self.file.read_text(encoding="utf-8").splitlines()]
        edited = [":".join(fields) for line in lines if (fields := edit(line))]
        self.file.write_text("".join(f"{line}\n" for line in edited), encoding="utf-8")
        # Dovecot reads the file again if its time is in another second.
        os.utime(self.file, (former.st_atime, int(former.st_mtime) + 1))


@attrs.frozen
class DatabaseServer:
    """PostgreSQL, through its administrator's account."""

    name: str
    server: PrivatePostgresql
    stores: ClassVar[str] = "holder"

    def logs_in(self, login: str, password: str, /) -> bool:
        try:
            self._connect(login, password).close()
        except psycopg.OperationalError:
            return False
        return True

    def drop(self, login: str, /) -> None:
        self._execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(login)))

    def enable(self, login: str, password: str, /) -> None:
        statement = sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}")
        self._execute(statement.format(sql.Identifier(login), sql.Literal(password)))

    def rename(self, login: str, /) -> None:
        statement = sql.SQL("COMMENT ON ROLE {} IS {}")
        self._execute(statement.format(sql.Identifier(login), sql.Literal(OTHER)))

    def _execute(self, statement: sql.Composed) -> None:
        with closing(self._connect(self.server.admin, self.server.admin_password.reveal())) as connection:
            connection.execute(statement)

    def _connect(self, user: str, password: str) -> psycopg.Connection[Any]:
        server = self.server
        return psycopg.connect(
            host=server.host, port=server.port, dbname="postgres", user=user, password=password, autocommit=True
        )
