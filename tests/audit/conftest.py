from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from provisioner.store import Store
from provisioner.store.audit.chain import GENESIS, entry_hash
from provisioner.store.audit.verification import ChainEntry
from tests.planted import plant
from tests.store.conftest import Story


def entry(body: str, previous: str = GENESIS, seq: int = 1) -> ChainEntry:
    """Return an entry with this body, whose hash fits."""
    return ChainEntry(seq=seq, hash=entry_hash(previous, body.encode()), body=body.encode())


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Iterator[Store]:
    """A store with fourteen events on two accounts."""
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    with Store.create(f"sqlite:///{tmp_path}/store.db") as store:
        plant(f"sqlite:///{tmp_path}/store.db")
        for login in ("ab46", "şube46"):
            for submission in Story(login, at=noon).submissions():
                store.write(*submission)
        yield store
