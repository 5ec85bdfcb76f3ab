"""What the contract cannot know: what the server logs, and roles that belong to others."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import psycopg
import pytest

from provisioner import Presence
from provisioner.core.api.errors import ConfigurationError, ConflictError
from provisioner.testing import samples
from provisioner.testing.postgresql import PrivatePostgresql
from provisioner_postgresql.plugin import Postgresql
from provisioner_postgresql.server import Server
from provisioner_postgresql.settings import PostgresqlSettings

LOGIN = samples.ACCOUNT.login


@pytest.fixture
def target(settings: PostgresqlSettings) -> Postgresql:
    """The plug-in's object."""
    return Postgresql(Server(settings))


@pytest.fixture
def account(target: Postgresql, administer: Callable[[str], object]) -> str:
    """An open account."""
    administer(f'DROP ROLE IF EXISTS "{LOGIN}"')
    target.account_create(samples.create())
    return LOGIN


def test_no_password_is_in_the_log_of_statements(target: Postgresql, account: str, database: PrivatePostgresql) -> None:
    target.account_rotate(samples.rotate())
    target.account_handover(samples.handover())

    assert f'ALTER ROLE "{account}" PASSWORD' in database.log
    for secret in (samples.SECRET, samples.OTHER_SECRET):
        assert secret.reveal() not in database.log


def test_a_role_of_others_is_not_touched(target: Postgresql, administer: Callable[[str], object]) -> None:
    """It has the login of an account, and is no member of the group."""
    stranger = attrs.evolve(samples.ACCOUNT, login="stranger")
    administer("CREATE ROLE stranger LOGIN PASSWORD 'theirs'")
    try:
        with pytest.raises(ConflictError, match="no account of a unit"):
            target.account_create(samples.create(stranger))
        target.account_close(samples.close(stranger))
        target.account_delete(samples.delete(stranger))

        assert target.account_probe(samples.probe(account=stranger)).presence is Presence.ABSENT
        assert administer("SELECT FROM pg_roles WHERE rolname = 'stranger' AND rolcanlogin").fetchall()  # type: ignore[attr-defined]
    finally:
        administer("DROP ROLE stranger")


def test_a_role_that_owns_something_is_not_dropped(
    target: Postgresql, account: str, administer: Callable[[str], object]
) -> None:
    administer(f'CREATE TABLE owned (); ALTER TABLE owned OWNER TO "{account}"')
    try:
        with pytest.raises(ConflictError, match="owns objects"):
            target.account_delete(samples.delete())

        assert target.server.find(account)
    finally:
        administer("DROP TABLE owned")


def test_a_role_that_has_expired_is_listed_as_locked(
    target: Postgresql, account: str, administer: Callable[[str], object]
) -> None:
    """And opening the account again lets it in."""
    administer(f"ALTER ROLE \"{account}\" VALID UNTIL '2020-01-01'")
    [listed] = [account for page in target.account_list() for account in page.accounts]
    target.account_create(samples.create())

    assert listed.lock.startswith("VALID UNTIL 2020-01-01")
    assert target.account_probe(samples.probe(samples.SECRET)).secret_accepted


def test_passwords_leave_the_machine_encrypted_only() -> None:
    with pytest.raises(ConfigurationError, match="unencrypted"):
        PostgresqlSettings(host="db.example", user="provisioner", password=samples.SECRET, tls=False)


def test_an_account_has_no_rights_but_those_of_the_group(database: PrivatePostgresql, account: str) -> None:
    password = samples.SECRET.reveal()
    place = {"host": database.host, "port": database.port, "dbname": "postgres"}
    with (
        psycopg.connect(user=account, password=password, **place) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("CREATE ROLE another")
