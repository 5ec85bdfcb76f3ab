"""What a collector's file is compared for."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from provisioner.audit.received import Gap, ReceivedComparison, compare
from provisioner.audit.syslog import Syslog
from provisioner.core.api.errors import InputError
from provisioner.store import Store

SYSLOG = Syslog(hostname="host.example")


@attrs.define(eq=False)
class Received:
    """A collector's file, and the store that it is compared with."""

    store: Store
    file: Path

    def lines(self, syslog: Syslog = SYSLOG) -> list[bytes]:
        verifier = self.store.audit_log.after(0)
        previous, made = verifier.head.hash, []
        for entry in verifier:
            made.append(syslog.message(entry, previous))
            previous = entry.hash
        return made

    def compare(self, *lines: bytes, after: int = 0, end: int = 14) -> ReceivedComparison:
        self.file.write_bytes(b"".join(lines))
        return compare([self.file], self.store.audit_log.after(after), end)


@pytest.fixture(name="received")
def _received(store: Store, tmp_path: Path) -> Received:
    return Received(store, tmp_path / "received.log")


def test_everything_arrived(received: Received) -> None:
    found = received.compare(*received.lines())

    assert found.is_complete
    assert (found.arrived, found.repeated, found.end.seq) == (14, 0, 14)


def test_copies_count_once_in_any_order(received: Received) -> None:
    lines = received.lines()

    found = received.compare(*reversed(lines), *lines[3:7])

    assert found.is_complete
    assert (found.arrived, found.repeated) == (14, 4)


def test_missing_entries_are_named(received: Received) -> None:
    lines = received.lines()

    found = received.compare(lines[0], *lines[3:7], *lines[8:13])

    assert not found.is_complete
    assert found.missing == [Gap(first=2, last=3), Gap(first=8, last=8), Gap(first=14, last=14)]
    assert found.arrived == 10


def test_last_entries_may_still_be_on_their_way(received: Received) -> None:
    lines = received.lines()

    found = received.compare(*lines[:12], end=10)

    assert found.is_complete
    assert (found.arrived, found.later, found.end.seq) == (10, 2, 10)


def test_files_that_were_deleted_are_left_out(received: Received) -> None:
    found = received.compare(*received.lines()[4:], after=4)

    assert (found.is_complete, found.arrived, found.start.seq) == (True, 10, 4)


def test_message_that_was_cut_by_a_crash_is_damaged(received: Received) -> None:
    """What comes next stands in the same line."""
    lines = received.lines()

    found = received.compare(*lines[:4], lines[4][:-20], *lines[5:])

    assert (found.missing, found.damaged) == ([], [5])


def test_message_that_was_cut_within_its_data_is_missing(received: Received) -> None:
    lines = received.lines()

    found = received.compare(*lines[:4], lines[4][:120], *lines[5:])

    assert (found.missing, found.damaged) == ([Gap(first=5, last=5)], [])


def test_message_that_arrived_whole_later_is_not_damaged(received: Received) -> None:
    lines = received.lines()

    assert received.compare(*lines[:4], lines[4][:-20], *lines[4:]).is_complete


@pytest.mark.parametrize("place", [4, 14], ids=["instead", "beside"])
def test_forged_entry_is_different(received: Received, place: int) -> None:
    lines = received.lines()
    forged = (
        lines[4]
        .replace(b'hash="', b'hash="' + b"0" * 8, 1)
        .replace(lines[4][lines[4].index(b'hash="') + 6 :][:64], lines[4][lines[4].index(b'hash="') + 6 :][:56], 1)
    )

    found = received.compare(*lines[:place], forged, *lines[5:])

    assert found.different == [5]
    assert not found.is_complete


def test_event_that_was_left_out_is_not_missing(received: Received) -> None:
    found = received.compare(*received.lines(attrs.evolve(SYSLOG, max_size=100)))

    assert found.is_complete


def test_event_that_a_collector_leaves_out_is_damaged(received: Received) -> None:
    lines = [line.partition(b" \xef\xbb\xbf")[0] + b"\n" for line in received.lines()]

    assert received.compare(*lines).damaged == list(range(1, 15))


def test_form_in_which_syslog_ng_writes_it(received: Received) -> None:
    """Another spelling of the time, no byte order mark."""
    lines = [
        line.replace(b"\xef\xbb\xbf", b"").replace(b".000000Z", b".000000+00:00", 1).replace(b"host.example", b"h")
        for line in received.lines()
    ]

    assert received.compare(b"Nov 22 host kernel: something else\n", *lines).is_complete


def test_text_within_an_event_is_no_message(received: Received) -> None:
    """Somebody who may give a reason must not speak for another entry."""
    told = b'[provisioner@32473 seq=\\"9\\" previous=\\"' + b"0" * 64 + b'\\" hash=\\"' + b"1" * 64 + b'\\"]'

    found = received.compare(*received.lines(), b'<1>1 - h a - - - {"reason":"' + told + b'"}\n')

    assert found.is_complete
    assert found.repeated == 0


def test_file_that_cannot_be_read_is_named(received: Received) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        compare([received.file / "nowhere"], received.store.audit_log.after(0), 14)
