"""Whatever is done to the audit log behind the program's back is found, and said."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from provisioner.core.api.errors import StoreError
from provisioner.core.api.events import Event
from provisioner.core.model import AccountState, OperationState, StepError
from provisioner.store import Store
from provisioner.store.audit.chain import GENESIS, Head, entry_hash
from provisioner.store.audit.reader import AuditLogReader
from provisioner.store.audit.verification import ChainFault, ChainFinding, ChainVerifier
from provisioner.store.db.opening import database_at
from tests.planted import plant
from tests.store.conftest import NOON, Story

COLUMNS = ["at", "kind", "operation_id", "login", "actor", "body", "hash"]

#: Everything in the two tables, to the last bit.
DUMPS = [
    f"SELECT typeof(seq), seq, {', '.join(f'typeof({name}), CAST({name} AS BLOB)' for name in COLUMNS)} FROM events",  # noqa: S608
    "SELECT id, typeof(seq), seq, typeof(hash), CAST(hash AS BLOB) FROM chain_head",
]


@attrs.frozen
class Shell:
    """A database shell in the hands of somebody who knows what he does."""

    connection: sqlite3.Connection

    def __call__(self, statement: str, *values: Any) -> list[Any]:
        return self.connection.execute(statement, values).fetchall()

    def dump(self) -> list[list[Any]]:
        return [self(statement) for statement in DUMPS]

    @property
    def count(self) -> int:
        return int(self("SELECT count(*) FROM events")[0][0])

    def row(self, seq: int) -> list[Any]:
        return list(self(f"SELECT {', '.join(COLUMNS)} FROM events WHERE seq = ?", seq)[0])  # noqa: S608

    def put(self, seq: int, row: list[Any]) -> None:
        self(f"INSERT OR REPLACE INTO events VALUES (?{', ?' * len(COLUMNS)})", seq, *row)  # noqa: S608

    def shift(self, first: int, by: int) -> None:
        """Move all entries from one on."""
        self("UPDATE events SET seq = -seq WHERE seq >= ?", first)
        self("UPDATE events SET seq = -seq + ? WHERE seq <= -?", by, first)

    def rewrite(self, first: int) -> None:
        """Compute all hashes from one entry on again, and the end too."""
        digest = self.row(first - 1)[-1] if first > 1 else GENESIS
        for seq, body in self("SELECT seq, body FROM events WHERE seq >= ? ORDER BY seq", first):
            digest = entry_hash(digest, body.encode())
            self("UPDATE events SET hash = ? WHERE seq = ?", digest, seq)
        self("UPDATE chain_head SET (seq, hash) = (SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1)")


@contextmanager
def shell(path: Path) -> Iterator[Shell]:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        yield Shell(connection)


def verified(path: Path, *anchors: Head) -> ChainVerifier:
    with closing(database_at(f"sqlite:///{path}")) as database:
        return AuditLogReader(database).verify(anchors)


def found(path: Path, *anchors: Head) -> ChainFinding:
    finding = verified(path, *anchors).finding
    assert finding
    return finding


@pytest.fixture(scope="module", name="original")
def _original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with some tens of events, also of what went wrong, and in Turkish."""
    path = tmp_path_factory.mktemp("audit") / "store.db"
    with Store.create(f"sqlite:///{path}") as store:
        plant(f"sqlite:///{path}")
        for number, login in enumerate(("746123", "ab46", "mutemet46", "şube", "kmarasmem")):
            for submission in _life(Story(login, at=NOON + timedelta(minutes=number, microseconds=number))):
                store.write(*submission)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    return path


def _life(story: Story) -> list[tuple[Event, ...]]:
    account = attrs.evolve(story.account, state=AccountState.INCOMPLETE)
    error = StepError(name="UnavailableError", message='geçit "\\]" dedi', cure="")
    stuck = story.finished(OperationState.INCOMPLETE, account=account, next_try_at=story.at, error=error)
    return [(story.planned(),), (story.started(), story.begun()), (stuck,), (story.started(2), story.finished())]


@pytest.fixture(name="copy")
def _copy(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(original, tmp_path / "store.db"))


def test_untouched_trail_is_whole(original: Path) -> None:
    verifier = verified(original)

    assert (verifier.finding, verifier.head.seq) == (None, 30)


# -- whatever is done to it ----------------------------------------------------------------------------------------

