"""Group commit: what arrives while a transaction is under way shares the next one.

Syncing a disk costs the same for one event as for a hundred. One thread therefore writes for all others. A lone caller
is served at once. While many call, groups form by themselves as long as the disk is busy, and are given a moment to
grow (PostgreSQL does likewise, with ``commit_delay`` and ``commit_siblings``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue

import attrs
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from provisioner.core.api.errors import BusyError, LeaseLostError, StoreError
from provisioner.core.api.events import Event, OperationEvent, OperationPlanned
from provisioner.core.api.kinds import KINDS
from provisioner.core.api.logs import Logger
from provisioner.core.model import Operation, OperationState
from provisioner.store.audit.canonical import canonical
from provisioner.store.audit.chain import AuditLogWriter
from provisioner.store.audit.continuity import Continuity
from provisioner.store.db.ports import JournalDatabase, Transaction
from provisioner.store.journal.apply import Batch
from provisioner.store.journal.clock import Times
from provisioner.store.journal.leases import AccountSnapshots, Hold, Leases

log = Logger(__name__)


#: The seconds that a group is given to grow if the one before it was no lone caller.
DELAY = 0.002


def _held_lock() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


@attrs.define(eq=False)
class _Submission:
    """The events of one call, and the place where its caller waits."""

    events: Sequence[Event]
    #: The same events as canonical JSON.
    bodies: Sequence[str]
    _failure: Exception | None = attrs.field(default=None, init=False)
    #: Free when there is an answer. Nothing is cheaper to wait for, and there are a dozen waits to an operation.
    _answered: threading.Lock = attrs.field(factory=_held_lock, init=False)

    @property
    def logins(self) -> set[str]:
        return {event.login for event in self.events if isinstance(event, OperationEvent)}

    def answer(self, failure: Exception | None) -> None:
        """Let the caller go on: the events are durable, or there is a *failure* and nothing of them was stored."""
        self._failure = failure
        self._answered.release()

    def wait(self) -> None:
        """Wait for the answer, and raise what it says."""
        self._answered.acquire()
        if self._failure:
            raise self._failure


#: Why a submission was refused; ``None`` if it was stored.
_Answer = BusyError | LeaseLostError | None


@attrs.define(eq=False)
class Writer:
    """Stores events, for any number of threads."""

    _database: JournalDatabase
    _leases: Leases
    _continuity: Continuity
    #: Is given the operations that may be carried out when the transaction is committed.
    hand_out: Callable[[Transaction, Sequence[str]], None] = lambda *_: None
    _times: Times = attrs.field(factory=Times, init=False)
    _queue: SimpleQueue[_Submission | None] = attrs.field(factory=SimpleQueue, init=False)
    _thread: threading.Thread | None = attrs.field(default=None, init=False)
    _closed: bool = attrs.field(default=False, init=False)
    #: How many submissions the last group had.
    _company: int = attrs.field(default=0, init=False)
    #: Held while a submission is handed over, so that none comes after the end.
    _door: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def write(self, events: Sequence[Event]) -> None:
        """Store the events, and return when they are durable.

        Raises:

            BusyError: The operation cannot start.

            LeaseLostError: The operation is no longer ours.

            StoreError: The store failed, or was closed.
        """
        submission = _Submission(events, [canonical(event) for event in events])
        with self._door:
            if self._closed:
                raise StoreError("the store is closed")
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
                self._thread.start()
            self._queue.put(submission)
        submission.wait()

    def close(self) -> None:
        """Store what was handed over, give up the leases, and end the thread."""
        with self._door:
            self._closed = True
            self._queue.put(None)
        if self._thread:
            self._thread.join()

    def _run(self) -> None:
        group: list[_Submission | None] = []
        while None not in group:
            group = self._next_group()
            self._commit([submission for submission in group if submission])
        self._in_spare_time(self._leases.release)
        self._leases.keep({})  # also if they could not be released: nothing is sent any more

    def _next_group(self) -> list[_Submission | None]:
        """Wait for a submission, or for leases to renew, and take all that is there."""
        group = []
        with suppress(Empty):
            group.append(self._queue.get(timeout=self._leases.seconds_to_renewal()))
            if self._company > 1:
                time.sleep(DELAY)
            while True:
                group.append(self._queue.get_nowait())
        self._company = len(group)
        return group

    def _commit(self, group: Sequence[_Submission]) -> None:
        """Store a group in one transaction, or find the submission that spoils it."""
        if not group:
            self._in_spare_time(self._leases.renew)
            return
        try:
            answers = self._store(group)
        except (OperationalError, StoreError) as error:  # the disk, a lock, the file: the same for all
            failure = error if isinstance(error, StoreError) else self._database.failure(error)
            for submission in group:
                submission.answer(failure)
        except Exception as error:
            if len(group) > 1:
                for submission in group:
                    self._commit([submission])
            else:
                group[0].answer(self._database.failure(error) if isinstance(error, SQLAlchemyError) else error)
        else:
            for submission, answer in zip(group, answers, strict=True):
                submission.answer(answer)

    def _in_spare_time(self, tend: Callable[[Transaction], Mapping[str, Hold]]) -> None:
        """Look after the leases when there is nothing else to do. If that fails, they run out, and that is all."""
        if self._leases.seconds_to_renewal() is None:
            return
        try:
            with self._database.transaction() as transaction:
                held = tend(transaction)
            self._leases.keep(held)
        except (SQLAlchemyError, StoreError) as error:
            failure = error if isinstance(error, StoreError) else self._database.failure(error)
            log.warning("leases_not_kept", reason=str(failure))

    def _store(self, group: Sequence[_Submission]) -> list[_Answer]:
        logins = set().union(*(submission.logins for submission in group))
        with self._database.transaction() as transaction:
            audit_log = AuditLogWriter(transaction)
            self._continuity.expect(transaction, audit_log.head)
            snapshots = self._leases.read(transaction, logins)
            batch = Batch(transaction, owner=snapshots.owner, expires_at=snapshots.expires_at)
            answers = [_refusal(snapshots, submission.events) for submission in group]
            admitted = [submission for submission, answer in zip(group, answers, strict=True) if answer is None]
            for submission in admitted:
                for event, body in zip(submission.events, submission.bodies, strict=True):
                    batch.add(event)
                    audit_log.add(event, body)
            if batch.latest_at:
                self._times.note(transaction, batch.latest_at)
            batch.store()
            audit_log.store()
            self.hand_out(transaction, [name for submission in admitted for name in _ready(submission.events)])
            renewed = self._leases.renew(transaction)
        self._leases.note(snapshots, logins, renewed)
        self._continuity.reached(audit_log.head)
        return answers


def _refusal(snapshots: AccountSnapshots, events: Sequence[Event]) -> _Answer:
    """Return why these events can't be stored; ``None`` if they can."""
    try:
        snapshots.admit(events)
    except (BusyError, LeaseLostError) as error:
        return error
    return None


def _ready(events: Iterable[Event]) -> Iterator[str]:
    """Yield the IDs of operations that are planned and can begin."""
    for event in events:
        if isinstance(event, OperationPlanned) and _may_begin(event.operation):
            yield event.operation_id


def _may_begin(operation: Operation) -> bool:
    """Whether an operation waits for nothing. Closures wait until the mass-change limit was compared once more."""
    return operation.state is OperationState.PLANNED and not operation.next_try_at and not KINDS[operation.kind].closes
