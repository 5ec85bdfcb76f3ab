"""The audit log shows what was done to it."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from provisioner.core.api.errors import BusyError, LeaseLostError, StoreError
from provisioner.core.api.events import Event
from provisioner.store import Store
from provisioner.store.audit.chain import entry_hash
from provisioner.store.db.opening import database_at
from tests.planted import plant
from tests.store.conftest import Story


def test_hash_covers_the_hash_before_and_the_body() -> None:
    assert entry_hash("0" * 64, b'{"a":1}') == "fc6cee09194dd2578bd7664604fcb72a539066fd34544cea0009c43eb6cdc289"


def concrete(cls: type[Event]) -> list[type[Event]]:
    below = [one for sub in cls.__subclasses__() for one in concrete(sub)]
    return below or [cls]


def test_every_event_has_a_name_of_its_own_in_the_trail() -> None:
    names = [event.kind for event in set(concrete(Event)) if event.__module__.startswith("provisioner")]

    assert len(set(names)) == len(names) >= 8


@pytest.fixture
def lived(store: Store, story: type[Story]) -> Store:
    """A store with seven events."""
    for submission in story("a").submissions():
        store.write(*submission)
    return store


@pytest.fixture
def tamper(url: str) -> Callable[..., None]:
    """Run a statement on the database, as somebody with a database shell would."""

    def run(statement: str, **values: str) -> None:
        with closing(database_at(url)) as database, database.write() as connection:
            connection.execute(text(statement), values)

    return run


def test_trail_that_nobody_touched_is_whole(lived: Store) -> None:
    assert lived.audit_log.verify_chain() is None


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE events SET body = replace(body, 'p1', 'p7') WHERE seq = 3", 3),
        ("UPDATE events SET actor = 'p7' WHERE seq = 4", 4),
        ("UPDATE events SET login = 'b' WHERE seq = 4", 4),
        ("UPDATE events SET operation_id = 'other' WHERE seq = 4", 4),
        ("UPDATE events SET kind = 'step_begun' WHERE seq = 4", 4),
        ("UPDATE events SET at = '2020-01-01 00:00:00.000000' WHERE seq = 5", 5),
        ("UPDATE events SET hash = (SELECT hash FROM events WHERE seq = 7) WHERE seq = 2", 2),
        ("DELETE FROM events WHERE seq = 1", 1),
        ("DELETE FROM events WHERE seq = 4", 4),
        ("DELETE FROM events WHERE seq >= 6", 6),
        ("DELETE FROM events", 1),
        ("INSERT INTO events SELECT 8, at, kind, operation_id, login, actor, body, hash FROM events WHERE seq = 7", 8),
        ("UPDATE chain_head SET hash = (SELECT hash FROM events WHERE seq = 2)", 7),
        ("UPDATE chain_head SET seq = 6", 7),
        ("UPDATE chain_head SET seq = 9", 8),
    ],
)
def test_first_event_that_was_tampered_with_is_found(
    lived: Store, tamper: Callable[..., None], statement: str, broken: int
) -> None:
    tamper(statement)

    assert lived.audit_log.verify_chain() == broken


def test_new_event_that_was_forged_at_the_end_is_found(lived: Store, tamper: Callable[..., None]) -> None:
    """Somebody computes the hash of a new event properly, and forgets the head."""
    *_, last = lived.audit_log.entries()
    forged = entry_hash(last.hash, last.body.encode())

    tamper("INSERT INTO events SELECT 8, at, kind, operation_id, login, actor, body, :h FROM events LIMIT 1", h=forged)

    assert lived.audit_log.verify_chain() == 8


ACTS = st.sampled_from(["planned", "started", "begun", "ended", "finished"])


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scripts=st.lists(st.lists(st.lists(ACTS, min_size=1, max_size=3), max_size=6), min_size=2, max_size=6))
def test_threads_never_fork_the_chain(story: type[Story], scripts: list[list[list[str]]]) -> None:
    """Whatever threads write at once on two accounts, refused or not, every event has one place in one chain."""
    with tempfile.TemporaryDirectory() as folder, Store.create(f"sqlite:///{folder}/store.db") as store:
        plant(f"sqlite:///{folder}/store.db")
        stored: list[int] = []

        def play(number: int, script: list[list[str]]) -> None:
            tale = story("ab"[number % 2])
            for acts in script:
                try:
                    store.write(*(getattr(tale, act)() for act in acts))
                    stored.append(len(acts))
                except (BusyError, LeaseLostError, StoreError):
                    pass

        threads = [threading.Thread(target=play, args=(number, script)) for number, script in enumerate(scripts)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert store.audit_log.verify_chain() is None
        assert len(list(store.audit_log.entries())) == sum(stored)
