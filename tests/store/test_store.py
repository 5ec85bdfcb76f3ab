"""A store that cannot be opened says why, and what to do."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from provisioner.core.api.errors import StoreError
from provisioner.core.model import Unit
from provisioner.store import Store
from tests.postgresql_stores import name_in

if TYPE_CHECKING:
    from tests.postgresql_stores import StoreServer
    from tests.store.conftest import Story

pytestmark = pytest.mark.usefixtures("made_tables")

#: Checks a store on a disk that takes nothing more: the limit for files stands for it.
WITHOUT_ROOM = """
import resource, signal, sys
from provisioner.core.api.errors import StoreError
from provisioner.store import Store
with Store.create(sys.argv[1]) as store:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        store.require_writable()
    except StoreError:
        print("noticed")
"""


def execute(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement)
    connection.close()


def test_what_was_stored_is_there_when_it_is_opened_again(url: str, story: type[Story]) -> None:
    unit = Unit(code="46", name="Kahramanmaraş", kind="province")
    with Store.create(url) as store:
        store.units.save([unit])
        store.write(story("a").planned())

    with Store.open(url) as store:
        assert store.units.get_many(["46"]) == {"46": unit}
        assert list(store.operations.unended(["a"])) == ["a"]


def test_making_a_store_twice_changes_nothing(url: str) -> None:
    with Store.create(url) as store:
        store.units.save([Unit(code="46", name="Kahramanmaraş", kind="province")])

    with Store.create(url) as store:
        assert set(store.units.get_many(["46"])) == {"46"}


def test_many_may_make_the_same_store_at_once(url: str) -> None:
    def make(_: int) -> None:
        Store.create(url).close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make, range(8)))

    with Store.open(url) as store:
        assert list(store.audit_log.entries()) == []


@pytest.mark.sqlite
def test_nobody_else_may_read_a_new_store(url: str, tmp_path: Path, story: type[Story]) -> None:
    """It holds people's mobile numbers; the log files beside it hold the same."""
    with Store.create(url) as store:
        store.units.save([Unit(code="46", name="Kahramanmaraş", kind="province")])
        store.write(story("a").planned())

        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}

    assert modes == dict.fromkeys(("store.db", "store.db-shm", "store.db-wal", "store.db.head"), 0o600)


def test_missing_store_is_not_made_by_opening_it(url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"there is no store at .*store") as caught:
        Store.open(url)

    assert "provisioner init" in str(caught.value.cure)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.sqlite
@pytest.mark.parametrize("open_it", [Store.open, Store.create])
class TestNotAStore:
    def test_file_that_is_no_database(self, url: str, tmp_path: Path, open_it: Any) -> None:
        (tmp_path / "store.db").write_text("code,name\n46,Kahramanmaraş\n" * 100, encoding="utf-8")

        with pytest.raises(StoreError, match="is damaged, or not an SQLite database"):
            open_it(url)

    def test_database_of_another_program(self, url: str, tmp_path: Path, open_it: Any) -> None:
        execute(tmp_path / "store.db", "CREATE TABLE bookmarks (id)")

        with pytest.raises(StoreError, match="is a database, but not a store of this program"):
            open_it(url)

    def test_folder(self, url: str, tmp_path: Path, open_it: Any) -> None:
        (tmp_path / "store.db").mkdir()

        with pytest.raises(StoreError, match="cannot be opened") as caught:
            open_it(url)

        assert "give this user read and write access to the file and its folder" in str(caught.value.cure)

    def test_store_of_an_earlier_version(self, url: str, tmp_path: Path, open_it: Any) -> None:
        Store.create(url).close()
        execute(tmp_path / "store.db", "UPDATE alembic_version SET version_num = '0000'")

        with pytest.raises(StoreError, match="made by an earlier version") as caught:
            open_it(url)

        assert "run 'provisioner init'" in str(caught.value.cure)

    def test_store_of_a_later_version(self, url: str, tmp_path: Path, open_it: Any) -> None:
        Store.create(url).close()
        execute(tmp_path / "store.db", "UPDATE alembic_version SET version_num = '9999'")

        with pytest.raises(StoreError, match="made by a later version"):
            open_it(url)

    @pytest.mark.parametrize("wrong", ["sqlite://", "sqlite:///:memory:", "mysql://me:hunter2@db/store"])
    def test_database_that_cannot_be_a_store(self, open_it: Any, wrong: str) -> None:
        with pytest.raises(StoreError, match="cannot be a store") as caught:
            open_it(wrong)

        assert "hunter2" not in str(caught.value)

    def test_url_that_is_none(self, open_it: Any) -> None:
        with pytest.raises(StoreError, match="the store's URL cannot be read"):
            open_it("store.db")


