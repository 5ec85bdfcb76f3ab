"""Sends the audit log to log collectors as it grows, and compares what they have of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

import attrs

from provisioner.audit.collector import Collector
from provisioner.audit.follower import SETTLE, Confirmed, Connected, Follower, Lost, Progress
from provisioner.audit.framing import Framing
from provisioner.audit.received import Gap, ReceivedComparison, compare
from provisioner.audit.syslog import DOCUMENTATION_NUMBER, Syslog
from provisioner.core.api.errors import InputError, Problem
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.roles import Role
from provisioner.core.model.text import Text
from provisioner.services.parts import Clock
from provisioner.store import Store
from provisioner.store.audit.chain import Head
from provisioner.store.audit.verification import ChainFinding
from provisioner.store.collectors import CollectorPlace

__all__ = [
    "DOCUMENTATION_NUMBER",
    "RSYSLOG_SIZE",
    "SETTLE",
    "ChainFinding",
    "Collector",
    "CollectorState",
    "Collectors",
    "Confirmed",
    "Connected",
    "Framing",
    "Gap",
    "Head",
    "Lost",
    "Progress",
    "ReceivedComparison",
    "Syslog",
    "collector_states",
]

#: The longest message that rsyslog takes if nothing else is configured, in bytes. It splits longer ones.
RSYSLOG_SIZE = 8096


@attrs.frozen(kw_only=True)
class CollectorState:
    """How much of the audit log a collector has."""

    #: The last entry that it is known to have read.
    place: CollectorPlace
    #: How many entries come after that.
    behind: int
    #: When the first of them was written, in UTC; ``None`` if there is none.
    since: datetime | None


@attrs.frozen(kw_only=True)
class Collectors:
    """The collectors of the audit log of a store, for auditors. No plug-in is needed.

    Args:

        store: Has the audit log.

        authority: Knows who is an auditor.

        now: The clock.
    """

    store: Store
    authority: Authority
    now: Clock

    def follow(
        self,
        collector: Collector,
        *,
        viewer: str,
        syslog: Syslog,
        stop: threading.Event,
        tell: Callable[[Progress], None],
        once: bool = False,
        settle: float = SETTLE,
    ) -> ChainFinding | None:
        """Send the audit log to a collector as it grows; return what is wrong with it, if that ended it.

        Entries that the collector may not have read are sent again.

        Args:

            collector: Where it is sent.

            viewer: Who sends it.

            syslog: Makes the messages.

            stop: Ends it when it is set.

            tell: Is told what happens.

            once: End when all is sent that is in the audit log now.

            settle: For how many seconds the collector must go on running before what it read is believed to be stored.

        Raises:

            DeniedError: The viewer is not an auditor.

            MisconfiguredError: The collector can never be reached with these settings.

            UnavailableError: With *once*, the collector cannot be reached now.
        """
        self._require(viewer)
        return Follower(
            collector=collector,
            audit_log=self.store.audit_log,
            places=self.store.collectors,
            message=syslog.message,
            now=self.now,
            stop=stop,
            tell=tell,
            settle=settle,
        ).follow(once=once)

    def compare(
        self, files: Sequence[Path], *, viewer: str, after: Head | None = None, collector: str | None = None
    ) -> ReceivedComparison:
        """Compare what a collector has stored with the audit log.

        Args:

            files: The files of the collector.

            viewer: Who compares.

            after: Only what comes after this entry. If it has a hash, the entry is verified too.

            collector: The address of a collector; only what it is known to have read is compared.

        Raises:

            DeniedError: The viewer is not an auditor.

            InputError: A file cannot be read, or nothing was sent to the collector.
        """
        self._require(viewer)
        start = after or Head(seq=0, hash="")
        head = self.store.audit_log.head() or Head()
        end = self._place(collector).seq if collector else head.seq
        return compare(files, self.store.audit_log.after(start.seq, start.hash or None), end)

    def all(self, *, viewer: str) -> Sequence[CollectorState]:
        """Return how much of the audit log each collector has.

        Args:

            viewer: Who wants to know.

        Raises:

            DeniedError: The viewer is not an auditor.
        """
        self._require(viewer)
        return collector_states(self.store)

    def forget(self, collector: str, *, viewer: str) -> None:
        """Forget a collector. If the audit log is sent to it again, it is sent from the first entry on.

        Args:

            collector: Its address.

            viewer: Who forgets it.

        Raises:

            DeniedError: The viewer is not an auditor.

            InputError: Nothing was sent to it.
        """
        self._require(viewer)
        self._place(collector)
        self.store.collectors.forget(collector)

    def _require(self, viewer: str) -> None:
        self.authority.require(viewer, {Role.AUDITOR})

    def _place(self, collector: str) -> CollectorPlace:
        place = self.store.collectors.find(collector)
        if place is None:
            message = Text("no entry is confirmed by {collector}", {"collector": collector})
            raise InputError([Problem(field="collector", message=message)])
        return place


def collector_states(store: Store) -> Sequence[CollectorState]:
    """Return how much of the audit log of a store each collector has, by their addresses."""
    head = store.audit_log.head() or Head()
    return [_state(store, place, head) for place in store.collectors.all()]


def _state(store: Store, place: CollectorPlace, head: Head) -> CollectorState:
    waiting = next(store.audit_log.entries(after=place.seq), None)
    return CollectorState(place=place, behind=max(head.seq - place.seq, 0), since=waiting.at if waiting else None)
