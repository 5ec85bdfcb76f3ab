"""Sends the audit log to a collector as it grows, and goes on where the collector was known to have read it.

Entries are sent in batches. A batch is confirmed when the collector has read all of it and has gone on running for a
while (:data:`SETTLE`), in which it writes what it has read to its disk: the next connection is opened before that of
the batch is closed, so the end of the collector's process would end the next connection. Only then is the place
stored. After a broken connection or a crash, everything after the stored place is sent again. So an entry may arrive
more than once, and its place and hash tell that it is the same.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice

import attrs
import tenacity

from provisioner.audit.collector import Collector, CollectorConnection
from provisioner.core.api.errors import UnavailableError
from provisioner.store.audit.chain import Head
from provisioner.store.audit.reader import AuditLogReader
from provisioner.store.audit.verification import ChainEntry, ChainFinding, ChainVerifier
from provisioner.store.collectors import CollectorPlace, StoredCollectors

#: The entries that are confirmed together at most, and sent again if they are not.
BATCH = 10_000

#: For how many seconds a collector must go on running after it has read a batch.
SETTLE = 5.0

#: The seconds between two looks for new entries, or at a connection.
POLL = 1.0

#: The bytes that are handed to a connection at once.
_CHUNK = 65_536

#: The longest wait between two attempts to reach a collector, in seconds.
_LONGEST_WAIT = 60.0

#: For how many seconds a collector is tried when the program should end.
_ONCE = 20.0

#: Makes one message of an entry and the hash before it.
Message = Callable[[ChainEntry, str], bytes]


@attrs.frozen(kw_only=True)
class Connected:
    """There is a connection; what comes after the place is sent."""

    place: Head


@attrs.frozen(kw_only=True)
class Confirmed:
    """The collector has read everything up to a place."""

    place: Head
    #: How many entries that were since the place before.
    count: int


@attrs.frozen(kw_only=True)
class Lost:
    """There is no connection. What was sent after the place is sent again."""

    place: Head
    error: UnavailableError


#: What happens on the way.
Progress = Connected | Confirmed | Lost


@attrs.define(eq=False, kw_only=True)
class Follower:
    """Sends the audit log of one store to one collector.

    Args:

        collector: Where it is sent.

        audit_log: The audit log.

        places: Remember how far each collector has it.

        message: Makes the messages.

        now: The clock.

        stop: Ends it when it is set, after what was sent is confirmed.

        tell: Is told what happens.

        settle: For how many seconds the collector must go on running after it has read a batch.
    """

    _collector: Collector
    _audit_log: AuditLogReader
    _places: StoredCollectors
    _message: Message
    _now: Callable[[], datetime]
    _stop: threading.Event
    _tell: Callable[[Progress], None]
    _settle: float = SETTLE

    def place(self) -> Head:
        """Return the last entry that the collector is known to have read."""
        found = self._places.find(self._collector.address)
        return found.head if found else Head()

    def follow(self, *, once: bool) -> ChainFinding | None:
        """Send until it is stopped, or until the audit log is not as it was written; return what is wrong with it.

        Args:

            once: End when all is confirmed that is in the audit log now.

        Raises:

            MisconfiguredError: The collector can never be reached with these settings.

            UnavailableError: With *once*, the collector cannot be reached now.

            StoreError: The store failed.
        """
        head = self._audit_log.head() if once else None
        until = head.seq if head else None
        retrying = self._retrying(once=once)
        while True:
            for attempt in retrying:
                with attempt:
                    finding, goes_on = self._session(until)
                    if not goes_on:
                        return finding

    def _session(self, until: int | None) -> tuple[ChainFinding | None, bool]:
        """Send over one connection after the other; return what is wrong with the audit log, and whether to go on.

        A connection that breaks after something was confirmed is followed by the next at once.
        """
        begun_at = self.place()
        try:
            return self._send_all(until), False
        except UnavailableError as error:
            place = self.place()
            self._tell(Lost(place=place, error=error))
            if self._stop.is_set() and until is None:
                return None, False
            if place == begun_at:
                raise
            return None, True

    def _send_all(self, until: int | None) -> ChainFinding | None:
        link, place = self._collector.connect(), self.place()
        try:
            self._tell(Connected(place=place))
            while not self._stop.is_set() and (until is None or place.seq < until):
                batch = _Batch(self._audit_log.after(place.seq, place.hash if place.seq else None), self._message)
                for chunk in batch:
                    link.send(chunk)
                if batch.place != place:
                    link = self._confirm(link, place, batch.place)
                    place = batch.place
                if batch.finding:
                    return batch.finding
                if not batch.is_full:
                    self._stop.wait(POLL)
                    link.expect_open()
        finally:
            link.close()
        return None

    def _confirm(self, link: CollectorConnection, former: Head, place: Head) -> CollectorConnection:
        """Store a place once everything up to it was read; return the connection that goes on."""
        following = self._collector.connect()
        try:
            link.finish()
            self._watch(following)
            address = self._collector.address
            self._places.save(CollectorPlace(collector=address, seq=place.seq, hash=place.hash, at=self._now()))
        except BaseException:
            following.close()
            raise
        self._tell(Confirmed(place=place, count=place.seq - former.seq))
        return following

    def _watch(self, link: CollectorConnection) -> None:
        """Check that a connection stays open for a while."""
        deadline = time.monotonic() + self._settle
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(min(POLL, left))
            link.expect_open()

    def _retrying(self, *, once: bool) -> tenacity.Retrying:
        end = (
            tenacity.stop_after_delay(_ONCE) | tenacity.stop_when_event_set(self._stop) if once else tenacity.stop_never
        )
        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(UnavailableError),
            wait=tenacity.wait_random_exponential(multiplier=1, max=_LONGEST_WAIT),
            stop=end,
            sleep=tenacity.sleep_using_event(self._stop),
            reraise=True,
        )


class _Batch:
    """The messages of the entries that come next, in pieces of some size.

    Args:

        verifier: Reads and verifies the entries.

        message: Makes the messages.
    """

    def __init__(self, verifier: ChainVerifier, message: Message) -> None:
        self._verifier = verifier
        self._message = message
        #: The last entry that was sent.
        self.place = Head(seq=verifier.head.seq, hash=verifier.head.hash)
        #: Whether more may follow at once.
        self.is_full = False

    @property
    def finding(self) -> ChainFinding | None:
        """What is wrong with the audit log after the last entry that was sent."""
        return self._verifier.finding

    def __iter__(self) -> Iterator[bytes]:
        return _chunks(self._messages())

    def _messages(self) -> Iterator[bytes]:
        begun_at = self.place.seq
        for entry in islice(self._verifier, BATCH):
            yield self._message(entry, self.place.hash)
            self.place = Head(seq=entry.seq, hash=entry.hash)
        self.is_full = self.place.seq - begun_at == BATCH


def _chunks(messages: Iterable[bytes]) -> Iterator[bytes]:
    chunk = bytearray()
    for message in messages:
        chunk += message
        if len(chunk) >= _CHUNK:
            yield bytes(chunk)
            chunk.clear()
    if chunk:
        yield bytes(chunk)
