"""A store that is not the one that it was is noticed, before anything is done on the strength of it."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import pytest
from sqlalchemy import event

from provisioner.core.api.errors import StoreError
from provisioner.core.model import Unit
from provisioner.store import Store
from provisioner.store.audit.chain import Head
from provisioner.store.audit.continuity import HeadFile

if TYPE_CHECKING:
    from tests.store.conftest import Story

pytestmark = pytest.mark.sqlite

UNIT = Unit(code="46", name="Kahramanmaraş", kind="province")


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def copy(file: Path, to: Path) -> Path:
    """Copy a store, as a backup does, with what is still in its write-ahead log."""
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(to)) as backup:
        source.backup(backup)
    return to


def delete(file: Path, _: Path) -> None:
    file.unlink()


def move_away(file: Path, _: Path) -> None:
    file.rename(file.with_suffix(".moved"))


def replace(file: Path, older: Path) -> None:
    older.replace(file)


class TestWhileOpen:
    @pytest.mark.parametrize("act", [delete, move_away, replace], ids=lambda one: str(one.__name__))
    def test_nothing_is_said_to_be_stored_in_a_file_that_is_gone(
        self, store: Store, url: str, story: type[Story], act: Callable[[Path, Path], None]
    ) -> None:
        first, second = story("a"), story("b")
        older = copy(file_of(url), file_of(url).with_suffix(".older"))
        store.write(first.planned())
        act(file_of(url), older)
        attempts: list[Callable[[], object]] = [
            lambda: store.write(second.planned()),
            lambda: store.units.save([UNIT]),
            lambda: store.accounts.get_many(["a"]),
        ]
        for attempt in attempts:
            with pytest.raises(StoreError, match="was deleted, moved or replaced"):
                attempt()

    def test_content_of_an_older_copy_in_the_same_file_is_noticed(
        self, store: Store, url: str, story: type[Story]
    ) -> None:
        first, second, third = story("a"), story("b"), story("c")
        store.write(first.planned())
        older = copy(file_of(url), file_of(url).with_suffix(".older"))
        store.write(second.planned())
        copy(older, file_of(url))

        with pytest.raises(StoreError, match="was replaced while it was in use"):
            store.write(third.planned())

    def test_another_trail_that_is_longer_is_noticed(self, store: Store, url: str, story: type[Story]) -> None:
        longer = file_of(url).with_suffix(".longer")
        with Store.create(f"sqlite:///{longer}") as other:
            other.units.save([UNIT])
            for login in "xyz":
                other.write(story(login).planned())
        store.write(story("a").planned())
        copy(longer, file_of(url))

        with pytest.raises(StoreError, match="was replaced while it was in use"):
            store.write(story("b").planned())

    def test_a_file_that_goes_while_something_is_written_is_not_said_to_hold_it(
        self, store: Store, url: str, story: type[Story]
    ) -> None:
        event.listen(store._database.writer, "commit", lambda _: file_of(url).unlink())

        with pytest.raises(StoreError, match="was deleted, moved or replaced"):
            store.write(story("a").planned())

    def test_nothing_is_written_to_the_file_that_took_its_place(self, store: Store, url: str) -> None:
        older = copy(file_of(url), file_of(url).with_suffix(".older"))
        older.replace(file_of(url))
        store._database.writer.dispose()  # whatever is opened from now on is the other file

        with pytest.raises(StoreError, match="was deleted, moved or replaced"):
            store.units.save([attrs.evolve(UNIT, code="new")])

        with Store.open(url) as other:
            assert other.units.get_many(["new"]) == {}

    def test_what_others_write_meanwhile_is_no_reason_to_stop(self, store: Store, url: str, story: type[Story]) -> None:
        with Store.open(url) as other:
            for number in range(4):
                (store, other)[number % 2].write(story(f"a{number}").planned())

        assert store.lost_tail() is None
        assert store.audit_log.verify_chain() is None


class TestRestoring:
    def test_store_that_was_always_there_has_lost_nothing(self, store: Store, story: type[Story]) -> None:
        assert store.lost_tail() is None
        store.write(story("a").planned())

        assert store.lost_tail() is None

    def test_restored_backup_is_noticed_and_stays_so_until_somebody_has_seen_to_it(
        self, tmp_path: Path, story: type[Story]
    ) -> None:
        url = f"sqlite:///{tmp_path / 'other.sqlite'}"
        with Store.create(url) as store:
            store.units.save([UNIT])
            store.write(story("a").planned())
        older = copy(file_of(url), tmp_path / "older.sqlite")
        with Store.open(url) as store:
            store.write(story("b").planned())
        file_of(url).unlink()
        shutil.copy(older, file_of(url))

        for login in "cd":
            with Store.open(url) as store:
                assert store.lost_tail() == HeadFile(store.head_file).read()
                store.write(story(login).planned())
        with Store.open(url) as store:
            assert store.lost_tail() is not None
            store.head_file.unlink()
            assert store.lost_tail() is None
            store.write(story("e").planned())
            assert store.lost_tail() is None

    @pytest.mark.parametrize("content", ["", "{}", "[]", '{"seq": "x", "hash": 1}', "\0" * 128])
    def test_memory_that_cannot_be_read_says_nothing(self, store: Store, story: type[Story], content: str) -> None:
        store.head_file.write_text(content)
        assert store.lost_tail() is None

        store.write(story("a").planned())

        assert HeadFile(store.head_file).read() == Head(seq=1, hash=next(store.audit_log.entries()).hash)

    def test_memory_is_for_the_owner_alone_and_no_place_to_follow_a_link_from(
        self, store: Store, tmp_path: Path, story: type[Story]
    ) -> None:
        store.write(story("a").planned())
        assert store.head_file.stat().st_mode & 0o777 == 0o600
        elsewhere = tmp_path / "elsewhere"
        elsewhere.touch()
        store.head_file.unlink()
        store.head_file.symlink_to(elsewhere)

        store.write(story("b").planned())

        assert elsewhere.read_bytes() == b""
