"""What the policy needs of a store, beside the records that a comparison reads: deadlines, and the time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import attrs

from provisioner.core.engine.clock import KnownTimes
from provisioner.core.model import Account, MessageState, NoticeDelivery, PasswordDelivery
from provisioner.core.model.routines import Routine
from provisioner.core.reconcile.ports import Inventory


@attrs.frozen(kw_only=True)
class ScheduleState:
    """Which rule sets the stored deadlines were computed with."""

    #: A fingerprint of these rule sets; empty if there were none.
    fingerprint: str = ""
    #: During a full recomputation, the last login processed; otherwise ``None``.
    cursor: str | None = None


class Schedule(Protocol):
    """Reads and writes deadlines."""

    def rule_sets_since(self) -> Mapping[str, datetime]:
        """Return since when each rule set holds, by its name."""

    def state(self) -> ScheduleState:
        """Return which rule sets the stored deadlines were computed with."""

    def due(self, now: datetime, /) -> Iterator[Account]:
        """Yield the accounts whose deadline has come, the most urgent first."""

    def still_due(self, logins: Iterable[str], now: datetime, /) -> Mapping[str, datetime]:
        """Return the deadlines of those of these accounts whose deadline has come, by login."""

    def due_by_holder(self, now: datetime, /) -> Iterator[tuple[str, str]]:
        """Yield the holder and the login of each account whose deadline has come, in their order."""

    def with_several(self, now: datetime, holders: Iterable[str], /) -> Collection[str]:
        """Return those of these persons who hold several accounts whose deadline has come."""

    def due_without_holder(self, now: datetime, /) -> Iterator[Sequence[Account]]:
        """Yield the accounts without a holder whose deadline has come, page by page."""

    def accounts_after(self, login: str, /) -> Iterator[Sequence[Account]]:
        """Yield all accounts whose logins come after this one, in the order of their logins, page by page."""

    def save(self, planned: Iterable[tuple[Account, Account]], /, *, reached: str | None = None) -> None:
        """Store the next deadline of each of these accounts, unless it was changed since it was read.

        With *reached*, also note that all deadlines up to that login are computed again.
        """

    def finish(self) -> None:
        """Note that all deadlines are computed."""


class ClockRecords(Protocol):
    """Remembers when the store was used."""

    def known_times(self) -> KnownTimes | None:
        """Return when the store was used; ``None`` if it never was."""

    def note(self, now: datetime, /) -> None:
        """Remember that the store was used now, whether anything was written or not."""


class RoutineRecords(Protocol):
    """Remembers when routines ran."""

    def begin(self, name: Routine, at: datetime, /) -> None:
        """Note that a run begins."""

    def end(self, name: Routine, at: datetime, /) -> None:
        """Note that the run has come to its end."""


class DeliveryRecords(Protocol):
    """Reads what became of messages with passwords."""

    def to_ask(self, now: datetime, /) -> Sequence[PasswordDelivery]:
        """Return messages about which their gateways can be asked now, the most urgent first."""

    def put_off(self, ids: Collection[str], next_ask_at: datetime, /) -> None:
        """Note when gateways are asked about these messages, about which they could not be asked now."""

    def note_asked(self, ids: Collection[str], next_ask_at: datetime, /) -> None:
        """Note that gateways were asked about these messages, and when they are asked again."""

    def reported(self) -> Sequence[tuple[PasswordDelivery, MessageState]]:
        """Return messages on whose parts more was reported than their states say, each with its new state."""

    def overdue(self, now: datetime, /) -> Sequence[PasswordDelivery]:
        """Return messages whose deadline has passed without a final report, the earliest first."""

    def undelivered(self) -> Sequence[PasswordDelivery]:
        """Return the messages that were not delivered and are the last ones of open accounts, by login."""


class NoticeRecords(Protocol):
    """Reads what became of notices."""

    def of_subjects(self, subjects: Iterable[str], /) -> Mapping[str, Sequence[NoticeDelivery]]:
        """Return the last notices about deadlines of these accounts or other subjects, by subject."""

    def to_repeat(self) -> Collection[str]:
        """Return the IDs of notices that were not delivered, are sent once more, and whose deadlines count as met."""


class Agenda(Inventory, Protocol):
    """What a sweep reads and writes."""

    @property
    def notices(self) -> NoticeRecords:
        """The notices."""

    @property
    def deliveries(self) -> DeliveryRecords:
        """The messages with passwords."""

    @property
    def schedule(self) -> Schedule:
        """The deadlines."""

    @property
    def clock(self) -> ClockRecords:
        """When the store was used."""

    @property
    def routines(self) -> RoutineRecords:
        """When sweeps ran."""
