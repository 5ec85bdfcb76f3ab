"""A store that was moved has the same rows and the same audit log, and the old one is not used by mistake."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import attrs
import pytest
from sqlalchemy import insert, inspect, select, text

from provisioner.core.api.errors import StoreError
from provisioner.core.api.events import ClockConfirmed, StoreMoved
from provisioner.core.model import Person, StepError, Unit
from provisioner.store import Store
from provisioner.store.address import StoreAddress
from provisioner.store.audit.chain import Head
from provisioner.store.db.database import Database
from provisioner.store.db.opening import database_at
from provisioner.store.db.tables import metadata, persons
from provisioner.store.glance import Glance
from tests.planted import plant
from tests.postgresql_stores import StoreServer
from tests.store.conftest import NOON, Clock, Story

pytestmark = [pytest.mark.slow, pytest.mark.server("postgresql")]

NUMBER = "+905321234567"

#: What a target can answer. JSON has an escape for NUL, which a column of PostgreSQL doesn't take.
WITH_NUL = StepError(name="UnavailableError", message="İ\0 \u2028")

#: An event that a store can be given at any time.
CONFIRMED = ClockConfirmed(at=NOON, actor="p1", trusted_at=NOON)


@attrs.frozen
class Site:
    """A store on SQLite, and a database for it to move to."""

    file: Path
    address: StoreAddress

    @property
    def url(self) -> str:
        return f"sqlite:///{self.file}"

    def open(self) -> Store:
        return Store.open(self.url)

    def opened_there(self) -> Store:
        return Store.open(self.address)

    def move(self, *, rehearsal: bool = False) -> Head:
        """Move the store, and return where its audit log ends."""
        with self.open() as store, closing(self.destination()) as destination:
            event = StoreMoved(at=NOON, actor="p1", destination=destination.place)
            return store.move_into(destination, event, rehearsal=rehearsal).head

    def destination(self) -> Database:
        return database_at(self.address)

    def rows(self, address: StoreAddress | str) -> dict[str, list[tuple[object, ...]]]:
        """Return all rows of all tables, with the values of the model."""
        with closing(database_at(address)) as database, database.read() as connection:
            return {
                name: [tuple(row) for row in connection.execute(select(table).order_by(*table.primary_key))]
                for name, table in metadata.tables.items()
            }

    def sql(self, statement: str) -> None:
        """Change the file as a database shell would."""
        with closing(database_at(self.url)) as database, database.write() as connection:
            connection.execute(text(statement))

    @property
    def is_empty(self) -> bool:
        with closing(self.destination()) as database, database.read() as connection:
            return inspect(connection).get_table_names() == []


@pytest.fixture(name="site")
def _site(tmp_path: Path, store_server: StoreServer) -> Iterator[Site]:
    """A store with open, stuck and planned operations, a tree of units, and people with names of all letters."""
    (tmp_path / "there").mkdir()
    url = store_server.new(empty=True)
    site = Site(tmp_path / "store.db", StoreAddress(url, folder=tmp_path / "there"))
    with Store.create(site.url, now=Clock()) as store:
        plant(site.url)
        store.units.save(
            [
                Unit(code="46.1", name="Işıl", kind="office", parent="46.2"),
                Unit(code="46.2", name="i\\N\t'\"", kind="x"),
            ]
        )
        store.persons.save([Person(id="p1", name="Ayşe\nİ \u202e", mobile=NUMBER), Person(id="p2", name="\\.")])
        for submission in Story("a").submissions():
            store.write(*submission)
        stuck = Story("b")
        store.write(stuck.planned())
        store.write(stuck.started(), stuck.begun())
        store.write(stuck.ended(), attrs.evolve(stuck.stuck(NOON + timedelta(hours=1)), error=WITH_NUL))
        store.write(Story("c").planned())
    yield site
    store_server.give_back(url)


def test_every_row_and_every_entry_is_the_same(site: Site, store_server: StoreServer) -> None:
    before = site.rows(site.url)
    with site.open() as store:
        mark, anchor = store.mobile_mark(NUMBER), store.audit_log.head()
        assert anchor

    head = site.move()

    there = site.rows(site.address)
    assert any("\\u0000" in str(row) for row in there["events"])
    moved = there["events"].pop()
    assert moved[2] == "store_moved"
    assert there.pop("chain_head") == [(1, anchor.seq + 1, moved[-1])]
    assert there == {name: rows for name, rows in before.items() if name != "chain_head"}
    with site.opened_there() as store:
        assert store.audit_log.verify([anchor, head]).finding is None
        assert store.mobile_mark(NUMBER) == mark
        assert store.lost_tail() is None
        store.write(CONFIRMED)
        again = Story("c")
        store.write(again.started())
        store.write(again.finished())
    assert sorted(path.suffix for path in site.address.folder.iterdir()) == [".head", ".key"]
    with store_server.administrator(site.address.url.partition("?")[0].rpartition("/")[2]) as administrator:
        [(sequences,)] = administrator.execute("SELECT count(*) FROM pg_sequences").fetchall()
    assert sequences == 0, "its next number would have to be set"


def test_nobody_uses_the_old_store_any_more(site: Site) -> None:
    """A timer or a service that was forgotten would otherwise set passwords of which the new store knows nothing."""
    with site.open() as forgotten:
        forgotten.write(CONFIRMED)
        site.move()
        before = site.rows(site.url)

        with pytest.raises(StoreError, match="was moved to postgresql://"):
            forgotten.write(CONFIRMED)
        with pytest.raises(StoreError, match="was moved to postgresql://"):
            forgotten.persons.save([Person(id="p3", name="Gül")])
    for use in (site.open, lambda: Store.create(site.url), lambda: Store.migrate(site.url), site.move):
        with pytest.raises(StoreError, match="was moved to postgresql://"):
            use()
    with pytest.raises(StoreError, match="was moved to postgresql://"), Glance.at(site.file):
        pass
    assert site.rows(site.url) == before


def test_a_rehearsal_changes_nothing(site: Site) -> None:
    before = site.rows(site.url)

    site.move(rehearsal=True)

    assert (site.rows(site.url), site.is_empty, list(site.address.folder.iterdir())) == (before, True, [])
    site.move()


def test_a_store_without_content_of_init_is_taken(site: Site) -> None:
    Store.create(site.address).close()

    head = site.move()

    with site.opened_there() as store:
        assert store.audit_log.verify([head]).finding is None


def refused(site: Site, reason: str) -> StoreError:
    """Expect that a move is refused and leaves everything as it was."""
    before = site.rows(site.url)
    with pytest.raises(StoreError, match=reason) as raised:
        site.move()
    assert site.rows(site.url) == before
    site.open().close()
    return raised.value


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        pytest.param("UPDATE events SET body = replace(body, 'p1', 'p9') WHERE seq = 3", "entry 3", id="changed"),
        pytest.param("DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)", "truncated", id="cut"),
        pytest.param("UPDATE persons SET name = 'a' || char(0) WHERE id = 'p2'", "row p2 .* a NUL", id="nul"),
        pytest.param("UPDATE persons SET name = x'ff00' WHERE id = 'p2'", "row p2 .* binary", id="blob"),
        pytest.param("UPDATE accounts SET closes_at = 'soon' WHERE login = 'a'", "table accounts", id="time"),
        pytest.param("UPDATE accounts SET kind = 'a word that is too long'", "table accounts", id="long word"),
    ],
)
def test_what_is_not_as_it_was_written_is_not_moved(site: Site, damage: str, reason: str) -> None:
    site.sql(damage)

    with pytest.raises(StoreError, match=reason):
        site.move()

    assert site.is_empty


def test_a_running_operation_stops_the_move(site: Site) -> None:
    with site.open() as store:
        store.write(Story("c").started())

        refused(site, "operation op-c on c is running")

    refused(site, "operation op-c on c is running")
    assert site.is_empty


def test_a_lease_that_is_alive_stops_the_move(site: Site) -> None:
    """Its process goes on, whatever the state of the operation is said to be."""
    with Store.open(site.url, now=Clock()) as store:
        store.write(Story("c").started())
        site.sql("UPDATE operations SET state = 'planned' WHERE id = 'op-c'")

        refused(site, "operation op-c on c is running")


def test_a_database_that_is_used_is_not_overwritten(site: Site) -> None:
    Store.create(site.address).close()
    with site.opened_there() as store:
        store.write(CONFIRMED)
        head = store.audit_log.head()

    refused(site, "is not empty: there are rows in table")

    with site.opened_there() as store:
        assert store.audit_log.head() == head


def test_the_tables_of_another_program_or_version_are_refused(site: Site, store_server: StoreServer) -> None:
    name = site.address.url.partition("?")[0].rpartition("/")[2]
    Store.create(site.address).close()
    with store_server.administrator(name) as administrator:
        administrator.execute("UPDATE alembic_version SET version_num = '0023'")
    refused(site, "made by an earlier version")
    with store_server.administrator(name) as administrator:
        administrator.execute("DROP TABLE alembic_version")
    refused(site, "not a store of this program")


def test_another_key_is_not_overwritten(site: Site) -> None:
    """Marks of the store to which it belongs could never be compared again."""
    with closing(site.destination()) as destination:
        destination.key_file.write_text("0" * 64)

    refused(site, "there is another key file")

    assert site.is_empty


#: Moves a store, and kills itself between the two commits if it is told to.
MOVE = """
import os, signal, sys
from contextlib import contextmanager
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from provisioner.store.db.postgresql import PostgresqlDatabase
from tests.store.test_moves import Site, StoreAddress

