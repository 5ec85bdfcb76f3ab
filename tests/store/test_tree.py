"""The tree that units make."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.core.api.errors import StoreError
from provisioner.core.model import Unit
from provisioner.store import Store


def unit(code: str, parent: str | None = None, **more: Any) -> Unit:
    return Unit(code=code, name=f"unit {code}", kind="office", parent=parent, **more)


def codes(units: list[Unit]) -> list[str]:
    return [one.code for one in units]


def test_nothing_is_saved_if_a_parent_does_not_exist(store: Store) -> None:
    with pytest.raises(StoreError, match="unit c has the parent none, which does not exist"):
        store.units.save([unit("a"), unit("b", "c"), unit("c", "none")])

    assert codes(list(store.units.all())) == ["46"]


@pytest.mark.parametrize("parents", [{"a": "a"}, {"a": "b", "b": "a"}, {"46": "a", "a": "46"}])
def test_no_unit_is_above_itself(store: Store, parents: dict[str, str]) -> None:
    """A tree with a loop would be walked for ever."""
    with pytest.raises(StoreError, match="is above itself"):
        store.units.save(unit(code, parent) for code, parent in parents.items())

    assert codes(list(store.units.all())) == ["46"]
