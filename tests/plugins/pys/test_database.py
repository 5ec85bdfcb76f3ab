"""The mock's file: several processes at once, a killed one, undos that ran out, and no password anywhere."""

from __future__ import annotations

import logging
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from provisioner.core.model.secret import Secret
from provisioner_pys.client import PysClient
from provisioner_pys.mock import DatabaseError, PysMock
from provisioner_pys.mock.database import MockDatabase, StoredAccount, UndoGoneError
from provisioner_pys.mock.documents import Change


def stored(password_hash: str = "hash-1") -> StoredAccount:  # noqa: S107 - no password
    return StoredAccount(
        login="okul", unit="u", holder=None, enabled=True, password_hash=password_hash, changed_at="2026-01-01"
    )


def set_hash(database: MockDatabase, password_hash: str, operation: str = "op-1") -> Change:
    return database.change("okul", operation, lambda _: stored(password_hash=password_hash))


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    return tmp_path / "pys.sqlite"


class TestFiles:
    @pytest.mark.parametrize("place", ["missing/pys.sqlite", "folder"])
    def test_that_cannot_be_used_are_refused(self, tmp_path: Path, place: str) -> None:
        (tmp_path / "folder").mkdir()

        with pytest.raises(DatabaseError):
            MockDatabase.open(tmp_path / place)

    def test_that_are_something_else_are_left_alone(self, file: Path) -> None:
        file.write_text("name,unit\n" * 200)

        with pytest.raises(DatabaseError, match="not a database"):
            MockDatabase.open(file)
        assert file.read_text().startswith("name,unit")

    def test_that_another_process_is_setting_up_are_waited_for(self, file: Path) -> None:
        """SQLite's own time-out does not hold here: it refuses the switch at once while another process may write."""
        with closing(sqlite3.connect(file, isolation_level=None)) as other, ThreadPoolExecutor(1) as pool:
            other.execute("BEGIN IMMEDIATE")
            opening = pool.submit(MockDatabase.open, file)
            time.sleep(0.2)
            assert not opening.done()
            other.execute("COMMIT")

            opening.result().close()


