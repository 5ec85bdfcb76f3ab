"""Tokens in the store."""

from __future__ import annotations

from datetime import timedelta

import attrs

from provisioner.core.governance.tokens import ApiToken, TokenCreated, TokenRevoked
from provisioner.core.model.tokens import TokenAccess
from provisioner.store import Store
from tests.store.conftest import NOON

TOKEN = ApiToken(
    id="00ff00ff00ff00ff",
    hash="f" * 64,
    name="list",
    owner="service:list",
    access=TokenAccess.READ,
    created_by="9000",
    created_at=NOON,
    expires_at=NOON + timedelta(days=1),
)


def test_tokens_are_read_as_they_were_created(store: Store) -> None:
    later = attrs.evolve(TOKEN, id="11ff00ff00ff00ff", access=TokenAccess.WRITE, created_at=NOON + timedelta(hours=1))
    store.write(*(TokenCreated(at=NOON, actor="9000", token=token) for token in (TOKEN, later)))

    assert (store.tokens.get(TOKEN.id), store.tokens.get("0")) == (TOKEN, None)
    assert store.tokens.all() == [later, TOKEN]


def test_a_revoked_token_stays_revoked(store: Store) -> None:
    revoked = attrs.evolve(TOKEN, revoked_by="9000", revoked_at=NOON)
    store.write(TokenCreated(at=NOON, actor="9000", token=TOKEN))
    store.write(TokenRevoked(at=NOON, actor="9000", token=revoked))
    store.write(TokenCreated(at=NOON, actor="9000", token=TOKEN))

    assert store.tokens.all() == [revoked]
    assert store.audit_log.verify_chain() is None
