"""What the engine needs of a store: a journal to write to, and records to read.

The journal survives a crash. Everything that the engine does is an event, written *before* and *after* each call of
another system, in the same transaction as the state that it changes.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

import attrs

from provisioner.core.api.events import Event
from provisioner.core.api.fencing import Lease
from provisioner.core.api.rules import MetDeadline
from provisioner.core.model import Account, Operation, Person, SessionsState, TargetState, Unit
from provisioner.core.model.unit_paths import UnitLookup


@attrs.frozen(kw_only=True)
class Closings:
    """How many accounts were recently closed or deleted, or are planned to be, without released operations."""

    accounts: int = 0
    #: How many of them were open and no longer are.
    gone: int = 0


class Journal(Protocol):
    """Stores events.

    It also manages the leases: :class:`~provisioner.core.api.events.OperationStarted` takes the account for this
    process, :class:`~provisioner.core.api.events.OperationEnded` frees it, and in between the journal renews the lease.
    If the process of a lease is known to have ended, or the lease has expired, another process can take it over.
    """

    def write(self, *events: Event) -> None:
        """Store the events and their changes in one transaction, and return when they are stored.

        Called from many threads at the same time; simultaneous calls can share a transaction.

        Raises:

            BusyError: The operation can't start, because another operation holds the account, or another process
                started the operation after it was read, or has taken up the message whose password it replaces.

            LeaseLostError: Another process holds the operation. None of these events was stored.

            StoreError: The store failed. None of these events was stored.
        """

    def lease(self, login: str, operation_id: str, /) -> Lease:
        """Return the lease of an operation that this process has started. Called once for each attempt of an
        operation.
        """


class Distribution(Protocol):
    """Hands operations that are in the journal to workers. Each of them takes an operation by its lease."""

    def hand_out(self, ids: Sequence[str], /) -> Collection[str]:
        """Hand operations out, unless that was done before, and return which.

        Raises:

            StoreError: The store failed.
        """

    def returned(self, ids: Collection[str], stop: threading.Event, /) -> Iterator[Sequence[str]]:
        """Yield the IDs of operations as soon as no worker has them, until all are yielded or the event is set.

        Raises:

            StoreError: The store failed.
        """


class Recorder(Protocol):
    """Stores events, then shows them to the observers. The store itself knows no observers."""

    def __call__(self, *events: Event) -> None:
        """Write events into the journal, and show each to the observers.

        Raises:

            BusyError: The operation can't start, because another operation holds the account.

            LeaseLostError: Another process holds the operation. None of these events was stored.

            StoreError: The store failed. None of these events was stored.
        """


class MessageCounts(Protocol):
    """Counts the messages of channels by the day, for all processes."""

    def take(self, channel: str, day: date, at_most: int, /) -> bool:
        """Count one more message, and return whether it is one of the first *at_most* of the day.

        If it isn't, it is not counted.
        """

    def give_back(self, channel: str, day: date, /) -> None:
        """Count one message less."""

    def sent(self, channel: str, day: date, /) -> int:
        """Return how many messages were counted."""


class UnitRecords(UnitLookup, Protocol):
    """Reads units."""

    def exist(self) -> bool:
        """Whether there is any unit."""

    def of_custodian(self, person_id: str, /) -> Sequence[Unit]:
        """Return the units whose custodian this person is."""


class PersonRecords(Protocol):
    """Reads persons."""

    def get_many(self, ids: Iterable[str], /) -> Mapping[str, Person]:
        """Return the persons with these ids, by id, as imported; a personnel system may know better."""


class TargetStateRecords(Protocol):
    """Reads what is known of accounts on targets."""

    def all_target_states(self, logins: Iterable[str], /) -> Mapping[str, Mapping[str, TargetState]]:
        """Return the states of these accounts on each target, by login and by the target's name."""


class AccountRecords(TargetStateRecords, Protocol):
    """Reads accounts."""

    def get_many(self, logins: Iterable[str], /) -> Mapping[str, Account]:
        """Return the accounts with these logins, by login. What does not exist is left out."""

    def of_units(self, codes: Iterable[str], /) -> Mapping[str, Account]:
        """Return the unit accounts of the units with these codes, by code."""

    def of_holder(self, person_id: str, /) -> Sequence[Account]:
        """Return the accounts that this person holds and that are not closed."""

    def target_states(self, login: str, /) -> Mapping[str, TargetState]:
        """Return the state of one account on each target, by the target's name."""

    def sessions(self, logins: Iterable[str], /) -> Mapping[str, Mapping[str, SessionsState]]:
        """Return whether sessions of these accounts are left, by login and by the target's name."""

    def deleted(self, logins: Iterable[str], /) -> Collection[str]:
        """Return those of these accounts that were deleted since they were closed."""


class OperationLookup(Protocol):
    """Looks up operations."""

    def get_many(self, ids: Iterable[str], /) -> Mapping[str, Operation]:
        """Return the operations with these ids, by id. What does not exist is left out."""


class OperationRecords(OperationLookup, Protocol):
    """Reads operations."""

    def unended(self, logins: Iterable[str], /) -> Mapping[str, Operation]:
        """Return the unfinished operation of each of these accounts, by login. There is at most one."""

    def unended_handovers(self, person_id: str, /) -> Sequence[Operation]:
        """Return the unfinished handovers from or to this person."""

    def resumable(self, now: datetime, /) -> Iterator[Operation]:
        """Yield resumable operations, oldest first.

        These are planned operations, unless they wait for something; running ones whose lease is free; and incomplete
        ones whose next attempt is due at *now*.
        """


class MarkRecords(Protocol):
    """Reads which deadlines were met."""

    def get_many(self, subjects: Iterable[str], /) -> Mapping[str, Sequence[MetDeadline]]:
        """Return the deadlines of these accounts or other subjects that were met, by subject."""


class HeldRunRecords(Protocol):
    """Reads runs that the mass-change limit holds."""

    def operations(self, run: str, /) -> Sequence[Operation]:
        """Return the operations of a held run that still wait, the oldest first."""


class HeldRecords(Protocol):
    """Reads what the mass-change limit holds."""

    @property
    def operations(self) -> OperationLookup:
        """The operations."""

    @property
    def held_runs(self) -> HeldRunRecords:
        """The held runs."""


class Records(Protocol):
    """Reads what is known, one attribute for each noun."""

    @property
    def units(self) -> UnitRecords:
        """The units."""

    @property
    def persons(self) -> PersonRecords:
        """The persons."""

    @property
    def accounts(self) -> AccountRecords:
        """The accounts."""

    @property
    def operations(self) -> OperationRecords:
        """The operations."""

    @property
    def held_runs(self) -> HeldRunRecords:
        """The held runs."""

    @property
    def marks(self) -> MarkRecords:
        """The deadlines that were met."""


class Census(Protocol):
    """Counts accounts."""

    def closed_since(self, since: datetime, /) -> Mapping[str, Closings]:
        """Return what was closed or deleted since then or is planned to be, by target and ``IN_TOTAL``."""

    def count_open(self, target: str, at_most: int, /) -> int:
        """Return how many accounts are open on a target, or ``IN_TOTAL``; counts at most *at_most*."""