SEQS = st.integers(1, 30)


@st.composite
def changed_bytes(draw: st.DrawFn, before: bytes) -> bytes:
    """Change, add or take away one byte."""
    place = draw(st.integers(0, max(len(before) - 1, 0)))
    new = bytes([draw(st.integers(0, 255))])
    how = draw(st.sampled_from(["change", "add", "remove"]))
    return before[:place] + (b"" if how == "remove" else new) + before[place + (how != "add") :]


def change_a_byte(run: Shell, data: st.DataObject) -> None:
    column = data.draw(st.sampled_from(COLUMNS))
    seq = data.draw(SEQS)
    [[before]] = run(f"SELECT CAST({column} AS BLOB) FROM events WHERE seq = ?", seq)  # noqa: S608
    after = data.draw(changed_bytes(before))
    kind = data.draw(st.sampled_from(["TEXT", "BLOB"]))
    run(f"UPDATE events SET {column} = CAST(? AS {kind}) WHERE seq = ?", after, seq)  # noqa: S608


def change_a_digit_of_a_place(run: Shell, data: st.DataObject) -> None:
    seq = data.draw(SEQS)
    after = data.draw(changed_bytes(str(seq).encode()))
    run("UPDATE OR IGNORE events SET seq = CAST(CAST(? AS TEXT) AS INTEGER) WHERE seq = ?", after, seq)


def change_a_byte_of_the_end(run: Shell, data: st.DataObject) -> None:
    column = data.draw(st.sampled_from(["id", "seq", "hash"]))
    [[before]] = run(f"SELECT CAST({column} AS BLOB) FROM chain_head")  # noqa: S608
    after = data.draw(changed_bytes(before))
    kind = data.draw(st.sampled_from(["TEXT", "BLOB"])) if column == "hash" else "INTEGER"
    run(f"UPDATE chain_head SET {column} = CAST(CAST(? AS TEXT) AS {kind})", after)  # noqa: S608


def delete(run: Shell, data: st.DataObject) -> None:
    for seq in data.draw(st.sets(SEQS, min_size=1)):
        run("DELETE FROM events WHERE seq = ?", seq)


def delete_and_close_the_gap(run: Shell, data: st.DataObject) -> None:
    seq = data.draw(SEQS)
    run("DELETE FROM events WHERE seq = ?", seq)
    run.shift(seq + 1, -1)


def delete_the_end(run: Shell, data: st.DataObject) -> None:
    run("DELETE FROM chain_head")


def record_a_second_end(run: Shell, data: st.DataObject) -> None:
    run("INSERT INTO chain_head SELECT ?, seq, hash FROM chain_head", data.draw(st.integers(2, 9)))


def cut_the_tail(run: Shell, data: st.DataObject) -> None:
    run("DELETE FROM events WHERE seq >= ?", data.draw(SEQS))


def reorder(run: Shell, data: st.DataObject) -> None:
    places = data.draw(st.lists(SEQS, min_size=2, max_size=6, unique=True))
    rows = [run.row(seq) for seq in data.draw(st.permutations(places))]
    for seq, row in zip(places, rows, strict=True):
        run.put(seq, row)


def swap_one_column(run: Shell, data: st.DataObject) -> None:
    one, other = data.draw(st.lists(SEQS, min_size=2, max_size=2, unique=True))
    column = data.draw(st.sampled_from(range(len(COLUMNS))))
    rows = run.row(one), run.row(other)
    rows[0][column], rows[1][column] = rows[1][column], rows[0][column]
    run.put(one, rows[0])
    run.put(other, rows[1])


def insert(run: Shell, data: st.DataObject) -> None:
    seq, model = data.draw(st.integers(-1, 33)), data.draw(SEQS)
    row = run.row(model)
    run.shift(max(seq, 1), 1)
    run.put(seq, row)


def insert_with_a_hash_that_fits(run: Shell, data: st.DataObject) -> None:
    seq, model = data.draw(st.integers(1, 31)), data.draw(SEQS)
    row = run.row(model)
    row[-1] = entry_hash(run.row(seq - 1)[-1] if seq > 1 else GENESIS, row[-2].encode())
    run.shift(seq, 1)
    run.put(seq, row)


