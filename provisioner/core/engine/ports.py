"""What the engine needs of a store: a journal to write to, and records to read.

The journal is the memory that survives a crash. Everything the engine does is an event, written *before* and *after*
each call to another system, in the same transaction as the state that it changes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import attrs

from provisioner.core.api.events import Event
from provisioner.core.api.fencing import Lease
from provisioner.core.api.rules import MetDeadline
from provisioner.core.engine.clock import KnownTimes
from provisioner.core.model import Account, Operation, Person, TargetState, Unit


@attrs.frozen(kw_only=True)
class Schedule:
    """Which rule sets the stored deadlines were computed with."""

    #: A fingerprint of these rule sets; empty if there were none.
    fingerprint: str = ""
    #: During a full recomputation, the last login processed; otherwise ``None``.
    cursor: str | None = None


@attrs.frozen(kw_only=True)
class Shut:
    """What was closed or deleted lately, or is about to be, without what somebody has released."""

    accounts: int = 0
    #: How many of them were open and are not any more.
    gone: int = 0


class Journal(Protocol):
    """Takes events and makes them durable.

    It also keeps the leases: :class:`~provisioner.core.api.events.OperationStarted` takes the account for this
    process, :class:`~provisioner.core.api.events.OperationEnded` frees it, and in between the journal renews the lease
    by itself. A lease whose process is known to be gone, or that has run out, may be taken over.
    """

    def write(self, *events: Event) -> None:
        """Store the events and all they change, in one transaction, and return when they are durable.

        Called from many threads at once; those that arrive together may share a transaction.

        Raises:

            BusyError: The operation cannot start, because somebody else holds the account, or began the operation
                after it was read.

            LeaseLostError: The operation is no longer ours. Nothing of these events was stored.

            StoreError: The store failed. Nothing of these events was stored.
        """

    def lease(self, login: str, operation_id: str, /) -> Lease:
        """Return the lease of an operation that this process has begun. Called once for each try of an operation."""


class Recorder(Protocol):
    """Makes events durable, then shows them to the observers. The store alone does not: it knows no observers."""

    def __call__(self, *events: Event) -> None:
        """Write events into the journal, and show each to the observers.

        Raises:

            BusyError: The operation cannot start, because somebody else holds the account.

            LeaseLostError: The operation is no longer ours. Nothing of these events was stored.

            StoreError: The store failed. Nothing of these events was stored.
        """


class Records(Protocol):
    """Reads what is known. The mappings leave out what does not exist."""

    def units(self, codes: Iterable[str], /) -> Mapping[str, Unit]:
        """Return the units with these codes."""

    def persons(self, ids: Iterable[str], /) -> Mapping[str, Person]:
        """Return the persons with these ids, as imported; a personnel system may know better."""

    def accounts(self, logins: Iterable[str], /) -> Mapping[str, Account]:
        """Return the accounts with these logins."""

    def unit_accounts(self, codes: Iterable[str], /) -> Mapping[str, Account]:
        """Return the unit accounts of the units with these codes, by code."""

    def target_states(self, login: str, /) -> Mapping[str, TargetState]:
        """Return what is known of one account on each target, by the target's name."""

    def all_target_states(self, logins: Iterable[str], /) -> Mapping[str, Mapping[str, TargetState]]:
        """Return what is known of these accounts on each target, by login and by the target's name."""

    def unended(self, logins: Iterable[str], /) -> Mapping[str, Operation]:
        """Return the operation of each of these accounts that has not ended, by login. There is at most one."""

    def deleted(self, logins: Iterable[str], /) -> Collection[str]:
        """Return those of these accounts that were deleted since they were closed."""

    def resumable(self, now: datetime, /) -> Iterator[Operation]:
        """Yield resumable operations, oldest first.

        These are the planned ones, unless they wait for something, the running ones whose lease is free to take, and
        the incomplete ones whose next try is due at *now*.
        """

    def marks(self, subjects: Iterable[str], /) -> Mapping[str, Sequence[MetDeadline]]:
        """Return which deadlines of these accounts or other subjects were met, by subject."""

    def accounts_of_holder(self, person_id: str, /) -> Sequence[Account]:
        """Return the accounts that this person holds and that are not closed."""

    def units_of_custodian(self, person_id: str, /) -> Sequence[Unit]:
        """Return the units whose custodian this person is."""

    def unended_handovers(self, person_id: str, /) -> Sequence[Operation]:
        """Return the handovers from or to this person that were begun and have not ended."""


class Agenda(Records, Protocol):
    """Reads and writes deadlines: what a sweep needs."""

    def known_times(self) -> KnownTimes | None:
        """Return when the store was used; ``None`` if it never was."""

    def note_time(self, now: datetime, /) -> None:
        """Remember that the store was used now, whether anything was written or not."""

    def rule_sets_since(self) -> Mapping[str, datetime]:
        """Return since when each rule set holds, by its name."""

    def schedule(self) -> Schedule:
        """Return which rule sets the stored deadlines were computed with."""

    def due_accounts(self, now: datetime, /) -> Iterator[Account]:
        """Yield the accounts whose deadline has come, the most urgent first."""

    def accounts_after(self, login: str, /) -> Iterator[Sequence[Account]]:
        """Yield all accounts whose logins come after this one, in the order of their logins, page by page."""

    def save_deadlines(self, planned: Iterable[Account], /, *, reached: str | None = None) -> None:
        """Store the next deadline of each of these accounts, unless it was changed since it was read.

        With *reached*, also note that all deadlines up to that login are computed anew.
        """

    def end_rescheduling(self) -> None:
        """Note that all deadlines are computed."""


class Census(Protocol):
    """Counts accounts."""

    def shut_since(self, since: datetime, /) -> Mapping[str, Shut]:
        """Return what was closed or deleted since then or is about to be, by target and ``IN_TOTAL``."""

    def count_open(self, target: str, at_most: int, /) -> int:
        """Return how many accounts are open on a target, or ``IN_TOTAL``; no more than *at_most* are counted."""

    def all_target_states(self, logins: Iterable[str], /) -> Mapping[str, Mapping[str, TargetState]]:
        """Return what is known of these accounts on each target, by login and by the target's name."""


class Held(Protocol):
    """Reads what is held back."""

    def operations(self, ids: Iterable[str], /) -> Mapping[str, Operation]:
        """Return the operations with these ids."""

    def staged_operations(self, run: str, /) -> Sequence[Operation]:
        """Return the operations that still wait of a run that was held back, the oldest first."""
