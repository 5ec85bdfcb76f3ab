"""An export shows by itself what was done to it."""

from __future__ import annotations

import hashlib
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from provisioner.audit.jsonl import Exported, jsonl
from provisioner.core.api.errors import InputError
from provisioner.store import Store
from provisioner.store.audit.chain import GENESIS, Head
from provisioner.store.audit.verification import Anchors, ChainFault, ChainFinding


def lines(store: Store, after: int = 0) -> list[bytes]:
    verifier = store.audit_log.after(after)
    previous, made = verifier.head.hash, []
    for one in verifier:
        made.append(jsonl(one, previous))
        previous = one.hash
    assert verifier.finding is None
    return made


def finding(content: bytes, *anchors: Head) -> ChainFinding | None:
    with tempfile.NamedTemporaryFile(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as file:
        Path(file.name).write_bytes(content)
        return Exported([Path(file.name)]).verify(Anchors.of(anchors))[1].finding


@pytest.fixture(name="export")
def _export(store: Store) -> list[bytes]:
    return lines(store)


def test_whole_export_is_whole(export: list[bytes]) -> None:
    assert len(export) == 14
    assert finding(b"".join(export)) is None


def test_line_is_json_and_its_hash_can_be_computed_by_anybody(export: list[bytes]) -> None:
    """docs/reference/audit.md promises it: the hash before, then the event as canonical JSON."""
    previous = GENESIS
    for seq, line in enumerate(export, start=1):
        one = json.loads(line)
        event = json.dumps(one["event"], ensure_ascii=False, sort_keys=True, separators=(",", ":"))

        assert list(one) == ["seq", "previous", "hash", "event"]
        assert (one["seq"], one["previous"]) == (seq, previous)
        assert one["hash"] == hashlib.sha256((previous + event).encode()).hexdigest()
        previous = one["hash"]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_changed_byte_is_found(export: list[bytes], data: st.DataObject) -> None:
    content = b"".join(export)
    place = data.draw(st.integers(0, len(content) - 1))
    new = bytes([data.draw(st.integers(0, 255))])
    how = data.draw(st.sampled_from(["change", "add", "remove"]))
    changed = content[:place] + (b"" if how == "remove" else new) + content[place + (how != "add") :]
    assume(changed.removesuffix(b"\n") != content.removesuffix(b"\n"))

    assert finding(changed)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.lists(st.integers(0, 13), max_size=16))
def test_lines_that_are_missing_moved_or_repeated_are_found(export: list[bytes], order: list[int]) -> None:
    """Nothing but a piece of the whole is whole, and whether it is all of it an anchor tells."""
    content = b"".join(export[number] for number in order)
    last = json.loads(export[-1])
    is_piece = bool(order) and order == list(range(order[0], order[-1] + 1))

    assert (finding(content) is None) == (is_piece or not order)
    assert (finding(content, Head(), Head(seq=14, hash=last["hash"])) is None) == (is_piece and order[-1] == 13)


def test_cut_export_is_found_by_an_anchor(export: list[bytes]) -> None:
    anchor = Head(seq=14, hash=json.loads(export[-1])["hash"])

    found = finding(b"".join(export[:10]), anchor)

    assert found
    assert (found.seq, found.fault) == (11, ChainFault.CUT)


def test_exports_that_follow_one_another_are_one_chain(store: Store, tmp_path: Path) -> None:
    for name, content in {"one": lines(store)[5:9], "other": lines(store, 9)}.items():
        (tmp_path / name).write_bytes(b"".join(content))

    start, verifier = Exported([tmp_path / "one", tmp_path / "other"]).verify(Anchors.of(()))

    assert (start.seq, verifier.head.seq, verifier.finding) == (5, 14, None)
    assert Exported([tmp_path / "other", tmp_path / "one"]).verify(Anchors.of(()))[1].finding


def test_first_line_does_not_begin_the_trail_with_another_past(export: list[bytes]) -> None:
    """Entry 1 follows nothing, whatever its line says of a hash before it."""
    first = export[1].replace(b'"seq":2', b'"seq":1')

    found = finding(first)

    assert found
    assert (found.seq, found.fault) == (1, ChainFault.CHANGED)


def test_same_key_twice_is_no_way_around(export: list[bytes]) -> None:
    """Readers differ in which of the two they take."""
    doubled = export[0].replace(b'"actor":"p1"', b'"actor":"p9","actor":"p1"', 1)

    assert finding(doubled + b"".join(export[1:]))


def test_file_without_lines_is_not_held_in_memory_at_once(tmp_path: Path) -> None:
    file = tmp_path / "endless"
    with file.open("wb") as stream:
        stream.truncate(40_000_000)

    assert Exported([file]).verify(Anchors.of(()))[1].finding


def test_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        Exported([tmp_path / "none"]).verify(Anchors.of(()))

    assert [(problem.file, str(problem.message)) for problem in caught.value.problems] == [
        (str(tmp_path / "none"), "it cannot be read: No such file or directory")
    ]