def test_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        Store.create(f"sqlite:///{tmp_path}/nowhere/store.db")


@pytest.mark.sqlite
def test_store_that_may_only_be_read_can_be_read(store: Store, story: type[Story]) -> None:
    store.write(story("a").planned())
    event.listen(
        store._database.writer, "begin", lambda connection: connection.connection.execute("PRAGMA query_only = ON")
    )

    with pytest.raises(StoreError, match="cannot be written"):
        store.write(story("b").planned())
    with pytest.raises(StoreError, match="cannot be written"):
        store.units.save([Unit(code="b", name="b", kind="office")])

    assert set(store.accounts.get_many(["a", "b"])) == {"a"}


class TestThatItCanBeWritten:
    """What a check says of a store is shown by a change, not by the lock for one."""

    def test_the_check_changes_what_is_stored(self, store: Store, story: type[Story]) -> None:
        store.write(story("a").planned())
        before = store.audit_log.head()

        store.require_writable()

        assert store.audit_log.head() == before

    @pytest.mark.sqlite
    def test_a_full_disk_is_not_noticed(self, store: Store, tmp_path: Path) -> None:
        """A file that must not grow any more stands for the disk."""
        store.close()
        command = [sys.executable, "-c", WITHOUT_ROOM, f"sqlite:///{tmp_path}/store.db"]

        done = subprocess.run(command, check=False, capture_output=True, text=True)

        assert done.stdout == "noticed\n", done.stderr

    @pytest.mark.postgresql
    def test_a_stand_by_is_not_noticed(self, url: str, store_server: StoreServer) -> None:
        Store.create(url).close()
        with store_server.administrator(name_in(url)) as administrator:
            administrator.execute(f"ALTER DATABASE {name_in(url)} SET default_transaction_read_only = on")
        try:
            with Store.create(url) as store, pytest.raises(StoreError, match="cannot be written"):
                store.require_writable()
        finally:
            with store_server.administrator(name_in(url)) as administrator:
                administrator.execute(f"ALTER DATABASE {name_in(url)} RESET default_transaction_read_only")


@pytest.mark.sqlite
def test_damage_is_found_when_it_is_read(store: Store, story: type[Story], url: str, tmp_path: Path) -> None:
    store.write(*(story(f"a{number}").planned() for number in range(200)))
    store.close()
    path = tmp_path / "store.db"
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))

    with pytest.raises(StoreError, match="is damaged"), Store.open(url) as broken:
        list(broken.accounts.find())


@pytest.mark.sqlite
def test_damaged_schema_is_no_defect_of_ours(store: Store, url: str, tmp_path: Path) -> None:
    """Python cannot decode what SQLite says of it."""
    store.close()
    path = tmp_path / "store.db"
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE persons", b"CREATE TABL\xc5 persons"))

    with pytest.raises(StoreError, match="is damaged"):
        Store.open(url)


LOADED = """
import sys
from provisioner.store import Store
Store.create(sys.argv[1]).close()
with Store.open(sys.argv[1]) as store:
    list(store.accounts.find())
print(" ".join(sorted({name.partition(".")[0] for name in sys.modules} & {"alembic", "cattrs", "mako", "psycopg"})))
"""


@pytest.mark.sqlite
def test_opening_loads_nothing_it_does_not_need(url: str) -> None:
    """Every command opens the store; what only migrations need would double the time to start."""
    loaded = subprocess.run([sys.executable, "-c", LOADED, url], capture_output=True, text=True, check=True)

    assert loaded.stdout.split() == []
