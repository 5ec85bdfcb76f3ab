"""Where a store is."""

from __future__ import annotations

from pathlib import Path

import attrs

from provisioner.core.model.secret import Secret


@attrs.frozen
class StoreAddress:
    """Where a store is, and what is needed to open it."""

    #: For example ``sqlite:////var/lib/provisioner/store.db`` or ``postgresql://db.example.org/provisioner``.
    url: str
    #: The password of the role on the server, if the URL names a server that asks for one.
    password: Secret | None = attrs.field(default=None, kw_only=True)
    #: Where the files are that SQLite would have beside the database, if the URL names a server.
    folder: Path = attrs.field(factory=Path, kw_only=True)


def address_of(address: StoreAddress | str) -> StoreAddress:
    """Return the address of a URL, or the address itself."""
    return StoreAddress(address) if isinstance(address, str) else address
