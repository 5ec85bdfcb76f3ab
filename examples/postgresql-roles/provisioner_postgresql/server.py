"""One PostgreSQL server: connections, the roles, and what its errors mean."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from threading import Timer
from typing import Any, LiteralString

import attrs
import psycopg
from psycopg import sql

from provisioner import Secret, require_lease
from provisioner.core.api import errors
from provisioner_postgresql.settings import PostgresqlSettings

_ROLES = """
SELECT role.rolname AS login, role.rolcanlogin AS enabled,
    coalesce(shobj_description(role.oid, 'pg_authid'), '') AS holder,
    coalesce('VALID UNTIL ' || CASE WHEN role.rolvaliduntil <= now() THEN role.rolvaliduntil END, '') AS lock
FROM pg_roles AS role
JOIN pg_auth_members AS membership ON membership.member = role.oid
JOIN pg_roles AS marker ON marker.oid = membership.roleid AND marker.rolname = %(group)s
WHERE role.rolname <> current_user
"""

#: The sessions of a role, and whether each has ended after so many milliseconds.
_END = "SELECT pid, pg_terminate_backend(pid, %(patience)s) FROM pg_stat_activity WHERE usename = %(login)s"

_COUNT = "SELECT count(*) FROM pg_stat_activity WHERE usename = %(login)s"

#: How long a session may take to end, in milliseconds.
_PATIENCE = 2000

#: Without it, changes of the members of one group at the same time fail.
_ONE_AT_A_TIME = sql.SQL("SELECT pg_advisory_xact_lock(hashtext('provisioner'))")


@attrs.frozen
class Role:
    """A login role that is a member of the group."""

    login: str
    enabled: bool
    #: The ID of the holder: the comment on the role.
    holder: str
    #: Why an enabled role can't log in; empty if it can.
    lock: str


@attrs.frozen
class Server:
    """The server. Threads may share it: each call has its own connection."""

    settings: PostgresqlSettings

    def find(self, login: str) -> Role | None:
        """Return a member of the group; ``None`` if there is none with this login."""
        if "\0" in login:
            return None
        return next(iter(self._roles("AND role.rolname = %(login)s", login=login)), None)

    def page_after(self, login: str, size: int) -> Sequence[Role]:
        """Return the next members of the group after a login."""
        order = 'AND role.rolname COLLATE "C" > %(login)s ORDER BY role.rolname COLLATE "C" LIMIT %(size)s'
        return self._roles(order, login=login, size=size)

    def version(self) -> str:
        """Return the version of the server."""
        with self.connected() as connection:
            return str(connection.execute("SHOW server_version").fetchall()[0][0])

    def execute(self, *statements: sql.Composable) -> None:
        """Execute statements in one request: all of them or none.

        Raises:

            UnknownOutcomeError: The server didn't answer.

            TargetError: The server refused a statement.
        """
        with self.connected(changing=True) as connection:
            require_lease()
            connection.execute(sql.SQL("; ").join([_ONE_AT_A_TIME, *statements]))

    def count_sessions(self, login: str) -> int:
        """Return how many sessions a role has now.

        Raises:

            TargetError: The server didn't answer.
        """
        with self.connected() as connection:
            [[count]] = connection.execute(_COUNT, {"login": login}).fetchall()
        return int(count)

    def end_sessions(self, login: str) -> int:
        """End the sessions that a role has now, and return how many there were.

        Raises:

            NotAppliedError: Some go on.

            TargetError: The server refused it, or didn't answer.
        """
        with self.connected(changing=True) as connection:
            require_lease()
            ended = connection.execute(_END, {"login": login, "patience": _PATIENCE}).fetchall()
            pids = [pid for pid, _ in ended]
            left = connection.execute("SELECT FROM pg_stat_activity WHERE pid = ANY(%s)", [pids]).fetchall()
        if left:
            raise errors.NotAppliedError("{count} sessions of {login} go on", count=len(left), login=login)
        return len(ended)

    def verifier(self, login: str, secret: Secret) -> sql.Literal:
        """Return what the server stores for a password. The password itself is in no statement and no log.

        Raises:

            SecretRefusedError: No log-in could send the password.
        """
        if not _is_usable(secret):
            raise errors.SecretRefusedError("no log-in can send this password")
        with self.connected() as connection:
            verifier = connection.pgconn.encrypt_password(secret.reveal().encode(), login.encode(), b"scram-sha-256")
        return sql.Literal(verifier.decode())

    def logs_in(self, login: str, secret: Secret) -> bool:
        """Return whether the server accepts the password."""
        if not _is_usable(secret):
            return False
        try:
            self._connect(login, secret).close()
        except psycopg.OperationalError as error:
            if not _is_refused(error):
                raise self._unavailable(error) from None
            self.version()  # a server that lets nobody in says nothing about the password
            return False
        return True

    @contextmanager
    def connected(self, *, changing: bool = False) -> Iterator[psycopg.Connection[Any]]:
        """Yield a connection of the service account, and translate errors."""
        settings = self.settings
        try:
            connection = self._connect(settings.user, settings.password)
        except psycopg.OperationalError as error:
            if _is_refused(error):
                raise errors.MisconfiguredError(
                    "{host} does not accept the service account", cure="correct user and password", host=settings.host
                ) from None
            raise self._unavailable(error) from None
        try:
            with closing(connection), _deadline(connection, settings.timeout):
                yield connection
        except psycopg.Error as error:
            raise self._translated(error, changing=changing) from None

    def _roles(self, condition: LiteralString, **values: object) -> Sequence[Role]:
        with self.connected() as connection:
            rows = connection.execute(_ROLES + condition, {"group": self.settings.group, **values}).fetchall()
        return [Role(*row) for row in rows]

    def _connect(self, user: str, secret: Secret) -> psycopg.Connection[Any]:
        settings = self.settings
        return psycopg.connect(
            host=settings.host,
            port=settings.port,
            dbname=settings.database,
            user=user,
            password=secret.reveal(),
            sslmode="verify-full" if settings.tls else "disable",
            sslrootcert=str(settings.ca_file or "system") if settings.tls else None,
            connect_timeout=max(1, round(settings.timeout)),
            autocommit=True,
        )

    def _unavailable(self, error: psycopg.Error) -> errors.TargetError:
        return errors.UnavailableError("{host}: {why}", host=self.settings.host, why=type(error).__name__)

    def _translated(self, error: psycopg.Error, *, changing: bool) -> errors.TargetError:
        """Return what an error of a statement means. Its text isn't used, because it may quote the statement."""
        why = {"host": self.settings.host, "why": f"{type(error).__name__} {error.sqlstate or ''}".strip()}
        match error:
            case psycopg.errors.DuplicateObject():
                return errors.ConflictError(
                    "{host} has a role with this login that is no account of a unit",
                    cure="rename that role, or give the account another login",
                    host=self.settings.host,
                )
            case psycopg.errors.DependentObjectsStillExist():
                return errors.ConflictError(
                    "the role owns objects or has rights to some",
                    cure="run REASSIGN OWNED and DROP OWNED in each database, and repeat the operation",
                )
            case psycopg.errors.InsufficientPrivilege():
                return errors.ForbiddenError("{host} refuses: {why}", cure="give the service account CREATEROLE", **why)
            case _ if error.sqlstate and not error.sqlstate.startswith("57"):
                return errors.RefusedError("{host} refuses: {why}", **why)
            case _ if changing:
                return errors.UnknownOutcomeError("{host} did not answer: {why}", **why)
            case _:
                return errors.UnavailableError("{host}: {why}", **why)


def _is_refused(error: psycopg.Error) -> bool:
    """Return whether the server asked for the password and refused the log-in. There is no code for that.

    Only in messages of the server, in every language, two blanks follow the severity.
    """
    return error.pgconn is not None and error.pgconn.used_password and ":  " in str(error)


def _is_usable(secret: Secret) -> bool:
    """Return whether a log-in can send this password: NUL truncates it."""
    with suppress(UnicodeEncodeError):
        return 0 < len(secret.reveal().encode()) < 1000 and "\0" not in secret.reveal()
    return False


@contextmanager
def _deadline(connection: psycopg.Connection[Any], seconds: float) -> Iterator[None]:
    """Disconnect if the server doesn't answer in time."""
    with socket.socket(fileno=os.dup(connection.fileno())) as wire:
        timer = Timer(seconds, wire.shutdown, [socket.SHUT_RDWR])
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
