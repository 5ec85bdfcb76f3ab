"""Accounts are found by what people type, with or without the marks of Turkish letters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from provisioner.core.model import Person, Unit
from provisioner.store import Store
from provisioner.store.search import StoredSearch
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget

PERSONS = [
    Person(id="1", name="Işıl Çağ", mobile="+90 532 123 45 67"),
    Person(id="2", name="İbrahim [Ek] *Öz*", mobile="+905321234568"),
]
UNITS = [
    Unit(code="a", name="Şehit Öğretmenler Okulu", kind="school", login="okul46", custodian="1"),
    Unit(code="b", name="IĞDIR-Merkez ^Ek", kind="office", login="okulda46", custodian="2"),
]


@pytest.fixture(name="search")
def _search(tmp_path: Path) -> Iterator[StoredSearch]:
    targets, channels = {"directory": MemoryTarget()}, {"sms": MemoryChannel()}
    with Harness(tmp_path / "store.sqlite", targets=targets, channels=channels) as harness:
        harness.know(units=UNITS, persons=PERSONS)
        harness.open(["a", "b"])
        yield harness.store.search


def test_a_login_is_found_by_its_beginning(search: StoredSearch) -> None:
    assert [one.login for one in search.by_login("okul")] == ["okul46", "okulda46"]
    assert [one.login for one in search.by_login("okul4")] == ["okul46"]
    assert list(search.by_login("kul")) == []


@pytest.mark.parametrize("words", ["ögret", "OGRET", "öğretmen", "ŞEHİT", "sehit", "a"])
def test_a_unit_is_found_by_its_name_and_its_code(search: StoredSearch, words: str) -> None:
    assert "okul46" in {one.login for one in search.by_unit(words)}


@pytest.mark.parametrize(("words", "login"), [("isil", "okul46"), ("IŞIL", "okul46"), ("ibra", "okulda46")])
def test_a_holder_is_found_by_the_name(search: StoredSearch, words: str, login: str) -> None:
    assert [one.login for one in search.by_holder(words)] == [login]


@pytest.mark.parametrize(("words", "found"), [("[ek]", 1), ("*öz*", 1), ("[a-z]", 0), ("*", 1), ("?", 0), ("]", 1)])
def test_what_means_something_in_a_pattern_means_itself(search: StoredSearch, words: str, found: int) -> None:
    assert len(list(search.by_holder(words))) == found


def test_a_hyphen_and_a_circumflex_mean_themselves(search: StoredSearch) -> None:
    assert [one.login for one in search.by_unit("ığdır-m")] == ["okulda46"]
    assert [one.login for one in search.by_unit("^e")] == ["okulda46"]


def test_a_number_is_found_by_its_end_however_it_is_written(search: StoredSearch) -> None:
    assert [(one.login, person.id) for one, person in search.by_number("234567")] == [("okul46", "1")]
    assert list(search.by_number("99999")) == []


def test_a_login_is_found_whatever_letter_comes_next(store: Store, story: Callable[[str], Any]) -> None:
    """The range ended before letters such as this one, which accounts that were adopted can have."""
    for login in ("okul46", "okulö46", "okul\U0010ffff", "okum"):
        store.write(story(login).planned())

    assert [one.login for one in store.search.by_login("okul")] == ["okul46", "okulö46", "okul\U0010ffff"]