class TestUndo:
    def test_it_works_once(self, file: Path) -> None:
        with closing(MockDatabase.open(file)) as database:
            token = set_hash(database, "hash-1").undo_token
            assert token is not None
            database.undo("okul", token)

            with pytest.raises(UndoGoneError):
                database.undo("okul", token)

    def test_it_runs_out(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with closing(MockDatabase.open(file)) as database:
            monkeypatch.setattr("provisioner_pys.mock.database.UNDO_SECONDS", -1)
            token = set_hash(database, "hash-1").undo_token
            assert token is not None

            with pytest.raises(UndoGoneError):
                database.undo("okul", token)
            assert database.account("okul") == stored()

    def test_one_that_ran_out_is_not_replaced_by_one_that_leads_half_way(
        self, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A repeated attempt must not offer the state between the attempts as the one before the operation."""
        with closing(MockDatabase.open(file)) as database:
            monkeypatch.setattr("provisioner_pys.mock.database.UNDO_SECONDS", -1)
            set_hash(database, "hash-1")

            assert set_hash(database, "hash-2").undo_token is None

    def test_changes_without_an_operation_do_not_belong_together(self, file: Path) -> None:
        with closing(MockDatabase.open(file)) as database:
            set_hash(database, "hash-1", operation="")
            token = set_hash(database, "hash-2", operation="").undo_token
            assert token is not None
            database.undo("okul", token)

            assert database.account("okul") == stored(password_hash="hash-1")


class TestTransactions:
    def test_a_change_that_fails_leaves_nothing_locked(self, file: Path) -> None:
        def fail(_: StoredAccount | None) -> StoredAccount:
            raise LookupError

        with closing(MockDatabase.open(file)) as database:
            with pytest.raises(LookupError):
                database.change("okul", "op-1", fail)
            set_hash(database, "hash-1")

    def test_threads_lose_no_change(self, file: Path) -> None:
        """Each adds one to what it finds, so a lost update would show in the sum."""

        def count(former: StoredAccount | None) -> StoredAccount:
            return stored(password_hash=str(int(former.password_hash) + 1 if former else 1))

        with closing(MockDatabase.open(file)) as database, ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: database.change("okul", "", count), range(200)))
            account = database.account("okul")

        assert account is not None
        assert account.password_hash == "200"


COUNT = """
import sys
from pathlib import Path
from provisioner_pys.mock.database import MockDatabase, StoredAccount

def count(former):
    number = int(former.password_hash) + 1 if former else 1
    return StoredAccount(
        login="okul", unit="u", holder=None, enabled=True, password_hash=str(number), changed_at="2026-01-01"
    )

database = MockDatabase.open(Path(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    database.change("okul", "", count)
    print("one more", flush=True)
database.close()
"""


def count_in_a_process(file: Path, times: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", COUNT, file, str(times)], stdout=subprocess.PIPE, text=True)


class TestProcesses:
    def test_four_that_start_at_once_lose_no_change(self, file: Path) -> None:
        processes = [count_in_a_process(file, 50) for _ in range(4)]
        for process in processes:
            process.communicate()

        with closing(MockDatabase.open(file)) as database:
            account = database.account("okul")
        assert [process.returncode for process in processes] == [0] * 4
        assert account is not None
        assert account.password_hash == "200"

    def test_one_that_is_killed_loses_nothing_it_acknowledged(self, file: Path) -> None:
        process = count_in_a_process(file, 1_000_000)
        assert process.stdout is not None
        for _ in range(50):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        acknowledged = 50 + process.communicate()[0].count("\n")

        with closing(MockDatabase.open(file)) as database:
            account = database.account("okul")
        assert account is not None
        assert int(account.password_hash) >= acknowledged
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


class TestCanary:
    def test_no_password_is_in_any_file_or_log(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        for logger in ("", "httpx", "httpcore"):
            caplog.set_level(logging.DEBUG, logger=logger)
        key = Secret("canary-key-9Wq!")
        passwords = [f"canary-{number}-Zt7!q" for number in range(120)]
        with PysMock.running(database=tmp_path / "pys.sqlite", api_key=key) as mock:
            with closing(PysClient.connect(mock.url, key, timeout=60)) as client:
                for number, password in enumerate(passwords):
                    lead_a_life(client, f"okul{number % 7}", Secret(password))
            content = b"".join(file.read_bytes() for file in tmp_path.iterdir())
            files = {file.name for file in tmp_path.iterdir()}
        written = capfd.readouterr()

        assert "pys.sqlite-wal" in files
        assert b"okul3" in content
        assert b"canary" not in content
        assert "canary" not in caplog.text + written.out + written.err
        assert "account.put" in caplog.text + written.out + written.err

    def test_a_password_in_the_wrong_place_is_not_logged_either(
        self, mock: PysMock, client: PysClient, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Somebody types the password where the login goes; that is the most common way into a log."""
        caplog.set_level(logging.INFO, logger="provisioner_pys")
        caplog.set_level(logging.WARNING, logger="httpx")
        client.log_in("canary-Zt7!q", Secret("okul"))
        client.account("canary-Zt7!q")
        written = capfd.readouterr()

        assert mock.calls() == {"login": 1, "account.get": 1}
        assert "canary" not in caplog.text + written.out + written.err


def lead_a_life(client: PysClient, login: str, password: Secret) -> None:
    client.put_account(login, unit="u", holder=None, password=password, operation="op-1")
    client.set_password(login, password=password, operation="op-2")
    change = client.set_holder(login, holder="1001", password=password, operation="op-3")
    assert client.log_in(login, password)
    assert not client.log_in(login, Secret(password.reveal() + "-wrong"))
    assert change.undo_token is not None
    client.undo(login, change.undo_token)
