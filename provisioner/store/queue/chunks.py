"""Chunks of operations, which any worker may take from a queue.

A chunk is a job of procrastinate with the IDs of some 200 operations, and nothing else. The queue is only a hint about
who could do what: the operations, their leases and their next tries are in the tables of the store. A worker takes each
operation of its chunk by its lease, so a chunk that is taken twice does no harm, and the operations of a chunk that is
lost are handed out again by the next look for due operations.

The tables of procrastinate are in a schema of their own, which ``provisioner init`` replaces for another version.
Jobs have no lock and no priority: procrastinate is slow with the first, and fails with both. After a batch, the table
is analyzed in the same transaction, because connections that were idle would otherwise keep a plan for no rows.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import attrs

from provisioner.core.api.errors import StoreError
from provisioner.store.db.chunks import chunks
from provisioner.store.db.database import Database
from provisioner.store.db.ports import Transaction
from provisioner.store.db.transaction import DriverTransaction

if TYPE_CHECKING:
    import procrastinate

#: The schema of PostgreSQL that has procrastinate's tables.
SCHEMA = "provisioner_queue"

#: The name of the jobs, and that of their queue.
TASK, QUEUE = "carry_out", "operations"

#: How many operations a worker takes at once. Each job costs a few transactions, and the last one keeps others waiting.
CHUNK = 200

#: How often a run looks whether its operations were carried out, in seconds.
INTERVAL = 0.2

#: Lets a session find the tables of the queue, with plans that are made for the rows that are there. PgBouncer takes no
#: such settings when a connection is opened.
SESSION = f"SET search_path = {SCHEMA}; SET plan_cache_mode = force_custom_plan"

_SEARCH_PATH = f"SELECT set_config('search_path', '{SCHEMA}, ' || current_setting('search_path'), true)"
_VERSION = f"SELECT obj_description(to_regnamespace('{SCHEMA}'), 'pg_namespace')"
_MAKE = f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}; SET LOCAL search_path = {SCHEMA}"
_OPEN = f"FROM {SCHEMA}.procrastinate_jobs WHERE status IN ('todo', 'doing')"
_JOBS = f"SELECT id {_OPEN}"
#: A worker whose chunks go to others has not said for this many seconds that it lives.
STALLED_AFTER = 20.0

_STATES = f"SELECT status, count(*) {_OPEN} GROUP BY status"
_ALIVE = f"FROM {SCHEMA}.procrastinate_workers WHERE last_heartbeat > now() - make_interval(secs => {STALLED_AFTER})"
_WORKERS = f"SELECT count(*) {_ALIVE}"
_HANDED_OUT = f"SELECT jsonb_array_elements_text(args -> 'operations'), id {_OPEN}"


@attrs.frozen(kw_only=True)
class QueueDepth:
    """How much is in the queue, and how many workers there are."""

    #: The chunks that wait for a worker.
    waiting: int
    #: The chunks that workers have taken and not finished.
    taken: int
    #: The workers that have said within the last 20 seconds that they live.
    workers: int


@attrs.define(eq=False)
class ChunkQueue:
    """The queue of one store. It is a :class:`~provisioner.core.engine.ports.Distribution`.

    Args:

        database: An open store.

    Raises:

        StoreError: The store is not on PostgreSQL, or procrastinate is not installed.
    """

    _database: Database
    _app: procrastinate.App = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        if not self.connection:
            raise StoreError(
                "workers can't share operations in the store {place}",
                cure="keep the store on PostgreSQL, or remove 'distribute' from [worker]",
                place=self._database.place,
            )
        try:
            import procrastinate
        except ModuleNotFoundError:
            raise StoreError(
                "workers need procrastinate to share operations, which is not installed",
                cure="run: pip install 'unit-provisioner[cluster]', or remove 'distribute' from [worker]",
            ) from None
        self._app = procrastinate.App(connector=procrastinate.SyncPsycopgConnector())

    @property
    def connection(self) -> Mapping[str, Any]:
        """What psycopg needs to connect to the queue. :data:`SESSION` is the first statement on each connection."""
        return self._database.connection()

    def prepare(self) -> None:
        """Make the tables of the queue, unless those of this version are there.

        Raises:

            StoreError: They can't be made.
        """
        with self._database.make() as connection:
            driver: Any = connection.connection.driver_connection
            if driver.execute(_VERSION).fetchone()[0] == _version():
                return
            driver.execute(_MAKE)
            driver.execute(self._app.schema_manager.get_schema())
            driver.execute(f"COMMENT ON SCHEMA {SCHEMA} IS '{_version()}'")

    def require(self) -> None:
        """Check that the queue has the tables of this version.

        Raises:

            StoreError: It hasn't, or notifications can't reach workers.
        """
        self._database.require_own_sessions()
        with self._database.read() as connection:
            if connection.exec_driver_sql(_VERSION).scalar() != _version():
                raise StoreError(
                    "the store {place} has no queue of this version for its workers",
                    cure="run 'provisioner init'",
                    place=self._database.place,
                )

    def enqueue(self, transaction: Transaction, ids: Iterable[str]) -> None:
        """Hand operations out when a transaction is committed.

        Args:

            transaction: One that may write.

            ids: The IDs of the operations.

        Raises:

            StoreError: They can't be.
        """
        jobs: list[dict[str, Any]] = [{"operations": chunk} for chunk in chunks(ids, CHUNK)]
        if not jobs:
            return
        driver = transaction.driver_connection
        with self._failures():
            driver.execute(_SEARCH_PATH)
            task = self._app.configure_task(TASK, queue=QUEUE, connection=driver)
            task.batch_defer(*jobs)
            driver.execute("ANALYZE procrastinate_jobs")

    def hand_out(self, ids: Sequence[str], /) -> Collection[str]:
        """Hand operations out, unless that was done before, and return which.

        Raises:

            StoreError: The store failed.
        """
        with self._database.write() as connection:
            handed_out = {operation for operation, _ in connection.exec_driver_sql(_HANDED_OUT)}
            new = [operation for operation in ids if operation not in handed_out]
            self.enqueue(DriverTransaction(connection), new)
        return new

    def depth(self) -> QueueDepth:
        """Return how much is in the queue now.

        Raises:

            StoreError: The store failed.
        """
        with self._database.read() as connection:
            states: dict[str, int] = dict(map(tuple, connection.exec_driver_sql(_STATES)))
            workers = connection.exec_driver_sql(_WORKERS).scalar_one()
        return QueueDepth(waiting=states.get("todo", 0), taken=states.get("doing", 0), workers=workers)

    def returned(self, ids: Collection[str], stop: threading.Event, /) -> Iterator[Sequence[str]]:
        """Yield the IDs of operations as soon as no worker has them, until all are yielded or the event is set.

        Raises:

            StoreError: The store failed.
        """
        by_job: dict[int, list[str]] = {}
        with self._database.read() as connection:
            left = set(ids)
            for operation, job in connection.exec_driver_sql(_HANDED_OUT):
                if operation in left:
                    by_job.setdefault(job, []).append(operation)
        yield list(left.difference(*by_job.values()))
        while by_job and not stop.wait(INTERVAL):
            with self._database.read() as connection:
                jobs = set(connection.exec_driver_sql(_JOBS).scalars())
            for job in by_job.keys() - jobs:
                yield by_job.pop(job)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Report errors of procrastinate as ours."""
        import procrastinate
        import psycopg

        try:
            yield
        except procrastinate.exceptions.ConnectorException as error:
            raise self._database.error(error.__cause__ or error) from None
        except psycopg.Error as error:
            raise self._database.error(error) from None


def _version() -> str:
    from procrastinate import __version__

    return f"procrastinate {__version__}"
