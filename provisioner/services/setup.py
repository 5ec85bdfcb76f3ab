"""Makes the store of a configuration."""

from __future__ import annotations

from contextlib import closing

import attrs

from provisioner.config.load import LoadedConfiguration
from provisioner.services.parts import store_address
from provisioner.store import Store
from provisioner.store.db.opening import database_at


@attrs.frozen
class PreparedStore:
    """A store that can be opened."""

    #: Where it is.
    place: str
    is_new: bool = attrs.field(kw_only=True)


def prepare_store(config: LoadedConfiguration) -> PreparedStore:
    """Create the store of a configuration, or bring it up to date.

    Args:

        config: The configuration.

    Raises:

        StoreError: The store cannot be created or written.
    """
    address = store_address(config)
    with closing(database_at(address)) as database:
        is_new, place = not database.exists, database.place
    if is_new:
        Store.create(address).close()
    else:
        Store.migrate(address)
    if config.content.worker.distribute:
        with Store.open(address) as store:
            store.queue().prepare()
    return PreparedStore(place, is_new=is_new)
