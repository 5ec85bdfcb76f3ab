"""PostgreSQL keeps what was told when a process stops or dies, and when the server restarts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from provisioner.core.api.errors import BusyError, StoreError
from provisioner.core.model import Person
from provisioner.core.model.days import utc_now
from provisioner.core.model.secret import Secret
from provisioner.store import Store
from provisioner.store.address import StoreAddress
from provisioner.store.db import postgresql
from provisioner.store.db.opening import database_at
from tests.planted import plant
from tests.postgresql_stores import StoreServer, name_in
from tests.store.conftest import Story
from tests.store.towns import account, plan

pytestmark = [pytest.mark.slow, pytest.mark.server("postgresql"), pytest.mark.postgresql]

HERE = Path(__file__).parents[1]


@contextmanager
def program(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a script that finds the tests of the store, and kill it in the end."""
    with subprocess.Popen(
        [sys.executable, "-u", "-c", script, *arguments],
        env=os.environ | {"PYTHONPATH": str(HERE)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def lines(process: subprocess.Popen[str]) -> list[str]:
    """Return all that a program says from now on to its end."""
    output, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors  # psycopg itself says which connections were lost
    return output.splitlines()


def expect(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdout
    assert process.stdout.readline() == f"{line}\n"


#: Holds the head, and says what became of its transaction when it is told to go on. The server is less patient.
HOLDER = """
import sys
from provisioner.core.api.errors import StoreError
from provisioner.store.db import postgresql
from provisioner.store.db.opening import database_at
postgresql._WRITE = postgresql._WRITE.replace("'5s'", "'1s'")
database = database_at(sys.argv[1])
try:
    with database.write() as connection:
        print("held")
        sys.stdin.readline()
        connection.exec_driver_sql("SELECT 1")
except StoreError as error:
    print(error)
"""

#: Writes until it is told to stop, goes on after failures, and says what is durable.
WRITER = """
import sys, threading, time
from conftest import Story
from provisioner.core.api.errors import StoreError
from provisioner.store import Store
url, name = sys.argv[1:]
store, stop = Store.open(url), threading.Event()

def live(thread):
    number = 0
    while not stop.is_set():
        number += 1
        login = f"{name}-{thread}-{number}"
        try:
            store.write(Story(login).planned())
        except StoreError:
            login = "-"
            time.sleep(0.05)

        sys.stdout.write(f"{login}\\n")

workers = [threading.Thread(target=live, args=(thread,)) for thread in range(4)]
[worker.start() for worker in workers]
sys.stdin.readline()
stop.set()
[worker.join() for worker in workers]
store.close()
"""


def test_a_writer_that_is_killed_with_the_head_locked_keeps_nobody_waiting(
    store: Store, url: str, story: type[Story]
) -> None:
    with program(HOLDER, url) as holder:
        expect(holder, "held")
        holder.kill()
        began = time.monotonic()
        store.write(story("a").planned())

    assert time.monotonic() - began < 30
    assert store.audit_log.verify_chain() is None


def test_a_writer_that_is_stopped_keeps_nobody_waiting_for_long_and_is_told(
    store: Store, url: str, story: type[Story]
) -> None:
    with program(HOLDER, url) as holder:
        expect(holder, "held")
        holder.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        store.write(story("a").planned())
        waited = time.monotonic() - began
        holder.send_signal(signal.SIGCONT)
        output, errors = holder.communicate("go on\n", timeout=60)

    assert errors == ""
    assert "was stopped for too long" in output
    assert 0.5 < waited < 60


def test_a_writer_that_stops_while_it_sends_changes_keeps_nobody_waiting_for_long(
    url: str, story: type[Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "_END_STUCK", postgresql._END_STUCK.replace("'5s'", "'1s'"))
    monkeypatch.setattr(postgresql, "_WRITE", postgresql._WRITE.replace("'10s'", "'2s'"))
    plant(url)
    with Store.open(url) as store, closing(database_at(url)) as other:
        with psycopg.connect(**other.connection(), autocommit=True) as stopped:
            stopped.execute(postgresql._WRITE)
            with suppress(psycopg.OperationalError), stopped.pipeline():
                stopped.execute("UPDATE chain_head SET seq = seq")
                store.write(story("a").planned())
                stopped.execute("SELECT 1")

            assert stopped.broken
        assert store.audit_log.verify_chain() is None
        assert list(store.accounts.get_many(["a"])) == ["a"]


def test_a_writer_that_waits_too_long_says_that_the_store_is_busy(
    url: str, story: type[Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql, "_WRITE", postgresql._WRITE.replace("'10s'", "'100ms'"))
    plant(url)
    with Store.open(url) as store, closing(database_at(url)) as other:
        with other.write(), pytest.raises(StoreError, match="is busy: another process holds it"):
            store.write(story("a").planned())
        store.write(story("a").planned())


def test_what_was_told_survives_crashes_of_the_server_and_the_chain_does_not_fork(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with StoreServer() as server:
        url = server.new()
        plant(url)
        with program(WRITER, url, "p") as first, program(WRITER, url, "q") as second:
            told = set()
            for _ in range(3):
                for writer in (first, second):
                    assert writer.stdout
                    told |= {writer.stdout.readline().rstrip() for _ in range(20)}
                server.crash()
                server.start()
            for writer in (first, second):
                assert writer.stdin
                writer.stdin.write("stop\n")
                writer.stdin.flush()
            told |= {*lines(first), *lines(second)}
            told.discard("-")
        with Store.open(url) as store:
            stored = [entry.login for entry in store.audit_log.entries()]
            finding = store.audit_log.verify().finding

    assert finding is None
    assert len(stored) == len(set(stored))
    assert told - set(stored) == set()
    assert {login[0] for login in told} == {"p", "q"}


@pytest.mark.usefixtures("running_clock")
@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_clock_that_is_wrong_neither_takes_nor_keeps_a_lease(url: str, story: type[Story], minutes: int) -> None:
    tale, ttl = story("a"), timedelta(seconds=1)
    plant(url)

    def wrong() -> object:
        return utc_now() + timedelta(minutes=minutes)

    with Store.open(url, now=wrong, lease_ttl=timedelta(minutes=1)) as strayed, Store.open(url) as other:  # type: ignore[arg-type]
        other.write(tale.planned())
        other.write(tale.started())
        with pytest.raises(BusyError):
            strayed.write(tale.started(tries=2))
        assert list(strayed.operations.interrupted(utc_now() + timedelta(minutes=minutes))) == []
        other.write(tale.finished())
    with Store.open(url, now=wrong, lease_ttl=ttl) as strayed, Store.open(url) as other:  # type: ignore[arg-type]
        tale = story("b")
        strayed.write(tale.planned())
        strayed.write(tale.started())
        strayed._writer._leases._held = {}  # it is not renewed any more
        time.sleep(ttl.total_seconds() * 1.5)
        other.write(tale.started(tries=2))


def test_logins_are_told_apart_and_sorted_as_on_sqlite(store: Store, story: type[Story]) -> None:
    logins = ["ILCE46", "ilce46", "İLCE46", "ılce46", "b-02", "b.11", "b01", "b0a", "B04", "ç1", "şube"]
    plan(store, story, *map(account, logins))

    assert [found.login for found in store.accounts.find()] == sorted(logins)
    assert set(store.accounts.get_many(["ILCE46"])) == {"ILCE46"}


def test_names_are_found_as_on_sqlite_whatever_signs_they_have(store: Store, story: type[Story]) -> None:
    store.persons.save([Person(id="p2", name="İbrahim [Ek] *Öz*")])
    store.write(story("a").planned(), story("a").started(), story("a").finished())

    for words in ("ibrahim", "İBRAHİM", "oz*", "[ek]", "*", "] "):
        assert [found.login for found in store.search.by_holder(words)] == ["a"]
    for words in ("ibrahım x", ".", "i|x"):
        assert list(store.search.by_holder(words)) == []


def test_a_text_that_the_database_refuses_is_not_repeated(store: Store) -> None:
    with pytest.raises(StoreError) as caught:
        store.persons.save([Person(id="p1", name="Ayşe\0hunter2")])

    assert "hunter2" not in repr(caught.value)
    assert store.persons.get_many(["p1"]) == {}


def test_a_wrong_password_and_a_missing_database_are_said_without_the_password(store_server: StoreServer) -> None:
    url = f"postgresql://{store_server.user}@{store_server.host}:{store_server.port}/nowhere"
    for password, said in ((Secret("hunter2"), "password authentication failed"), (store_server.password, "nowhere")):
        with pytest.raises(StoreError, match=said) as caught:
            Store.open(StoreAddress(url, password=password))

        assert password.reveal() not in repr(caught.value)
        assert str(caught.value.cure)


def test_a_new_store_has_what_migrations_and_many_changes_need(store: Store, url: str) -> None:
    with store._database.read() as connection:
        options = connection.execute(text("SELECT reloptions FROM pg_class WHERE relname = 'chain_head'")).scalar_one()
        collations = connection.execute(
            text(
                "SELECT DISTINCT collation_name FROM information_schema.columns"
                " WHERE table_schema = 'public' AND table_name = 'accounts' AND data_type = 'character varying'"
            )
        ).scalars()

        assert "fillfactor=50" in options
        assert list(collations) == ["C"]
    assert store._database.place.endswith(f"/{name_in(url)}")
    assert "passfile" not in store._database.place


LOADED = """
import sys
before = {*sys.modules}
from provisioner.store import Store
with Store.open(sys.argv[1]) as store:
    list(store.accounts.find())
print(" ".join(sorted((sys.modules.keys() - before) & {"alembic", "sqlite3", "provisioner.store.db.sqlite"})))
"""


def test_opening_loads_nothing_of_the_other_database(url: str) -> None:
    with program(LOADED, url) as process:
        assert lines(process) == [""]


def test_without_the_driver_the_cure_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(StoreError, match="needs psycopg") as caught:
        database_at("postgresql:///provisioner")

    assert "unit-provisioner[postgres]" in str(caught.value.cure)


def test_a_store_that_shares_the_connections_of_another_leaves_them_open(
    store: Store, url: str, story: type[Story]
) -> None:
    with Store.open(url, beside=store) as second:
        assert second.database.writer.pool is store.database.writer.pool
        second.write(story("a").planned())

    store.write(story("b").planned())
    assert store.audit_log.verify_chain() is None
    with pytest.raises(StoreError, match="closed"):
        second.accounts.get_many(["a"])


def test_another_password_gets_connections_of_its_own(store: Store, url: str) -> None:
    other = database_at(StoreAddress(url, password=Secret("another")), beside=store.database)
    with closing(other):
        assert other.writer.pool is not store.database.writer.pool