def rewrite_without_the_rest(run: Shell, data: st.DataObject) -> None:
    """Change an event and compute its hash again, and some more, but not all."""
    first = data.draw(SEQS)
    last = data.draw(st.integers(first, 30))
    end, rest = run("SELECT seq, hash FROM chain_head"), [(seq, run.row(seq)) for seq in range(last + 1, 31)]
    row = run.row(first)
    row[-2] = row[-2].replace("p1", "p9")
    run.put(first, [*row[:4], "p9", *row[5:]])
    run.rewrite(first)
    for seq, after in rest:
        run.put(seq, after)
    run("UPDATE chain_head SET seq = ?, hash = ?", *end[0])


@pytest.mark.parametrize(
    "tamper",
    [
        change_a_byte,
        change_a_digit_of_a_place,
        change_a_byte_of_the_end,
        delete,
        delete_and_close_the_gap,
        delete_the_end,
        record_a_second_end,
        cut_the_tail,
        reorder,
        swap_one_column,
        insert,
        insert_with_a_hash_that_fits,
        rewrite_without_the_rest,
    ],
)
@settings(max_examples=50, suppress_health_check=[HealthCheck.filter_too_much])
@given(data=st.data())
def test_tampering_is_found(
    original: Path, tamper: Callable[[Shell, st.DataObject], None], data: st.DataObject
) -> None:
    """Only what leaves every bit as it was may go unnoticed."""
    with tempfile.TemporaryDirectory(dir=original.parent) as folder:
        path = Path(shutil.copy(original, folder))
        with shell(path) as run:
            before = run.dump()
            tamper(run, data)
            assume(run.dump() != before)

        assert verified(path).finding


@settings(max_examples=100)
@given(data=st.data())
def test_changed_byte_of_the_file_is_found_or_changes_nothing(original: Path, data: st.DataObject) -> None:
    """Whatever SQLite makes of it; never is it a defect of ours."""
    content = bytearray(original.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    with tempfile.TemporaryDirectory(dir=original.parent) as folder:
        path = Path(folder, "store.db")
        path.write_bytes(content)
        try:
            finding = verified(path).finding
        except StoreError:
            return

        if finding is None:
            with shell(original) as run, shell(path) as other:
                assert run.dump() == other.dump()


# -- what is said of it --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statements", "seq", "fault"),
    [
        (["UPDATE events SET body = replace(body, 'p1', 'p7') WHERE seq = 3"], 3, ChainFault.CHANGED),
        (["UPDATE events SET actor = 'p7' WHERE seq = 4"], 4, ChainFault.CHANGED),
        (["UPDATE events SET actor = CAST(actor AS BLOB) WHERE seq = 4"], 4, ChainFault.CHANGED),
        (["UPDATE events SET hash = upper(hash) WHERE seq = 5"], 5, ChainFault.CHANGED),
        (["DELETE FROM events WHERE seq = 1"], 1, ChainFault.MISSING),
        (["DELETE FROM events WHERE seq BETWEEN 7 AND 9"], 7, ChainFault.MISSING),
        (["DELETE FROM events WHERE seq = 9", "UPDATE events SET seq = 9 WHERE seq = 12"], 9, ChainFault.MISSING),
        (["DELETE FROM events WHERE seq > 20"], 21, ChainFault.CUT),
        (["DELETE FROM events"], 1, ChainFault.CUT),
        (["UPDATE events SET seq = 0 WHERE seq = 12"], 0, ChainFault.INSERTED),
        (["UPDATE events SET seq = 99 WHERE seq = 12"], 12, ChainFault.REORDERED),
        (["UPDATE chain_head SET seq = 20"], 21, ChainFault.HEAD),
        (["UPDATE chain_head SET hash = upper(hash)"], 30, ChainFault.HEAD),
        (["UPDATE chain_head SET seq = -1"], 30, ChainFault.HEAD),
        (["UPDATE chain_head SET seq = 20.5"], 30, ChainFault.HEAD),
        (["DELETE FROM chain_head"], 30, ChainFault.HEAD),
    ],
)
def test_finding_says_where_and_what(copy: Path, statements: list[str], seq: int, fault: ChainFault) -> None:
    with shell(copy) as run:
        for statement in statements:
            run(statement)

    finding = found(copy)

    assert (finding.seq, finding.fault) == (seq, fault)
    assert str(seq if fault not in {ChainFault.CUT, ChainFault.HEAD} else "") in str(finding.text)


