"""What is read is what was asked for, however much there is, and leaves nothing open."""

from __future__ import annotations

from datetime import timedelta

from provisioner.store import Store
from provisioner.store.db.chunks import CHUNK, chunks
from tests.store.conftest import Story
from tests.store.towns import account, plan

HOUR = timedelta(hours=1)
#: More than two pages.
MANY = 2 * CHUNK + 7


class TestBulk:
    def test_more_than_a_statement_takes(self, store: Store, story: type[Story]) -> None:
        logins = [f"a{number:05}" for number in range(MANY)]
        for some in chunks(logins, 100):  # PostgreSQL ends a transaction whose process computes for five seconds
            plan(store, story, *map(account, some))

        assert list(store.accounts.get_many(logins)) == logins
        assert len(store.operations.unended(logins)) == MANY
        assert len(store.operations.get_many(f"op-46-{login}" for login in logins)) == MANY

    def test_what_does_not_exist_is_left_out(self, store: Store) -> None:
        assert set(store.units.get_many(["46", "none"])) == {"46"}
        assert not store.units.get_many([])
        assert not store.accounts.get_many(["none"])
        assert not store.persons.get_many(["none"])
        assert not store.operations.get_many(["none"])


def test_list_that_is_not_read_to_its_end_leaves_nothing_open(store: Store, story: type[Story]) -> None:
    plan(store, story, *(account(f"a{number:05}") for number in range(CHUNK + 1)))

    next(store.accounts.find())

    assert store._database.reader.pool.status().endswith("Current Checked out connections: 0")
