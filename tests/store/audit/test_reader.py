"""The audit log is found by whom and what it is about, and what somebody put into its tables is shown as it is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from provisioner.core.model import Person, Unit
from provisioner.store import Store
from provisioner.store.audit.reader import AuditLogReader
from provisioner.store.db.chunks import CHUNK
from provisioner.store.db.opening import database_at
from tests.store.conftest import NOON

if TYPE_CHECKING:
    from tests.store.conftest import Clock, Story

HOUR = timedelta(hours=1)


@pytest.fixture(name="reader")
def _reader(store: Store, story: type[Story], clock: Clock, url: str) -> Iterator[AuditLogReader]:
    """Two operations, a list of persons and one of units."""
    store.write(story("a").planned(), story("b", at=NOON + HOUR).planned())
    clock.move(2 * HOUR)
    store.persons.save([Person(id="p7", name="Ayşe p8", unit="46", supervisor="p9")], actor="p5")
    store.units.save([Unit(code="s1", name="Okul", kind="school", parent="46", custodian="p7")], actor="p5")
    database = database_at(url)
    yield AuditLogReader(database)
    database.close()


def spoil(url: str, statement: str) -> None:
    """Do what a database shell can do."""
    database = database_at(url)
    with database.write() as connection:
        connection.execute(text(statement))
    database.close()


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, [1, 2, 3, 4]),
        ({"login": "a"}, [1]),
        ({"operation_id": "op-b"}, [2]),
        ({"actor": "p5"}, [3, 4]),
        ({"kind": "unit_added"}, [4]),
        ({"since": NOON + HOUR}, [2, 3, 4]),
        ({"until": NOON + HOUR}, [1]),
        ({"actor": "p5", "kind": "person_added"}, [3]),
    ],
)
def test_entries_are_found_by_what_their_columns_say(
    reader: AuditLogReader, wanted: dict[str, Any], found: list[int]
) -> None:
    assert [entry.seq for entry in reader.find(**wanted)] == found


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"person": "p2"}, [1, 2]),
        ({"person": "p7"}, [3, 4]),
        ({"person": "p9"}, [3]),
        ({"person": "p8"}, []),
        ({"person": "p5"}, []),
        ({"person": "%"}, []),
        ({"unit": "s1"}, [4]),
        ({"unit": "46"}, [1, 2, 3, 4]),
    ],
)
def test_persons_and_units_are_found_where_they_are_named_and_not_in_passing(
    reader: AuditLogReader, wanted: dict[str, Any], found: list[int]
) -> None:
    assert [entry.seq for entry in reader.find(**wanted)] == found


def test_a_long_audit_log_is_read_to_its_end(store: Store, story: type[Story], url: str) -> None:
    store.write(*(story(f"a{number}").planned() for number in range(CHUNK + 3)))
    database = database_at(url)
    reader = AuditLogReader(database)

    assert [entry.seq for entry in reader.find()] == list(range(1, CHUNK + 4))
    assert [entry.seq for entry in reader.after(CHUNK)] == [CHUNK + 1, CHUNK + 2, CHUNK + 3]
    database.close()


def test_an_untouched_entry_has_no_flaw(reader: AuditLogReader) -> None:
    assert [entry.flaw for entry in reader.find()] == [""] * 4
    assert reader.verify().finding is None


@pytest.mark.parametrize(
    ("statement", "flaw"),
    [
        ("UPDATE events SET login = 'z' WHERE seq = 2", "login"),
        ("UPDATE events SET body = 'no JSON' WHERE seq = 2", "body"),
        ("UPDATE events SET body = '[]' WHERE seq = 2", "body"),
        ("UPDATE events SET at = '2001-01-01 00:00:00.000000' WHERE seq = 2", "at"),
    ],
)
def test_a_column_that_says_otherwise_is_named(reader: AuditLogReader, url: str, statement: str, flaw: str) -> None:
    spoil(url, statement)

    assert [entry.flaw for entry in reader.find() if entry.seq == 2] == [flaw]


@pytest.mark.sqlite
def test_a_column_that_is_no_text_is_named(reader: AuditLogReader, url: str) -> None:
    spoil(url, "UPDATE events SET actor = x'00ff' WHERE seq = 2")

    assert [entry.flaw for entry in reader.find() if entry.seq == 2] == ["actor"]


@pytest.mark.sqlite
def test_an_end_that_is_no_number_is_none(reader: AuditLogReader, url: str) -> None:
    spoil(url, "UPDATE chain_head SET seq = 'x'")

    assert reader.head() is None


@pytest.mark.parametrize("statement", ["DELETE FROM chain_head", "UPDATE chain_head SET seq = -1"])
def test_an_end_that_cannot_be_true_is_none(reader: AuditLogReader, url: str, statement: str) -> None:
    head = reader.head()
    spoil(url, statement)

    assert head
    assert head.seq == 4
    assert reader.head() is None
    assert reader.verify().finding is not None


def test_a_place_that_is_missing_is_found(reader: AuditLogReader, url: str) -> None:
    spoil(url, "DELETE FROM events WHERE seq = 2")

    assert reader.after(2).finding is not None
