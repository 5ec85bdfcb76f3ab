"""Moves the store from SQLite to PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path

import attrs

from provisioner.config.load import LoadedConfiguration
from provisioner.core.api.errors import InputError, Problem
from provisioner.core.api.events import StoreMoved
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.roles import Role
from provisioner.core.model.text import Text
from provisioner.services.parts import Clock, store_address
from provisioner.store import Store
from provisioner.store.audit.chain import Head
from provisioner.store.db.opening import database_at

#: Passes on the names of tables, and may look at them.
Watch = Callable[[Sequence[str]], Iterable[str]]


@attrs.frozen(kw_only=True)
class MovedStore:
    """A store that is on PostgreSQL now, or could be."""

    #: The names of both databases in messages.
    source: str
    destination: str
    #: How many rows were copied; none if an earlier command had copied them.
    rows: int
    #: Where the audit log ends in both.
    head: Head


@attrs.frozen(kw_only=True)
class StoreMoves:
    """Moves a store. No plug-in is needed.

    Args:

        store: The store.

        config: Its configuration.

        authority: Knows who is an administrator.

        now: The clock.
    """

    store: Store
    config: LoadedConfiguration
    authority: Authority
    now: Clock

    def move(
        self,
        url: str,
        *,
        password: str = "",
        folder: Path | None = None,
        actor: str,
        dry_run: bool = False,
        watch: Watch = iter,
    ) -> MovedStore:
        """Copy everything to a database without a store, and let nobody use this store any more.

        The audit log is copied as it is and verified on both sides. Its last entry is the move.

        Args:

            url: The database, as ``store`` in the configuration will name it.

            password: A secret reference, as ``store_password`` will have it.

            folder: The folder of the key file, as ``store_folder`` will name it; by default, that of the configuration.

            actor: Who wants it.

            dry_run: Do the same, and undo it in the end.

            watch: Passes on the names of the tables that are copied, for example past a progress bar.

        Raises:

            ConfigurationError: The URL has a password.

            DeniedError: The actor is not an administrator.

            InputError: The store is not on SQLite, or the URL is not one of PostgreSQL.

            StoreError: The store cannot be moved, and nothing was changed.
        """
        self.authority.require(actor, {Role.ADMINISTRATOR})
        if self.config.store_path is None and not self.config.store_url.startswith("sqlite:"):
            raise _problem("store", Text("only a store on SQLite can be moved"))
        if not url.startswith("postgresql:"):
            raise _problem("URL", Text("write it as 'postgresql://ROLE@HOST/DATABASE'"))
        content = attrs.evolve(self.config.content, store=url, store_password=password, store_folder=folder)
        config = attrs.evolve(self.config, content=content)
        with closing(database_at(store_address(config))) as destination:
            event = StoreMoved(at=self.now(), actor=actor, destination=destination.place)
            move = self.store.move_into(destination, event, rehearsal=dry_run, watch=watch)
            return MovedStore(source=self.store.place, destination=destination.place, rows=move.rows, head=move.head)


def _problem(field: str, message: Text) -> InputError:
    return InputError([Problem(field=field, message=message)])
