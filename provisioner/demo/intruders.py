"""Changes accounts directly on the systems, as a person with the necessary rights can, and not through the product."""

from __future__ import annotations

import secrets
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Protocol

import attrs

from provisioner.core.model import Account
from provisioner.core.model.secret import Secret
from provisioner.demo.doors import DemoClient, directory_connection, entry_name
from provisioner.testing.slapd import Slapd


class DirectoryIntruder(Protocol):
    """A person who changes accounts of a directory."""

    def delete(self, account: Account) -> None:
        """Delete an account."""

    def rename(self, account: Account, name: str) -> None:
        """Write another name of the unit."""


@attrs.frozen
class LdapIntruder:
    """The administrator of a server."""

    _directory: Slapd

    def delete(self, account: Account) -> None:
        """Delete the entry."""
        with directory_connection(self._directory, self._directory.admin_dn, self._directory.admin_password) as link:
            link.delete(entry_name(self._directory, account))

    def rename(self, account: Account, name: str) -> None:
        """Replace the common name, which is the name of the unit."""
        with directory_connection(self._directory, self._directory.admin_dn, self._directory.admin_password) as link:
            link.modify(entry_name(self._directory, account), {"cn": [("MODIFY_REPLACE", [name])]})


@attrs.frozen
class FileIntruder:
    """Somebody who opens the file of a local directory."""

    _file: Path

    def delete(self, account: Account) -> None:
        """Delete the row."""
        self._execute("DELETE FROM entries WHERE login = ?", account.login)

    def rename(self, account: Account, name: str) -> None:
        """Replace the name of the unit."""
        statement = "UPDATE entries SET attributes = json_set(attributes, '$.unit', ?) WHERE login = ?"
        self._execute(statement, name, account.login)

    def _execute(self, statement: str, *values: str) -> None:
        with closing(sqlite3.connect(self._file)) as connection, connection:
            connection.execute(statement, values)


@attrs.frozen
class PysIntruder:
    """An officer of the personnel system."""

    _client: DemoClient

    def enable(self, account: Account) -> Secret:
        """Enable an account with a password that nobody received, and return the password.

        Raises:

            UnavailableError: The personnel system refuses.
        """
        password = Secret(secrets.token_urlsafe(12))
        form = {"unit": account.unit, "holder": account.holder, "password": password.reveal()}
        self._client.ask("PUT", f"/accounts/{account.login}", form)
        return password