def test_swapped_entries_are_called_reordered(copy: Path) -> None:
    with shell(copy) as run:
        one, other = run.row(11), run.row(17)
        run.put(11, other)
        run.put(17, one)

    assert found(copy).fault is ChainFault.REORDERED
    assert str(found(copy).text) == "entry 11 is at position 17"


def test_entry_that_was_put_in_is_called_inserted(copy: Path) -> None:
    """Even if its hash fits, what comes after it does not."""
    with shell(copy) as run:
        row = run.row(11)
        run.shift(8, 1)
        run.put(8, [*row[:-2], row[-2].replace("p1", "p9"), row[-1]])

    assert (found(copy).seq, found(copy).fault) == (8, ChainFault.INSERTED)


def test_entry_behind_the_end_is_called_inserted(copy: Path) -> None:
    with shell(copy) as run:
        run.put(31, run.row(3))

    assert (found(copy).seq, found(copy).fault) == (31, ChainFault.INSERTED)


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize(
    "value", [None, 7, 1.5, b"\xff\xfe", b"", "", "\0", "[" * 100_000, "[]", "null", "{}", '{"at":7}', "2026-99-99"]
)
def test_any_value_in_any_column_is_a_finding_and_no_defect(
    original: Path, tmp_path: Path, column: str, value: object
) -> None:
    """A person who makes the tables again can put anything there, even with hashes that fit."""
    path = Path(shutil.copy(original, tmp_path / "store.db"))
    with shell(path) as run:
        run("CREATE TABLE other AS SELECT * FROM events")
        run("DROP TABLE events")
        run("ALTER TABLE other RENAME TO events")
        run(f"UPDATE events SET {column} = ? WHERE seq = 30", value)  # noqa: S608
        if column == "body" and isinstance(value, str):
            run("UPDATE events SET hash = ? WHERE seq = 30", entry_hash(run.row(29)[-1], value.encode()))
            run("UPDATE chain_head SET hash = (SELECT hash FROM events WHERE seq = 30)")

    assert (found(path).seq, found(path).fault) == (30, ChainFault.CHANGED)


@pytest.mark.parametrize("value", [None, "x", b"\xff", 1.5])
def test_place_that_is_no_number_is_found(copy: Path, value: object) -> None:
    with shell(copy) as run:
        run("CREATE TABLE other AS SELECT * FROM events")
        run("DROP TABLE events")
        run("ALTER TABLE other RENAME TO events")
        run("UPDATE events SET seq = ? WHERE seq = 12", value)

    assert found(copy).fault in {ChainFault.MISSING, ChainFault.INSERTED, ChainFault.REORDERED}
    with closing(database_at(f"sqlite:///{copy}")) as database:
        assert len(list(AuditLogReader(database).find())) >= 29


# -- anchors -------------------------------------------------------------------------------------------------------


def head(path: Path) -> Head:
    with closing(database_at(f"sqlite:///{path}")) as database:
        found = AuditLogReader(database).head()
    assert found
    return found


def test_tail_that_was_cut_together_with_the_end_is_found_by_an_anchor_alone(copy: Path) -> None:
    anchor = head(copy)
    with shell(copy) as run:
        run("DELETE FROM events WHERE seq > 25")
        run.rewrite(25)

    assert verified(copy).finding is None
    assert (found(copy, anchor).seq, found(copy, anchor).fault) == (26, ChainFault.CUT)


@settings(max_examples=40)
@given(first=SEQS, anchored=SEQS)
def test_tail_that_was_written_anew_is_found_by_any_anchor_in_it_alone(
    original: Path, first: int, anchored: int
) -> None:
    with tempfile.TemporaryDirectory(dir=original.parent) as folder:
        path = Path(shutil.copy(original, folder))
        with shell(path) as run:
            anchors = [Head(seq=seq, hash=run.row(seq)[-1]) for seq in sorted({1, anchored})]
            row = run.row(first)
            run.put(first, [*row[:4], "p9", row[5].replace('"actor":"p1"', '"actor":"p9"'), row[6]])
            run.rewrite(first)

        assert verified(path).finding is None
        finding = verified(path, *anchors).finding

        assert (finding is not None) == (first <= anchored)
        assert finding is None or finding.fault is ChainFault.REWRITTEN


