"""A private PostgreSQL, and settings for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest

from provisioner import Secret
from provisioner.testing.plugin import require_server
from provisioner.testing.postgresql import PrivatePostgresql
from provisioner_postgresql.settings import PostgresqlSettings


@pytest.fixture(scope="session")
def database() -> Iterator[PrivatePostgresql]:
    """The server."""
    require_server("postgresql")
    with PrivatePostgresql() as server:
        yield server


@pytest.fixture
def settings(database: PrivatePostgresql) -> PostgresqlSettings:
    """Settings for it; without TLS, because it is on this machine."""
    host, port, password = database.host, database.port, database.password
    return PostgresqlSettings(host=host, port=port, user=database.user, password=password, tls=False)


@pytest.fixture
def administer(database: PrivatePostgresql) -> Iterator[Callable[[str], object]]:
    """Executes statements as the administrator of the server."""
    with connected(database, database.admin, database.admin_password) as administrator:
        yield administrator.execute


def connected(server: PrivatePostgresql, user: str, secret: Secret) -> psycopg.Connection:
    """Log in without the plug-in."""
    password = secret.reveal()
    return psycopg.connect(
        host=server.host, port=server.port, dbname="postgres", user=user, password=password, autocommit=True
    )
