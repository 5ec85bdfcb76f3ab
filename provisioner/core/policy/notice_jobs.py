"""Messages that threads are sending, and the results of those that have ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue

import attrs

from provisioner.core.policy.notice_messages import Notice, NoticeResult


@attrs.frozen(kw_only=True)
class SentTogether:
    """What became of messages that were sent together."""

    results: Sequence[NoticeResult]
    #: What is left to do, for each message by itself.
    left: Sequence[NoticeJob] = ()


@attrs.frozen(kw_only=True)
class NoticeJob:
    """Work for a thread: messages to send."""

    #: The number of messages.
    size: int
    run: Callable[[], SentTogether]


@attrs.define(eq=False)
class NoticeJobs:
    """The jobs under way, and those of whose results nobody was told yet. Used by one thread."""

    _running: dict[Future[SentTogether], NoticeJob] = attrs.field(factory=dict, init=False)
    _untold: deque[Future[SentTogether]] = attrs.field(factory=deque, init=False)
    _finished: SimpleQueue[Future[SentTogether]] = attrs.field(factory=SimpleQueue, init=False)

    @property
    def under_way(self) -> int:
        """The number of messages under way."""
        return sum(job.size for job in self._running.values())

    def start(self, pool: ThreadPoolExecutor, job: NoticeJob) -> None:
        """Let a thread do a job."""
        future = pool.submit(job.run)
        self._running[future] = job
        self._untold.append(future)
        future.add_done_callback(self._finished.put)

    def ended(self, pool: ThreadPoolExecutor, most: int) -> Sequence[NoticeResult]:
        """Wait until at most so many messages are under way, and return the results of the others.

        All that are there are taken: the journal stores many together as quickly as one.
        """
        results: list[NoticeResult] = []
        with suppress(Empty):
            while self._running:
                future = self._finished.get(block=self.under_way > most)
                del self._running[future]
                outcome = future.result()
                results += outcome.results
                for job in outcome.left:
                    self.start(pool, job)
        return results

    def told(self) -> Iterator[Notice]:
        """Yield the notices of the jobs that ended, in the order in which they were started."""
        while self._untold and self._untold[0] not in self._running:
            for result in self._untold.popleft().result().results:
                yield from result.notices
