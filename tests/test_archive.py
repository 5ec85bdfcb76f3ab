"""An archive that was not written to its end, or was changed, is not taken for a whole one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from provisioner.archive import is_whole, write_archive

NAMES = ["store.db", "store.db.head"]


@pytest.fixture(name="archive")
def _archive(tmp_path: Path) -> Path:
    members = [tmp_path / name for name in NAMES]
    for member in members:
        member.write_bytes(member.name.encode() * 9000)
        member.chmod(0o600)
    with (tmp_path / "a.tar").open("wb") as stream:
        write_archive(stream, members)
    return tmp_path / "a.tar"


def test_common_tools_read_and_check_it(archive: Path, tmp_path: Path) -> None:
    folder = tmp_path / "restored"
    folder.mkdir()
    for command in (["tar", "-xf", str(archive)], ["sha256sum", "--check", "--strict", "SHA256SUMS"]):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)

    assert sorted(path.name for path in folder.iterdir()) == ["SHA256SUMS", *NAMES]
    assert {oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {"0o600"}


def test_a_whole_one_is_whole(archive: Path) -> None:
    assert is_whole(archive, NAMES)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_part_of_one_is_not_whole(archive: Path, share: float) -> None:
    content = archive.read_bytes()
    archive.write_bytes(content[: int(len(content) * share) // 512 * 512 - 256])

    assert not is_whole(archive, NAMES)


def test_a_changed_one_is_not_whole(archive: Path) -> None:
    archive.write_bytes(archive.read_bytes().replace(b"store.dbstore.db", b"store.dbstore.dx", 1))

    assert not is_whole(archive, NAMES)


def test_one_without_its_last_member_is_not_whole(archive: Path) -> None:
    assert not is_whole(archive, [*NAMES, "store.db.key"])
