"""``provisioner backup``: what scripts and monitoring rely on."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.cli.conftest import Office


def test_the_document_tells_what_was_written(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "backup.tar"

    answer = office.type("--json", "backup", file)

    assert answer.code == 0
    assert answer.json.keys() == {"file", "at", "size", "sha256", "audit_log", "finding"}
    assert (answer.json["file"], answer.json["size"]) == (str(file), file.stat().st_size)


def test_a_file_that_is_there_is_an_error_of_the_caller(office: Office, tmp_path: Path) -> None:
    office.type("backup", tmp_path / "backup.tar")

    answer = office.type("backup", tmp_path / "backup.tar")

    assert answer.code == 2
    assert "a backup replaces none" in answer.err


def test_an_altered_audit_log_ends_with_4(office: Office, tmp_path: Path) -> None:
    """A script that keeps the last seven backups would otherwise replace the good ones."""
    office.type("backup", tmp_path / "first.tar")
    with closing(sqlite3.connect(tmp_path / "provisioner.sqlite")) as connection, connection:
        connection.execute("UPDATE events SET body = replace(body, 'first.tar', 'other.tar')")

    answer = office.type("--lang", "en", "backup", tmp_path / "second.tar")

    assert answer.code == 4
    assert "entry 1" in answer.err