define = PostgresqlDatabase.define

@contextmanager
def killed(database):
    with define(database) as connection:
        yield connection
    os.kill(os.getpid(), signal.SIGKILL)

if "between" in sys.argv:
    PostgresqlDatabase.define = killed
site = Site(Path(sys.argv[1]), StoreAddress(sys.argv[2], folder=Path(sys.argv[1]).parent / "there"))
print("ready", flush=True)
site.move()
"""


def moving(site: Site, *more: str) -> subprocess.Popen[str]:
    """Begin a move in a process of its own."""
    root = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", MOVE, str(site.file), site.address.url, root, *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_move_that_was_killed_between_both_commits_is_finished(site: Site) -> None:
    """Otherwise the database would have to be emptied by hand, or both stores could be used."""
    with moving(site, "between") as process:
        assert process.wait(timeout=60) == -signal.SIGKILL
    assert len(site.rows(site.address)["events"]) == len(site.rows(site.url)["events"]) + 1
    site.open().close()

    head = site.move()

    with pytest.raises(StoreError, match="was moved to postgresql://"):
        site.open()
    assert site.rows(site.url)["events"] == site.rows(site.address)["events"]
    with site.opened_there() as store:
        assert store.audit_log.verify([head]).finding is None


def test_a_store_that_was_used_after_such_a_kill_is_not_moved(site: Site) -> None:
    """Its copy lacks what was done since."""
    with moving(site, "between") as process:
        process.wait(timeout=60)
    with site.open() as store:
        store.write(CONFIRMED)

    refused(site, "is not empty")


def test_another_store_of_the_same_length_does_not_finish_such_a_move(site: Site) -> None:
    with moving(site, "between") as process:
        process.wait(timeout=60)
    with site.open() as store:
        head = store.audit_log.head()
        assert head
    for file in site.file.parent.glob("store.db*"):
        file.unlink()
    with Store.create(site.url, now=Clock()) as store:
        store.write(*[CONFIRMED] * head.seq)

    refused(site, "is not empty")


def test_a_killed_move_leaves_both_as_they_were_or_is_complete(site: Site) -> None:
    """Half a store on the server would be taken for the store."""
    with closing(database_at(site.url)) as database, database.write() as connection:
        people = [{"id": f"k{number}", "name": f"Kişi {number}", "title": ""} for number in range(40_000)]
        connection.execute(insert(persons), people)
    before, kills = site.rows(site.url), 0
    for delay in (0.02, 0.1, 0.25, 0.5, 0.8):
        with moving(site) as process:
            time.sleep(delay)
            process.kill()
        if not site.is_empty:
            break
        assert site.rows(site.url) == before
        kills += 1
    with suppress(StoreError):  # it was moved already
        site.move()
    assert kills
    assert len(site.rows(site.address)["persons"]) == 40_002
    assert site.rows(site.address)["events"] == site.rows(site.url)["events"]
