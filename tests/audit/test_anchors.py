"""Anchors come from paper, mail and files that people look after."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from provisioner.audit.anchors import anchor_line, append_anchor, parse_anchor, read_anchors
from provisioner.core.api.errors import InputError
from provisioner.store.audit.chain import Head

HEAD = Head(seq=12, hash="0123456789abcdef" * 4)
LINE = f"12:{HEAD.hash} 2026-11-22T09:00:00.000000Z"


def test_anchor_fits_into_one_line_on_paper() -> None:
    line = anchor_line(HEAD, datetime(2026, 11, 22, 9, tzinfo=UTC))

    assert line == LINE
    assert len(line) < 100


@pytest.mark.parametrize("text", [LINE, f"12:{HEAD.hash}", f"  12:{HEAD.hash.upper()}\n", f"{LINE} printed by Ayşe"])
def test_anchor_is_read_as_people_type_it(text: str) -> None:
    assert parse_anchor(text) == HEAD


@pytest.mark.parametrize(
    "text", ["", "12", "12:", f"12:{HEAD.hash[1:]}", f"12:{HEAD.hash}0", f"-1:{HEAD.hash}", f"012:{HEAD.hash}", "x:y"]
)
def test_what_is_no_anchor_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(ValueError, match="this is no anchor"):
        parse_anchor(text)


def test_file_keeps_every_anchor_that_was_added(tmp_path: Path) -> None:
    file = tmp_path / "anchors.txt"
    file.write_text("# from the safe\n\n")
    append_anchor(file, LINE)
    append_anchor(file, f"13:{HEAD.hash}")

    assert read_anchors(file) == [HEAD, Head(seq=13, hash=HEAD.hash)]


def test_every_line_that_is_no_anchor_is_named(tmp_path: Path) -> None:
    """An anchor that is overlooked proves nothing."""
    file = tmp_path / "anchors.txt"
    file.write_bytes(b"%s\n12:abc\n\xff\n" % LINE.encode())

    with pytest.raises(InputError) as caught:
        read_anchors(file)

    assert [problem.line for problem in caught.value.problems] == [2, 3]


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_anchors(tmp_path / "none")


def test_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        append_anchor(tmp_path / "none" / "anchors.txt", LINE)
