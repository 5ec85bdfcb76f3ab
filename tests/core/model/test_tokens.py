"""What tokens allow."""

from __future__ import annotations

from provisioner.core.model.tokens import TokenAccess


def test_the_words_in_stores_and_in_json_stay() -> None:
    assert [access.value for access in TokenAccess] == ["read", "write"]
