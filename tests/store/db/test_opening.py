"""A URL that names no store is refused, and what may be a password in it is not repeated."""

from __future__ import annotations

import pytest

from provisioner.core.api.errors import StoreError
from provisioner.store.db.opening import database_at


@pytest.mark.parametrize("wrong", ["sqlite://", "sqlite:///:memory:", "mysql://me:hunter2@db/store", "nonsense"])
def test_what_cannot_be_a_store_is_refused(wrong: str) -> None:
    with pytest.raises(StoreError) as caught:
        database_at(wrong)

    assert "hunter2" not in repr(caught.value)
