"""A copy has all that a store needs, and says how far its audit log goes and whether it is as it was written."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from provisioner.store import Store
from provisioner.store.audit.verification import ChainFault
from provisioner.store.db.opening import database_at
from provisioner.store.db.postgresql import COPY

if TYPE_CHECKING:
    from tests.store.conftest import Story


@pytest.fixture(name="name")
def _name(url: str) -> str:
    """What the copy of the store is called."""
    return "store.db" if url.startswith("sqlite") else COPY


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    (tmp_path / "copy").mkdir()
    return tmp_path / "copy"


def test_a_copy_can_be_opened_and_makes_the_same_marks(
    store: Store, story: type[Story], folder: Path, name: str
) -> None:
    store.write(story("a").planned())
    mark = store.mobile_mark("+905321234567")

    copy = store.copy_to(folder)
    store.write(story("b").planned())

    assert [file.name for file in copy.files] == [name, f"{name}.key"]
    with Store.open(f"sqlite:///{copy.files[0]}") as copied:
        assert copied.accounts.get_many(["a", "b"]).keys() == {"a"}
        assert copied.audit_log.head() == copy.head
        assert copied.mobile_mark("+905321234567") == mark


def test_a_store_without_marks_has_no_key_to_copy(store: Store, folder: Path, name: str) -> None:
    assert [file.name for file in store.copy_to(folder).files] == [name]


def test_an_altered_audit_log_is_found_in_the_copy(store: Store, url: str, story: type[Story], folder: Path) -> None:
    store.write(story("a").planned())
    with closing(database_at(url)) as database, database.write() as connection:
        connection.execute(text("UPDATE events SET body = replace(body, '\"p1\"', '\"p2\"')"))

    finding = store.copy_to(folder).finding

    assert finding
    assert finding.fault is ChainFault.CHANGED
