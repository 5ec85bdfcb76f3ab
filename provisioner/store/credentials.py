"""For which targets the secret of the product's own account is being replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, select, update

from provisioner.core.api.events import Event
from provisioner.core.gateways.credentials import (
    CredentialProved,
    CredentialRotated,
    CredentialRotation,
    CredentialRotationBegan,
)
from provisioner.store.db.database import Database
from provisioner.store.db.reader import Reader
from provisioner.store.db.rows import Change, as_row, put
from provisioner.store.db.tables import credential_rotations

_THIS_TARGET = credential_rotations.c.target == bindparam("this")
_BEGIN = put(credential_rotations)
_PROVE = update(credential_rotations).where(_THIS_TARGET).values(proved_at=bindparam("at"))
_END = delete(credential_rotations).where(_THIS_TARGET)


def _began(event: CredentialRotationBegan) -> Iterable[Change]:
    yield _BEGIN, as_row(CredentialRotation(target=event.target, began_at=event.at, actor=event.actor))


def _proved(event: CredentialProved) -> Iterable[Change]:
    yield _PROVE, {"this": event.target, "at": event.at}


def _rotated(event: CredentialRotated) -> Iterable[Change]:
    yield _END, {"this": event.target}


CHANGES: Mapping[type[Event], Callable[[Any], Iterable[Change]]] = {
    CredentialRotationBegan: _began,
    CredentialProved: _proved,
    CredentialRotated: _rotated,
}


class StoredCredentialRotations:
    """The unfinished rotations of one store.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._reader = Reader(database)

    def get(self, target: str) -> CredentialRotation | None:
        """Return the unfinished rotation of a target; ``None`` if there is none."""
        return next((rotation for rotation in self.all() if rotation.target == target), None)

    def all(self) -> Sequence[CredentialRotation]:
        """Return the unfinished rotations, by target."""
        rows = self._reader.all(select(credential_rotations).order_by(credential_rotations.c.target))
        return [CredentialRotation(**row._asdict()) for row in rows]
