"""``provisioner audit follow``, ``compare`` and ``collectors``, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from provisioner.audit import follower
from provisioner.testing.private import make_certificate
from tests.audit.peer import Peer

if TYPE_CHECKING:
    from tests.cli.conftest import Answer, Office


@pytest.fixture(name="lived")
def _lived(office: Office) -> Office:
    """An office in which two accounts were opened."""
    office.type("--actor", "1001", "unit", "open", "il-mem", "ar-ge")
    return office


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "POLL", 0.02)
    monkeypatch.setattr(follower, "_ONCE", 0.05)


def follow(office: Office, address: str, *options: object) -> Answer:
    return office.type(*options, "audit", "follow", "--to", address, "--framing", "lines", "--settle", "0.1", "--once")


def certificate(folder: Path) -> Path:
    made, key = folder / "peer.pem", folder / "peer.key"
    make_certificate(made, key)
    made.write_bytes(made.read_bytes() + key.read_bytes())
    return made


def exported(office: Office, *options: object) -> str:
    return office.type("audit", "export", "--format", "syslog", *options).out


class TestFollow:
    """``audit follow``."""

    def test_sends_what_is_exported_and_says_how_far(self, lived: Office) -> None:
        peer = Peer()
        with peer.listening() as collector:
            answer = follow(lived, collector.address)

        lines = exported(lived)
        assert peer.received.decode() == lines
        assert answer.code == 0
        assert f"has read {lines.count(chr(10))} entries" in answer.out

    def test_progress_is_one_document_in_each_line(self, lived: Office) -> None:
        with Peer().listening() as collector:
            answer = follow(lived, collector.address, "--json")

        documents: list[dict[str, Any]] = [json.loads(line) for line in answer.out.splitlines()]
        assert [one["event"] for one in documents] == ["connected", "confirmed"]
        assert documents[1] == {
            "event": "confirmed",
            "collector": collector.address,
            "seq": documents[1]["count"],
            "hash": documents[1]["hash"],
            "count": documents[1]["count"],
        }

    def test_wrong_certificate_is_told_and_nothing_is_sent(self, lived: Office, tmp_path: Path) -> None:
        peer = Peer(certificate=certificate(tmp_path))
        with peer.listening() as collector:
            answer = follow(lived, collector.address)

        assert answer.code == 2
        assert peer.received == b""
        assert "is not accepted: self-signed certificate" in answer.err
        assert "nothing was sent" in answer.err

    def test_collector_that_is_not_there(self, lived: Office) -> None:
        with Peer().listening() as collector:
            pass

        answer = follow(lived, collector.address)

        assert answer.code == 5
        assert "entries after 0 are sent again" in answer.err

    def test_unencrypted_connection_to_another_machine_is_refused(self, lived: Office) -> None:
        answer = follow(lived, "tcp://192.0.2.1:601")

        assert answer.code == 2
        assert "--to: the connection isn't encrypted" in answer.err

    def test_file_that_is_none_of_certificates(self, lived: Office, tmp_path: Path) -> None:
        answer = lived.type("audit", "follow", "--to", "tls://localhost:1", "--ca-file", tmp_path / "none", "--once")

        assert answer.code == 2
        assert "cannot be read" in answer.err


class TestCompare:
    """``audit compare``."""

    def test_complete_file(self, lived: Office) -> None:
        file = lived.write("received.log", exported(lived))

        answer = lived.type("audit", "compare", file)

        assert answer.code == 0
        assert "entries arrived, and 0 copies" in answer.out

    def test_missing_entries_are_named(self, lived: Office) -> None:
        lines = exported(lived).splitlines(keepends=True)
        file = lived.write("received.log", "".join([*lines[:2], *lines[4:]]))

        answer = lived.type("audit", "compare", file)

        assert answer.code == 4
        assert "missing: 3-4" in answer.out
        found = lived.type("--json", "audit", "compare", file).json
        assert found["missing"] == [{"first": 3, "last": 4}]
        assert (found["complete"], found["arrived"], found["seq"]) == (False, len(lines) - 2, len(lines))

    def test_many_missing_entries_are_counted(self, lived: Office) -> None:
        lines = exported(lived).splitlines(keepends=True)
        damaged = "".join(line.replace('"kind"', '"Kind"') for line in lines)

        out = lived.type("audit", "compare", lived.write("received.log", damaged)).out

        assert f"damaged: {len(lines) - 20} more" in out or len(lines) <= 20
        assert "damaged: 1\n" in out

    def test_only_what_a_collector_confirmed(self, lived: Office) -> None:
        peer = Peer()
        with peer.listening() as collector:
            follow(lived, collector.address)
        file = lived.write("received.log", peer.received.decode())
        lived.type("account", "close", "arge46")

        assert lived.type("audit", "compare", file).code == 4
        assert lived.type("audit", "compare", file, "--to", collector.address).code == 0
        assert lived.type("audit", "compare", file, "--to", "tls://other:1").code == 2


class TestCollectors:
    """``audit collectors``."""

    def test_lists_and_forgets(self, lived: Office) -> None:
        with Peer().listening() as collector:
            follow(lived, collector.address)

        [item] = lived.type("--json", "audit", "collectors").json["items"]

        assert list(item) == ["collector", "seq", "hash", "at", "behind", "since"]
        assert (item["collector"], item["behind"], item["since"]) == (collector.address, 0, None)
        assert collector.address in lived.type("audit", "collectors").out
        assert lived.type("--json", "audit", "collectors", "--forget", collector.address).json == {"items": []}


class TestExport:
    """``audit export --framing``."""

    def test_octets_are_counted(self, lived: Office) -> None:
        lines = exported(lived).encode().splitlines()

        counted = exported(lived, "--framing", "octet-counting").encode()

        assert counted == b"".join(b"%d %s" % (len(line), line) for line in lines)

    def test_long_messages_lose_their_event(self, lived: Office) -> None:
        out = lived.type("audit", "export", "--format", "syslog", "--max-size", "2048").out

        assert out == exported(lived), "none is as long"
