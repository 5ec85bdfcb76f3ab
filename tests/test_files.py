"""A file is its owner's, regardless of the umask and of who shares the folder, and no link of others is followed."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext, suppress
from pathlib import Path

import pytest

from provisioner import files

WRITERS: list[Callable[[Path], None]] = [
    lambda file: files.write(file, "ours\n"),
    lambda file: files.append(file, "ours\n"),
    files.reserve,
]


@pytest.fixture(params=[0o000, 0o022, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    former = os.umask(request.param)
    yield request.param
    os.umask(former)


@pytest.fixture(name="shared")
def _shared(tmp_path: Path) -> Path:
    """A folder that everybody may write to, as /tmp."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("write", WRITERS)
def test_a_new_file_is_its_owners_alone(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path / "new")

    assert mode_of(tmp_path / "new") == 0o600


@pytest.mark.usefixtures("umask")
def test_new_folders_are_their_owners_alone(tmp_path: Path) -> None:
    files.make_folder(tmp_path / "a" / "b")

    assert [mode_of(tmp_path / one) for one in ("a", "a/b")] == [0o700, 0o700]


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    files.make_folder(tmp_path)

    assert mode_of(tmp_path) == 0o755


@pytest.mark.usefixtures("umask")
def test_the_files_beside_a_database_are_their_owners_alone(tmp_path: Path) -> None:
    files.reserve(tmp_path / "db")
    with closing(sqlite3.connect(tmp_path / "db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (x)")

        assert {path.name: mode_of(path) for path in tmp_path.iterdir()} == dict.fromkeys(
            ("db", "db-wal", "db-shm"), 0o600
        )


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("is_there", [False, True])
def test_a_link_in_a_shared_folder_is_not_followed(
    tmp_path: Path, shared: Path, write: Callable[[Path], None], is_there: bool
) -> None:
    victim = tmp_path / "victim"
    if is_there:
        victim.write_text("theirs")
    (shared / "page").symlink_to(victim)

    with suppress(OSError):
        write(shared / "page")

    assert not is_there or victim.read_text() == "theirs"
    assert victim.exists() == is_there


def test_a_link_in_a_shared_folder_is_replaced_or_refused_with_its_reason(shared: Path) -> None:
    (shared / "page").symlink_to("victim")

    with pytest.raises(OSError, match="symbolic link in a folder that others may write to"):
        files.append(shared / "page", "ours")
    files.write(shared / "page", "ours")

    assert not (shared / "page").is_symlink()
    assert (shared / "page").read_text() == "ours"


@pytest.mark.parametrize("write", WRITERS)
def test_a_link_of_ones_own_is_followed(tmp_path: Path, write: Callable[[Path], None]) -> None:
    """A store or a page may lie on another disk."""
    tmp_path.chmod(0o755)
    (tmp_path / "disk").mkdir()
    (tmp_path / "page").symlink_to(Path("disk") / "page")

    write(tmp_path / "page")

    assert (tmp_path / "page").is_symlink()
    assert mode_of(tmp_path / "disk" / "page") == 0o600


def test_a_file_that_somebody_may_read_stays_readable(tmp_path: Path) -> None:
    """A page that a web server shows is written again every night."""
    (tmp_path / "page").write_text("yesterday")
    (tmp_path / "page").chmod(0o644)

    files.write(tmp_path / "page", "today")

    assert ((tmp_path / "page").read_text(), mode_of(tmp_path / "page")) == ("today", 0o644)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_that_somebody_else_put_there_is_not_kept(shared: Path) -> None:
    (shared / "page").write_text("bait")
    (shared / "page").chmod(0o666)
    os.chown(shared / "page", 65534, 65534)

    files.write(shared / "page", "ours")

    assert (mode_of(shared / "page"), (shared / "page").stat().st_uid) == (0o600, 0)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    files.write(tmp_path / "page", "whole")

    with pytest.raises(UnicodeEncodeError):
        files.write(tmp_path / "page", "half \udcff")

    assert [path.name for path in tmp_path.iterdir()] == ["page"]
    assert (tmp_path / "page").read_text() == "whole"


def test_what_is_no_file_is_written_to(tmp_path: Path) -> None:
    """``--html >(mail …)`` gives a pipe."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    read: list[str] = []
    thread = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()))
    thread.start()

    files.write(tmp_path / "link", "text")
    thread.join()

    assert read == ["text"]


def test_text_is_added(tmp_path: Path) -> None:
    files.append(tmp_path / "anchors", "1\n")
    files.append(tmp_path / "anchors", "2\n")

    assert (tmp_path / "anchors").read_text() == "1\n2\n"


def test_links_that_lead_nowhere_end(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")

    with pytest.raises(OSError, match="Too many levels"):
        files.write(tmp_path / "a", "x")


class TestNameOnce:
    def test_a_name_that_is_taken_stays_with_its_file(self, tmp_path: Path) -> None:
        (tmp_path / "draft").write_text("new")
        (tmp_path / "name").write_text("old")

        with pytest.raises(FileExistsError):
            files.name_once(tmp_path / "draft", tmp_path / "name")

        assert (tmp_path / "name").read_text() == "old"

    @pytest.mark.parametrize("taken", [False, True])
    def test_a_file_system_without_links_is_good_enough(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: bool
    ) -> None:
        def refuse(*_: object) -> None:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

        monkeypatch.setattr(os, "link", refuse)
        (tmp_path / "draft").write_text("new")
        if taken:
            (tmp_path / "name").write_text("old")

        with pytest.raises(FileExistsError) if taken else nullcontext():
            files.name_once(tmp_path / "draft", tmp_path / "name")

        assert (tmp_path / "name").read_text() == ("old" if taken else "new")


class TestDraftFolder:
    def test_what_a_killed_process_left_is_removed_and_what_another_one_uses_stays(self, tmp_path: Path) -> None:
        with files.draft_folder(tmp_path / "a") as used:
            left = used.with_name(f".b{used.suffix}")
            left.mkdir()
            with files.draft_folder(tmp_path / "c"):
                assert used.exists()
                assert not left.exists()

        assert list(tmp_path.iterdir()) == []

    def test_a_link_with_such_a_name_is_not_followed(self, tmp_path: Path) -> None:
        precious = tmp_path / "precious"
        precious.mkdir()
        (tmp_path / ".a.provisioner-draft").symlink_to(precious)

        with files.draft_folder(tmp_path / "a"):
            assert precious.exists()

    def test_nobody_else_can_look_into_it(self, tmp_path: Path) -> None:
        with files.draft_folder(tmp_path / "a") as folder:
            assert mode_of(folder) == 0o700
