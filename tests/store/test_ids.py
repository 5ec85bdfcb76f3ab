"""The beginning of an id finds all that begin so, of its kind only, and no more than are wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioner.store import Store
from provisioner.store.ids import Named

if TYPE_CHECKING:
    from tests.store.conftest import Story

IDS = ["0a1", "0a2", "0b1", "f", "f0"]


@pytest.fixture(name="known")
def _known(store: Store, story: type[Story]) -> Store:
    store.write(*(story(f"login{number}", id=name).planned() for number, name in enumerate(IDS)))
    return store


@pytest.mark.parametrize(
    ("beginning", "found"),
    [("0a", ["0a1", "0a2"]), ("0a2", ["0a2"]), ("f", ["f", "f0"]), ("", IDS), ("0c", []), ("%", []), ("_", [])],
)
def test_all_that_begin_so_are_found_in_their_order(known: Store, beginning: str, found: list[str]) -> None:
    assert list(known.ids.starting_with(Named.OPERATION, beginning, at_most=9)) == found


def test_a_common_beginning_reads_no_more_than_is_wanted(known: Store) -> None:
    assert list(known.ids.starting_with(Named.OPERATION, "", at_most=2)) == IDS[:2]


@pytest.mark.parametrize("kind", [kind for kind in Named if kind is not Named.OPERATION])
def test_ids_of_other_kinds_are_not_mistaken(known: Store, kind: Named) -> None:
    assert list(known.ids.starting_with(kind, "", at_most=9)) == []
