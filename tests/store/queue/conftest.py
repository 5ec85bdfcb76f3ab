from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from provisioner.store import Store
from provisioner.store.queue.chunks import ChunkQueue
from tests.postgresql_stores import StoreServer, name_in


@pytest.fixture(name="queue")
def _queue(store: Store) -> ChunkQueue:
    """The queue of a store, into which planned operations go."""
    queue = store.queue()
    queue.prepare()
    return store.share_operations()


@pytest.fixture(name="database")
def _database(url: str, store_server: StoreServer) -> Iterator[psycopg.Connection[Any]]:
    """What the server itself says; at the end, it has no queue any more, and the database can be used again."""
    with store_server.administrator(name_in(url)) as administrator:
        administrator.execute("SET search_path = provisioner_queue, public")
        yield administrator
        administrator.execute("RESET search_path")
        administrator.execute("DROP SCHEMA IF EXISTS provisioner_queue CASCADE")
