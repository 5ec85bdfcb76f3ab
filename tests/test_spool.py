"""A spool gives back what was put into it, as often as it is read, and leaves no file."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.core.api.errors import StoreError
from provisioner.spool import Spool

#: More than a spool keeps in memory.
MANY = [f"{number:0200}" for number in range(2_000)]


def test_values_come_back_in_their_order_as_often_as_they_are_read() -> None:
    spool = Spool(MANY)

    assert len(spool) == len(MANY)
    assert list(spool) == MANY
    assert list(spool) == MANY


def test_two_readers_and_a_writer_do_not_disturb_one_another() -> None:
    spool = Spool(MANY)
    pairs = []

    for one, other in zip(spool, spool, strict=True):
        pairs.append((one, other))
        if len(pairs) == 1:
            spool.extend(["later"])

    assert pairs == [(value, value) for value in MANY]
    assert list(spool) == [*MANY, "later"]


def test_without_values_is_false() -> None:
    assert not Spool(())
    assert list(Spool(())) == []


def test_its_file_has_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is killed would leave the numbers of people in it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    spool = Spool(MANY)

    places = [str(file.readlink()) for file in Path("/proc/self/fd").iterdir() if file.is_symlink()]
    assert [place for place in places if place.startswith(str(tmp_path))]
    assert list(tmp_path.iterdir()) == []
    assert len(spool) == len(MANY)


def test_a_folder_without_room_is_an_error_with_a_cure() -> None:
    class Unwritable:
        """A value that the disk has no room for."""

        def __reduce__(self) -> str:
            raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="No space left on device") as caught:
        Spool([Unwritable()])

    assert "TMPDIR" in str(caught.value.cure)
