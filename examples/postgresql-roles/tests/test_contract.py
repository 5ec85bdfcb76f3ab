"""The plug-in keeps the contract of targets, with a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import Any

import attrs
import psycopg
import pytest
from psycopg import sql

from provisioner import Secret
from provisioner.testing.contract import TargetContract
from provisioner.testing.contract.inventory import Crowd
from provisioner.testing.ports import free_ports
from provisioner.testing.postgresql import PrivatePostgresql
from provisioner.testing.proxy import TcpProxy
from provisioner_postgresql.plugin import Postgresql
from provisioner_postgresql.server import Server
from provisioner_postgresql.settings import PostgresqlSettings


class TestContract(TargetContract):
    """Every check."""

    @pytest.fixture
    def target(self, settings: PostgresqlSettings) -> Postgresql:
        """The plug-in's object."""
        return Postgresql(Server(settings))

    @pytest.fixture
    def target_with_wrong_credentials(self, settings: PostgresqlSettings) -> Postgresql:
        """One whose service account has another password."""
        return Postgresql(Server(attrs.evolve(settings, password=Secret("not the password"))))

    @pytest.fixture
    def unreachable_target(self, settings: PostgresqlSettings) -> Postgresql:
        """One whose server isn't there."""
        [port] = free_ports(1)
        return Postgresql(Server(attrs.evolve(settings, port=port)))

    @pytest.fixture
    def refused_secret(self) -> Secret:
        """What no log-in can send."""
        return Secret("longer than a log-in can send " * 40)

    @pytest.fixture
    def wire(self, database: PrivatePostgresql) -> Iterator[TcpProxy]:
        """The network in front of the server."""
        with TcpProxy((database.host, database.port)) as proxy:
            yield proxy

    @pytest.fixture
    def wired_target(self, settings: PostgresqlSettings, wire: TcpProxy) -> Postgresql:
        """One behind it."""
        return Postgresql(Server(attrs.evolve(settings, port=wire.port, timeout=1)))

    @pytest.fixture
    def log_in(self, database: PrivatePostgresql) -> Callable[[str, str], bool]:
        """Logs in without the plug-in."""
        place = {"host": database.host, "port": database.port, "dbname": "postgres"}

        def log_in(login: str, password: str) -> bool:
            try:
                with closing(psycopg.connect(user=login, password=password, **place)):
                    return True
            except psycopg.OperationalError:
                return False

        return log_in

    @pytest.fixture
    def open_session(self, database: PrivatePostgresql) -> Iterator[Callable[[str, str], Callable[[], bool]]]:
        """Connects without the plug-in, and stays connected."""
        place = {"host": database.host, "port": database.port, "dbname": "postgres"}
        with ExitStack() as connections:

            def open_session(login: str, password: str) -> Callable[[], bool]:
                try:
                    session = connections.enter_context(
                        closing(psycopg.connect(user=login, password=password, **place))
                    )
                except psycopg.OperationalError:
                    return lambda: False
                session.autocommit = True
                return lambda: _works(session)

            yield open_session

    @pytest.fixture
    def crowd(self, target: Postgresql, administer: Callable[[object], object]) -> Iterator[Crowd]:
        """Several pages of roles."""
        logins = {f"kalabalik{number:05}" for number in range(2500)}
        role, group = sql.Identifier, sql.Identifier(target.server.settings.group)
        administer(sql.SQL(";").join(sql.SQL("CREATE ROLE {} IN ROLE {}").format(role(n), group) for n in logins))
        crowd = Crowd(
            target=target,
            logins=logins,
            delete=lambda login: administer(sql.SQL("DROP ROLE {}").format(role(login))),
        )
        yield crowd
        administer(sql.SQL(";").join(sql.SQL("DROP ROLE {}").format(role(login)) for login in crowd.logins))


def _works(session: psycopg.Connection[Any]) -> bool:
    try:
        session.execute("SELECT")
    except psycopg.OperationalError:
        return False
    return True