def test_anchors_that_contradict_each_other_are_never_both_true(copy: Path) -> None:
    assert found(copy, head(copy), Head(seq=30, hash=GENESIS)).fault is ChainFault.REWRITTEN


def test_anchor_of_the_empty_trail_holds_for_ever(copy: Path) -> None:
    assert verified(copy, Head()).finding is None
    assert found(copy, Head(seq=0, hash="f" * 64)).fault is ChainFault.REWRITTEN


# -- reading on ----------------------------------------------------------------------------------------------------


def read_on(path: Path, seq: int, known: str | None = None) -> tuple[list[int], ChainFault | None]:
    with closing(database_at(f"sqlite:///{path}")) as database:
        verifier = AuditLogReader(database).after(seq, known)
        read = [one.seq for one in verifier]
    return read, verifier.finding.fault if verifier.finding else None


def test_reading_on_begins_after_the_place_and_ends_with_the_trail(original: Path) -> None:
    assert read_on(original, 0) == (list(range(1, 31)), None)
    assert read_on(original, 28) == ([29, 30], None)
    assert read_on(original, 30) == ([], None)


def test_trail_longer_than_a_page_is_read_to_its_end(original: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provisioner.store.audit.reader.CHUNK", 7)

    assert read_on(original, 0) == (list(range(1, 31)), None)
    assert read_on(original, 15) == (list(range(16, 31)), None)


def test_period_begins_with_its_first_moment_and_ends_before_its_last(original: Path) -> None:
    second = NOON + timedelta(minutes=1, microseconds=1)
    with closing(database_at(f"sqlite:///{original}")) as database:
        audit_log = AuditLogReader(database)
        assert list(audit_log.find(until=NOON)) == []
        assert [one.seq for one in audit_log.find(since=NOON, until=second)] == list(range(1, 7))


def test_reading_on_stops_before_what_is_wrong(copy: Path) -> None:
    with shell(copy) as run:
        run("UPDATE events SET actor = 'p7' WHERE seq = 28")

    assert read_on(copy, 25) == ([26, 27], ChainFault.CHANGED)
    assert read_on(copy, 28) == ([29, 30], None)


def test_reading_on_from_a_place_that_is_no_more_shows_the_cut(copy: Path) -> None:
    with shell(copy) as run:
        run("DELETE FROM events WHERE seq > 20")
        run.rewrite(20)

    assert read_on(copy, 25) == ([], ChainFault.CUT)
    assert read_on(copy, 25, GENESIS) == ([], ChainFault.CUT)


def test_reading_on_from_a_place_that_was_written_anew_is_refused(copy: Path) -> None:
    known = head(copy).hash

    assert read_on(copy, 30, known) == ([], None)
    assert read_on(copy, 30, GENESIS) == ([], ChainFault.REWRITTEN)


def test_reading_on_from_an_entry_that_is_missing_is_refused(copy: Path) -> None:
    with shell(copy) as run:
        run("DELETE FROM events WHERE seq = 20")

    assert read_on(copy, 20) == ([], ChainFault.MISSING)


def test_reading_on_from_an_end_that_is_missing_is_refused(copy: Path) -> None:
    with shell(copy) as run:
        run("DELETE FROM events WHERE seq = 30")

    assert read_on(copy, 30) == ([], ChainFault.MISSING)


def test_reading_on_without_an_end_is_refused(copy: Path) -> None:
    with shell(copy) as run:
        run("DELETE FROM chain_head")

    assert read_on(copy, 20) == ([], ChainFault.HEAD)


def test_heads_seen_while_others_write_are_all_on_one_chain(tmp_path: Path) -> None:
    """Threads of several stores write at once, and each moment is an anchor for the end."""
    path = tmp_path / "store.db"
    url = f"sqlite:///{path}"
    Store.create(url).close()
    plant(url)

    def live(name: str) -> None:
        with Store.open(url) as store:
            for number in range(5):
                for submission in Story(f"{name}-{number}").submissions():
                    store.write(*submission)

    threads = [threading.Thread(target=live, args=(f"t{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    heads = []
    while any(thread.is_alive() for thread in threads):
        heads.append(head(path))
        assert verified(path).finding is None

    verifier = verified(path, *heads)

    assert len(set(heads)) > 3
    assert (verifier.finding, verifier.head.seq) == (None, 6 * 5 * 7)
