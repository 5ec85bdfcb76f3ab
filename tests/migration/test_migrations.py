"""A store that was migrated is the same as one that was made new."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from provisioner.core.api.errors import StoreError
from provisioner.core.gateways.health import TargetHealth
from provisioner.core.model import StepError, Unit
from provisioner.core.model.text import Text, Texts
from provisioner.store import Store
from provisioner.store.db import schema
from provisioner.store.db.database import Database
from provisioner.store.db.opening import database_at
from provisioner.store.db.tables import metadata

pytestmark = pytest.mark.usefixtures("made_tables")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/store.db"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """An empty database."""
    database = database_at(url, rebuilds_tables=True)
    yield database
    database.close()


def upgrade(database: Database, revision: str = "head") -> None:
    with database.write() as connection:
        command.upgrade(schema.alembic_config(connection), revision)


def downgrade(database: Database, revision: str = "base") -> None:
    with database.write() as connection:
        command.downgrade(schema.alembic_config(connection), revision)


def contents(path: Path) -> list[tuple[object, ...]]:
    """Return the tables and indexes of a database as they were defined, without line breaks, and the first rows."""
    with closing(sqlite3.connect(path)) as connection:
        defined = [
            (kind, name, " ".join((sql or "").replace("\n", " ").replace("\t", " ").split()))
            for kind, name, sql in connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name")
        ]
        return [
            *defined,
            *connection.execute("SELECT * FROM chain_head"),
            *connection.execute("SELECT * FROM alembic_version"),
        ]


def test_migrated_store_equals_a_new_one(database: Database, tmp_path: Path) -> None:
    upgrade(database)
    Store.create(f"sqlite:///{tmp_path}/new.db").close()

    assert contents(tmp_path / "store.db") == contents(tmp_path / "new.db")


def test_alembic_sees_nothing_left_to_do(database: Database) -> None:
    upgrade(database)

    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_last_revision_is_the_one_the_program_knows() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).with_name("migrations")))

    revisions = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]

    assert revisions[0] == schema.REVISION
    assert revisions == sorted(revisions, reverse=True)


def test_every_revision_can_be_undone_and_done_again(database: Database, tmp_path: Path) -> None:
    upgrade(database)
    before = contents(tmp_path / "store.db")

    downgrade(database)
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        assert connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall() == [
            ("alembic_version",)
        ]
    upgrade(database)

    assert contents(tmp_path / "store.db") == before


def test_old_store_is_brought_up_to_date(database: Database, url: str) -> None:
    upgrade(database)
    downgrade(database)
    with pytest.raises(StoreError, match="made by an earlier version"):
        Store.open(url)

    Store.migrate(url)

    with Store.open(url) as store:
        store.units.save([Unit(code="46", name="Kahramanmaraş", kind="province")])


def test_deadlines_of_an_old_store_are_computed_again(database: Database, url: str) -> None:
    """A store from before says when something is due, and not what; the next sweep must not take that as it is."""
    upgrade(database, "0001")
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO schedule (id, fingerprint) VALUES (1, 'rules of then')")

    Store.migrate(url)

    with Store.open(url) as store:
        assert store.schedule.state().fingerprint == ""


def test_errors_of_an_old_store_are_read(database: Database, url: str) -> None:
    """They are finished sentences, and braces in them mean nothing."""
    upgrade(database, "0003")
    keep_health(database, '{"name": "UnavailableError", "message": "{pys} is down", "cure": "start it"}')

    Store.migrate(url)

    with Store.open(url) as store:
        [health] = store.health.all()
    assert (str(health.error.message), str(health.error.cure)) == ("{pys} is down", "start it")


def test_errors_become_sentences_for_an_earlier_version(database: Database, url: str) -> None:
    lines = Texts([Text("{count} failed", {"count": 2}), Text("it is gone")])
    message = Text("{target}: {why}", {"target": "pys", "why": lines})
    error = StepError(name="UnavailableError", message=message, cure=Text("start {target}", {"target": "pys"}))
    Store.create(url).close()
    with Store.open(url) as store:
        now = datetime(2026, 3, 1, tzinfo=UTC)
        store.health.change("pys", lambda _: TargetHealth(name="pys", failing_since=now, error=error))

    downgrade(database, "0003")

    with database.read() as connection:
        kept = connection.exec_driver_sql("SELECT error FROM target_health").scalar_one()
    assert json.loads(kept) == {
        "name": "UnavailableError",
        "message": "pys: 2 failed\nit is gone",
        "cure": "start pys",
    }


def test_comparisons_of_an_old_store_are_kept_with_their_kinds(database: Database, url: str) -> None:
    """The store had the last one of each target, and the audit log has all of them."""
    upgrade(database, "0005")
    early = '{"name": "PartialListError", "message": {"template": "{n} read", "values": {"n": 1}}, "cure": ""}'
    keep_comparison(database, 1, '{"missing": 2, "extra": 1}', "null")
    keep_comparison(database, 2, "{}", early)

    Store.migrate(url)

    with Store.open(url) as store:
        last, [first] = store.comparisons.last("pys"), store.comparisons.trend("pys", 10)
    assert last
    assert last.error
    assert (str(last.error.message), last.differences, last.listed) == ("1 read", {}, 39)
    assert (first.differences, first.started_at) == ({"missing": 2, "extra": 1}, datetime(2026, 3, 1, tzinfo=UTC))
    assert first.ended_at == datetime(2026, 3, 1, 1, tzinfo=UTC)


def test_an_earlier_version_gets_the_last_comparison_of_each_target(database: Database) -> None:
    upgrade(database, "0005")
    keep_comparison(database, 1, '{"missing": 2}', "null")
    keep_comparison(database, 2, '{"missing": 2, "extra": 1}', "null")
    upgrade(database)

    downgrade(database, "0005")

    with database.read() as connection:
        [kept] = connection.exec_driver_sql("SELECT target, listed, differences, error FROM comparisons").all()
    assert tuple(kept) == ("pys", 39, 3, None)


def keep_comparison(database: Database, day: int, differences: str, error: str) -> None:
    body = (
        f'{{"target": "pys", "started_at": "2026-03-{day:02}T00:00:00Z", "listed": 39,'
        f' "differences": {differences}, "error": {error}}}'
    )
    with database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO events (seq, at, kind, operation_id, login, actor, body, hash)"
            " VALUES (?, ?, 'target_compared', '', '', 'p1', ?, '')",
            (day, f"2026-03-{day:02} 01:00:00.000000", body),
        )


def keep_health(database: Database, error: str) -> None:
    with database.write() as connection:
        connection.exec_driver_sql(
            "INSERT INTO target_health (name, failing_since, noticed, error) VALUES ('pys', '2026-03-01 00:00', '', ?)",
            (error,),
        )


def test_store_that_is_up_to_date_stays_as_it_is(url: str, tmp_path: Path) -> None:
    Store.create(url).close()
    before = contents(tmp_path / "store.db")

    Store.migrate(url)

    assert contents(tmp_path / "store.db") == before


def test_migration_that_fails_changes_nothing(
    database: Database, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade(database)
    downgrade(database)
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        connection.execute("CREATE TABLE steps (something)")

    with pytest.raises(StoreError, match="table steps already exists"):
        Store.migrate(url)

    with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
    assert tables == [("alembic_version",), ("steps",)]


def test_nothing_is_made_where_no_store_is(url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store at"):
        Store.migrate(url)

    assert list(tmp_path.iterdir()) == []


def test_later_store_is_left_alone(url: str, tmp_path: Path) -> None:
    Store.create(url).close()
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(StoreError, match="made by a later version"):
        Store.migrate(url)


def test_migrations_are_shipped_beside_the_code() -> None:
    folder = Path(schema.__file__).with_name("migrations")

    assert {path.name for path in folder.iterdir()} >= {"env.py", "script.py.mako", "versions"}
