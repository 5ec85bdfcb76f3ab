"""What a comparison needs of a store, beside the records that the engine reads."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import attrs

from provisioner.core.engine.ports import Records
from provisioner.core.model import Account
from provisioner.core.model.differences import DifferenceKind

#: After this time, an account that nothing has shown on a target counts as not seen.
LONGEST_UNSEEN = timedelta(days=30)


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

    def not_seen(self, target: str, since: datetime, until: datetime, /) -> Iterator[Account]:
        """Yield the open and closed accounts that nothing has shown on this target in this time, by login.

        A list, a verification, or the proof of an operation shows an account.
        """

    def at_work(self, logins: Collection[str], since: datetime, /) -> Collection[str]:
        """Return those of these accounts of which an operation has not ended, or has ended since then."""


@attrs.frozen(kw_only=True)
class LastAnswer:
    """What a target answered when it was asked about one account."""

    login: str
    #: When it answered, in UTC.
    at: datetime
    #: How the account differed, if it did.
    difference: DifferenceKind | None = None


class VerificationRecords(Protocol):
    """Remembers the last answer of each target about each account."""

    def note(self, target: str, verifications: Sequence[LastAnswer], /) -> None:
        """Store these answers.

        Raises:

            StoreError: The store failed. Nothing was stored.
        """

    def times(self, target: str, logins: Collection[str], /) -> Mapping[str, datetime]:
        """Return when this target last answered about these accounts, by login."""


class Inventory(Records, Protocol):
    """What a comparison reads and writes."""

    @property
    def last_seen(self) -> LastSeenRecords:
        """When accounts were last listed."""

    @property
    def verifications(self) -> VerificationRecords:
        """What targets answered about single accounts."""
