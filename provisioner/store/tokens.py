"""The tokens for the API: what the events change, and what is read of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select

from provisioner.core.api.events import Event
from provisioner.core.governance.tokens import ApiToken, TokenCreated, TokenRevoked
from provisioner.store.db.database import Database
from provisioner.store.db.reader import Reader
from provisioner.store.db.rows import Change, add, as_row, put
from provisioner.store.db.tables import tokens

_CREATE = add(tokens)
_REVOKE = put(tokens)
_LATEST_FIRST = select(tokens).order_by(tokens.c.created_at.desc(), tokens.c.id)


def _created(event: TokenCreated) -> Iterable[Change]:
    yield _CREATE, as_row(event.token)


def _revoked(event: TokenRevoked) -> Iterable[Change]:
    yield _REVOKE, as_row(event.token)


CHANGES: Mapping[type[Event], Callable[[Any], Iterable[Change]]] = {TokenCreated: _created, TokenRevoked: _revoked}


class StoredTokens:
    """The tokens of one store, with those that have expired or were revoked.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._reader = Reader(database)

    def get(self, token_id: str, /) -> ApiToken | None:
        """Return the token with this ID; ``None`` if there is none."""
        found = self._reader.all(select(tokens).where(tokens.c.id == token_id))
        return ApiToken(**found[0]._asdict()) if found else None

    def of(self, owner: str, /) -> Sequence[ApiToken]:
        """Return the tokens of this owner, the latest first."""
        return self._found(_LATEST_FIRST.where(tokens.c.owner == owner))

    def all(self) -> Sequence[ApiToken]:
        """Return all tokens, the latest first."""
        return self._found(_LATEST_FIRST)

    def _found(self, query: Select[Any]) -> list[ApiToken]:
        return [ApiToken(**row._asdict()) for row in self._reader.all(query)]
