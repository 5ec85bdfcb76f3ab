"""What a comparison needs of a store, beside the records that the engine reads."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import attrs

from provisioner.core.engine.ports import Records
from provisioner.core.model import Account


@attrs.frozen(kw_only=True)
class LastSeen:
    """An account that a target listed."""

    login: str
    #: When it was listed, in UTC.
    at: datetime
    #: The comparison that saw it.
    run: str
    #: The target's name of the account.
    reference: str | None = None


class LastSeenRecords(Protocol):
    """Remembers when each known account was last listed by each target."""

    def note(self, target: str, seen: Sequence[LastSeen], /) -> Mapping[str, LastSeen]:
        """Store when these accounts were seen, and return what the same comparison noted of them before, by login.

        Raises:

            StoreError: The store failed. Nothing was stored.
        """

    def unseen(self, target: str, since: datetime, /) -> Iterator[Account]:
        """Yield the open accounts that this target hasn't listed since then, by login."""

    def at_work(self, logins: Collection[str], since: datetime, /) -> Collection[str]:
        """Return those of these accounts of which an operation has not ended, or has ended since then."""


class Inventory(Records, Protocol):
    """What a comparison reads and writes."""

    @property
    def last_seen(self) -> LastSeenRecords:
        """When accounts were last listed."""
