"""A backup is whole or not there, replaces nothing, and a store that was restored from it shows that it is older."""

from __future__ import annotations

import shutil
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from provisioner import Unit
from provisioner.core.api.errors import DeniedError, InputError
from provisioner.core.model.routines import Routine
from provisioner.services.application import Application
from provisioner.services.backup import Backups
from provisioner.store import Store
from provisioner.store.audit.chain import Head

ADMINISTRATOR = "9000"


@pytest.fixture(name="backups")
def _backups(app: Application) -> Backups:
    return Backups(store=app.store, authority=app.authority, now=app.now)


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder / "backup.tar"


def restored(file: Path, folder: Path) -> str:
    """Restore a backup, and return the URL of the store."""
    with tarfile.open(file) as archive:
        archive.extractall(folder, filter="data")
    return f"sqlite:///{folder / 'provisioner.sqlite'}"


def kinds(store: Store) -> list[str]:
    return [entry.event["kind"] for entry in store.audit_log.find() if entry.event]


def test_a_store_restored_elsewhere_shows_that_it_is_older(
    app: Application, backups: Backups, file: Path, tmp_path: Path
) -> None:
    """Nobody would look for what happened since, if the store seemed to be the last one."""
    before = app.store.audit_log.head()
    backup = backups.make(file, actor=ADMINISTRATOR)

    with Store.open(restored(file, tmp_path / "elsewhere")) as store:
        assert store.lost_tail() == Head(seq=backup.head.seq + 1, hash=store.lost_tail().hash)  # type: ignore[union-attr]
        assert store.audit_log.head() == backup.head == before
        assert store.audit_log.verify_chain() is None
        assert store.units.get_many(["ar-ge"])
        assert store.mobile_mark("+905321234567") == app.store.mobile_mark("+905321234567")
    assert kinds(app.store)[-2:] == ["backup_began", "backup_made"]
    assert app.store.routines.last()[Routine.BACKUP].began_at == backup.at
    assert (file.stat().st_mode & 0o777, file.stat().st_size) == (0o600, backup.size)
    assert list(file.parent.iterdir()) == [file]


def test_a_file_that_is_there_stays(backups: Backups, file: Path) -> None:
    file.write_text("the last good backup")

    with pytest.raises(InputError, match="a backup replaces none"):
        backups.make(file, actor=ADMINISTRATOR)

    assert file.read_text() == "the last good backup"


def test_a_file_that_came_meanwhile_stays(
    backups: Backups, file: Path, app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_to = app.store.copy_to

    def slowly(folder: Path) -> object:
        file.write_text("another backup")
        return copy_to(folder)

    monkeypatch.setattr(app.store, "copy_to", slowly)

    with pytest.raises(InputError, match="a backup replaces none"):
        backups.make(file, actor=ADMINISTRATOR)

    assert [path.read_text() for path in file.parent.iterdir()] == ["another backup"]


def test_a_folder_that_is_not_there_is_named(backups: Backups, tmp_path: Path, app: Application) -> None:
    with pytest.raises(InputError, match="it cannot be written: No such file"):
        backups.make(tmp_path / "nowhere" / "backup.tar", actor=ADMINISTRATOR)

    assert "backup_made" not in kinds(app.store)


def test_only_an_administrator_gets_all_numbers(backups: Backups, file: Path) -> None:
    with pytest.raises(DeniedError):
        backups.make(file, actor="1001")

    assert list(file.parent.iterdir()) == []


def test_what_cannot_be_read_back_is_no_backup(
    backups: Backups, file: Path, app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provisioner.services.backup.is_whole", lambda *_: False)

    with pytest.raises(InputError, match="cannot be read back"):
        backups.make(file, actor=ADMINISTRATOR)

    assert list(file.parent.iterdir()) == []
    assert kinds(app.store)[-1] == "backup_began"


def test_a_store_whose_audit_log_was_altered_is_copied_but_not_counted_as_backed_up(
    backups: Backups, file: Path, app: Application, tmp_path: Path
) -> None:
    """The altered one is evidence; that it counts would let the last good backup be removed as too old."""
    app.store.units.save([Unit(code="x", name="X", kind="office")])
    with closing(sqlite3.connect(tmp_path / "provisioner.sqlite")) as connection, connection:
        connection.execute("UPDATE events SET body = replace(body, 'office', 'branch') WHERE body LIKE '%office%'")

    backup = backups.make(file, actor=ADMINISTRATOR)

    assert backup.finding
    assert file.exists()
    assert Routine.BACKUP not in app.store.routines.last()


def test_a_backup_of_a_restored_store_still_shows_what_was_lost_before(
    app: Application, backups: Backups, file: Path, tmp_path: Path
) -> None:
    backups.make(file, actor=ADMINISTRATOR)
    url = restored(file, tmp_path / "elsewhere")
    with Store.open(url) as store:
        lost = store.lost_tail()
        again = Backups(store=store, authority=app.authority, now=app.now)
        again.make(file.with_name("again.tar"), actor=ADMINISTRATOR)
    shutil.rmtree(tmp_path / "elsewhere")

    with Store.open(restored(file.with_name("again.tar"), tmp_path / "elsewhere")) as store:
        assert store.lost_tail() == lost
