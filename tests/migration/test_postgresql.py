"""A store on PostgreSQL that was migrated is the same as one that was made new.

The first store on PostgreSQL had the tables of revision 0024, which ``postgresql_0024.sql`` keeps. Migrations before it
are about SQLite only; each later one runs on both databases, and here from there.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, text

from provisioner.core.api.errors import StoreError
from provisioner.store import Store
from provisioner.store.audit.chain import GENESIS
from provisioner.store.db import schema
from provisioner.store.db.opening import database_at
from provisioner.store.db.tables import chain_head
from tests.postgresql_stores import StoreServer, name_in

pytestmark = [pytest.mark.slow, pytest.mark.server("postgresql")]

FIRST = Path(__file__).with_name("postgresql_0024.sql")


@pytest.fixture(name="url")
def _url(store_server: StoreServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.chdir(tmp_path)
    url = store_server.new(empty=True)
    yield url
    store_server.give_back(url)


def dump(server: StoreServer, url: str) -> str:
    """Return the definitions of all tables and indexes, without comments, settings and the tests' own schema."""
    [program] = Path("/usr/lib/postgresql").glob("*/bin/pg_dump")
    options = ["--schema-only", "--no-owner", "--no-privileges", "--schema=public", "--table=public.*"]
    place = ["--host", server.host, "--port", str(server.port), "--username", server.admin, "--no-password"]
    done = subprocess.run(
        [program, *options, *place, name_in(url)],
        env={"PGPASSWORD": server.admin_password.reveal()},
        check=True,
        capture_output=True,
        text=True,
    )
    wanted = re.findall(r"^(?:CREATE|ALTER) .*?;$", done.stdout, flags=re.DOTALL | re.MULTILINE)
    return "\n\n".join(wanted) + "\n"


def test_a_store_of_the_first_version_becomes_one_of_this_version(store_server: StoreServer, url: str) -> None:
    with closing(database_at(url)) as database, database.make() as connection:
        for statement in FIRST.read_text(encoding="utf-8").split(";\n"):
            connection.exec_driver_sql(statement)
        connection.execute(text("INSERT INTO public.alembic_version VALUES ('0024')"))
        connection.execute(insert(chain_head), {"id": 1, "seq": 0, "hash": GENESIS})
    new = store_server.new(empty=True)
    Store.create(new).close()

    Store.migrate(url)

    assert dump(store_server, url) == dump(store_server, new)
    Store.open(url).close()
    store_server.give_back(new)


def test_alembic_sees_nothing_left_to_do(url: str) -> None:
    Store.create(url).close()

    with closing(database_at(url)) as database, database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, database.tables) == []


@pytest.mark.parametrize(("version", "said"), [("0000", "an earlier version"), ("9999", "a later version")])
def test_a_store_of_another_version_is_not_opened(url: str, version: str, said: str) -> None:
    Store.create(url).close()
    with closing(database_at(url)) as database, database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})

    with pytest.raises(StoreError, match=said):
        Store.open(url)


def test_a_store_that_is_up_to_date_stays_as_it_is(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Store.create(url).close()
    monkeypatch.setattr(schema, "_upgrade", lambda _: pytest.fail("it was migrated"))

    Store.migrate(url)
