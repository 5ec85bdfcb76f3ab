"""What a worker does with the chunks of operations that it takes from the queue."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import attrs

from provisioner.services.worker import OpenApplication, WatchedStop
from provisioner.store.queue.chunks import ChunkQueue
from provisioner.store.queue.consumer import ChunkConsumer, ChunkStopped

#: How many chunks a worker has at the same time, so that the end of one doesn't leave it idle.
AT_ONCE = 2


@attrs.frozen(kw_only=True)
class ChunkWork:
    """Takes chunks and carries out their operations, beside the routines of a worker.

    Args:

        queue: Where the chunks are.

        open_application: Opens the application of one chunk.

        stop: Ends the work between two steps.

        at_once: How many chunks are carried out at the same time.
    """

    queue: ChunkQueue
    open_application: OpenApplication
    stop: WatchedStop
    at_once: int = AT_ONCE

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Take chunks within a ``with`` block, at whose end what was begun is waited for."""
        over = threading.Event()
        consumer = ChunkConsumer(
            connection=self.queue.connection, carry_out=self.carry_out, stop=over, at_once=self.at_once
        )
        thread = threading.Thread(target=consumer.run, name="chunks")
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def carry_out(self, ids: Sequence[str]) -> None:
        """Carry out the operations with these IDs, as far as they can be.

        Raises:

            ChunkStopped: The worker stops, and another one has to continue.
        """
        if not self.stop.is_stopping:
            with self.stop.part() as stop, self.open_application(stop) as app:
                app.runs.carry_out(ids).wait()
        if self.stop.is_stopping:
            raise ChunkStopped
