"""Parts of the store that are imported when they are first used."""

from __future__ import annotations

from functools import cached_property

import pytest

from provisioner.store import Store

LAZY = [name for name, part in vars(Store).items() if isinstance(part, cached_property)]


@pytest.mark.parametrize("name", LAZY)
def test_each_is_of_the_class_that_type_checkers_believe(store: Store, name: str) -> None:
    """A wrong location would show only when somebody uses the part."""
    part = getattr(store, name)

    assert Store.__annotations__[name] == f"cached_property[{type(part).__name__}]"
    assert getattr(store, name) is part
