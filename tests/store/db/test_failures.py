"""A store that cannot be used is named, and the cure with it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from provisioner.core.api.errors import StoreError
from provisioner.store.db.failures import foreign, missing, outdated, too_new


@pytest.mark.parametrize("failure", [foreign, missing, outdated, too_new])
def test_a_store_that_cannot_be_used_is_named_with_a_cure(failure: Callable[[str], StoreError]) -> None:
    error = failure("/var/lib/store.db")

    assert "/var/lib/store.db" in str(error)
    assert str(error.cure)
