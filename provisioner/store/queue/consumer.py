"""Takes chunks from the queue, one after the other, as long as a worker runs.

procrastinate has an event loop, which runs in a thread of its own. The work runs in other threads. Retries are those of
the store: a chunk that fails is deleted, and its operations are handed out again when they are due. Only a chunk that
was not finished because its worker stops goes back to the queue.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import attrs

from provisioner.core.api.errors import ProvisionerError, raised_at
from provisioner.core.api.logs import Logger
from provisioner.store.queue import chunks
from provisioner.store.queue.chunks import QUEUE, TASK

if TYPE_CHECKING:
    import procrastinate
    import psycopg

log = Logger(__name__)

#: How often a worker says that it lives, in seconds.
HEARTBEAT = 5.0

#: How often a worker looks for chunks of others that stalled, and, apart from notifications, for new ones, in seconds.
RESCUE_EVERY, POLL_EVERY = 5.0, 1.0

#: The pause after which a worker that lost the queue tries again, in seconds.
PAUSE = 2.0

#: How often the loop looks whether it has to stop, in seconds.
_LOOK_EVERY = 0.1


class ChunkStopped(Exception):  # noqa: N818 - it is no error
    """A chunk was not finished, because its worker stops."""


@attrs.define(eq=False, kw_only=True)
class ChunkConsumer:
    """Takes chunks and has them carried out.

    Args:

        connection: What psycopg needs to connect to the queue. It needs a session of the server to itself,
            because notifications don't pass through PgBouncer in transaction mode.

        carry_out: Carries out the operations with these IDs; called in several threads. It raises
            :class:`ChunkStopped` if it was stopped before it could.

        stop: Ends the loop when what was begun has ended.

        at_once: How many chunks are carried out at the same time.
    """

    connection: Mapping[str, Any]
    carry_out: Callable[[Sequence[str]], None]
    stop: threading.Event
    at_once: int = 1

    def run(self) -> None:
        """Take chunks until the event is set, also after the connection was lost."""
        while not self.stop.is_set():
            try:
                asyncio.run(self._consume())
            except Exception as error:
                log.warning("chunks_not_taken", error=type(error).__name__)
            self.stop.wait(PAUSE)

    async def _consume(self) -> None:
        asyncio.get_running_loop().set_exception_handler(_note_failure)
        with ThreadPoolExecutor(self.at_once, thread_name_prefix="chunk") as executor:
            app = self._app(executor)
            async with app.open_async():
                worker = asyncio.create_task(
                    app.run_worker_async(
                        queues=[QUEUE],
                        concurrency=self.at_once,
                        fetch_job_polling_interval=POLL_EVERY,
                        delete_jobs="always",
                        install_signal_handlers=False,
                        update_heartbeat_interval=HEARTBEAT,
                        stalled_worker_timeout=chunks.STALLED_AFTER,
                    )
                )
                rescuer = asyncio.create_task(_rescue(app))
                while not self.stop.is_set() and not worker.done():  # noqa: ASYNC110 - another thread sets it
                    await asyncio.sleep(_LOOK_EVERY)
                rescuer.cancel()
                worker.cancel()
                with suppress(asyncio.CancelledError):
                    await worker

    def _app(self, executor: ThreadPoolExecutor) -> procrastinate.App:
        import procrastinate

        connector = procrastinate.PsycopgConnector(
            kwargs=dict(self.connection),
            configure=_configure,
            min_size=1,
            max_size=self.at_once + 3,
            timeout=10,
            reconnect_timeout=30,
        )
        app = procrastinate.App(connector=connector)
        again = procrastinate.RetryStrategy(retry_exceptions=[ChunkStopped])

        async def carry_out(operations: list[str]) -> None:
            await asyncio.get_running_loop().run_in_executor(executor, self._attempt, operations)

        app.task(name=TASK, queue=QUEUE, retry=again)(carry_out)
        return app

    def _attempt(self, operations: Sequence[str]) -> None:
        try:
            self.carry_out(operations)
        except ChunkStopped:
            raise
        except Exception as error:  # the operations are found again by the next look for due ones
            reason = {"reason": str(error)} if isinstance(error, ProvisionerError) else {}
            log.error("chunk_failed", error=type(error).__name__, at=raised_at(error), **reason)


def _note_failure(_: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """Log a failure for which nobody waits: with the connection, procrastinate loses the note that a chunk has ended.

    By default, asyncio prints a traceback with all that the database said.
    """
    log.warning("queue_call_failed", error=type(context.get("exception")).__name__)


async def _configure(connection: psycopg.AsyncConnection[Any]) -> None:
    await connection.execute(chunks.SESSION)
    await connection.commit()


async def _rescue(app: procrastinate.App) -> None:
    """Put chunks back whose workers don't live any more. Several workers may do so at the same time."""
    while True:
        with suppress(Exception):
            for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=chunks.STALLED_AFTER):
                with suppress(Exception):  # another worker was faster
                    await app.job_manager.retry_job(job)
        await asyncio.sleep(RESCUE_EVERY)
