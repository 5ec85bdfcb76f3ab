"""Where a store is."""

from __future__ import annotations

from pathlib import Path

import attrs

from provisioner.config.early import configuration_file
from provisioner.core.model.secret import Secret


def default_folder() -> Path:
    """Return the folder of the configuration that commands use by default, as an absolute path.

    It is that of the file in ``$PROVISIONER_CONFIG``, or else the current folder.
    """
    return Path(configuration_file(None)).absolute().parent


@attrs.frozen
class StoreAddress:
    """Where a store is, and what is needed to open it."""

    #: For example ``sqlite:////var/lib/provisioner/store.db`` or ``postgresql://db.example.org/provisioner``.
    url: str
    #: The password of the role on the server, if the URL names a server that asks for one.
    password: Secret | None = attrs.field(default=None, kw_only=True)
    #: Where the files are that SQLite would have beside the database, if the URL names a server. By default, the folder
    #: of :func:`default_folder`, and so not of a later current folder.
    folder: Path = attrs.field(factory=default_folder, kw_only=True)


def address_of(address: StoreAddress | str) -> StoreAddress:
    """Return the address of a URL, or the address itself."""
    return StoreAddress(address) if isinstance(address, str) else address
