"""When a token can be used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import attrs
import pytest

from provisioner.core.governance.tokens import ApiToken, TokenState
from provisioner.core.model.tokens import TokenAccess

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
TOKEN = ApiToken(
    id="0" * 16,
    hash="f" * 64,
    name="list",
    owner="service:list",
    access=TokenAccess.READ,
    created_by="9000",
    created_at=NOON,
    expires_at=NOON + timedelta(days=1),
)


@pytest.mark.parametrize(
    ("token", "at", "state"),
    [
        (TOKEN, NOON, TokenState.VALID),
        (TOKEN, TOKEN.expires_at - timedelta(microseconds=1), TokenState.VALID),
        (TOKEN, TOKEN.expires_at, TokenState.EXPIRED),
        (attrs.evolve(TOKEN, revoked_at=NOON), NOON, TokenState.REVOKED),
        (TOKEN, NOON - timedelta(hours=23), TokenState.VALID),
        (TOKEN, NOON - timedelta(days=2), TokenState.EXPIRED),
    ],
)
def test_a_token_is_not_used_after_its_end_nor_if_it_is_of_the_future(
    token: ApiToken, at: datetime, state: TokenState
) -> None:
    assert token.state(at) is state


def test_a_hash_is_not_printed() -> None:
    assert TOKEN.hash not in repr(TOKEN)
