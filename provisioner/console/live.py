"""Streams that tell open pages how far long work has come, as server-sent events.

A stream holds no thread between two steps, ends with the session of the person, and keeps no session alive.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Hashable

import attrs
from litestar.concurrency import sync_to_thread
from litestar.response import ServerSentEvent, ServerSentEventMessage

#: Where the streams are.
FOLDER = "/live/"

#: The field in the query of a page that reloads itself, as its template says: nobody uses the page then.
BY_ITSELF = "by-itself"

#: How many streams there are at most, and of one session.
_MOST, _MOST_OF_SESSION = 100, 4

#: How long a stream waits between two steps, in seconds, and how many times as long as the last step took.
_EVERY, _TIMES = 2.0, 10

#: After how many seconds without an event a stream says that it is there, so that no proxy closes the connection.
_SILENCE = 15.0

#: After how many milliseconds a browser connects again.
_RETRY = 3000


Events = AsyncGenerator[ServerSentEventMessage, None]


@attrs.frozen(kw_only=True)
class LiveProgress:
    """How far work has come that a page shows."""

    #: What the page shows of it now, as HTML.
    html: str = ""
    #: Whether it has ended, so that the page is loaded again.
    is_over: bool = False


class Streams:
    """The open streams. All its methods are for the event loop.

    Args:

        most: How many streams there are at most.

        of_session: How many streams a session has at most.
    """

    def __init__(self, *, most: int = _MOST, of_session: int = _MOST_OF_SESSION) -> None:
        self._most = most
        self._of_session = of_session
        self._open: Counter[Hashable] = Counter()
        self._end: asyncio.Event | None = None

    @property
    def count(self) -> int:
        """How many streams are open."""
        return self._open.total()

    def end(self) -> None:
        """End all streams: the server stops. Browsers connect again when it is back."""
        self._ending.set()

    def answer(self, look: Callable[[], LiveProgress], *, session: Hashable) -> ServerSentEvent:
        """Return the answer with a stream.

        Args:

            look: Returns how far the work has come. It runs in a thread.

            session: Whose stream it is.
        """
        # Litestar sends no-cache; a page for one person must not be stored either.
        return ServerSentEvent(self._events(look, session), headers={"Cache-Control": "no-store"})

    async def _events(self, look: Callable[[], LiveProgress], session: Hashable) -> Events:
        if self.count >= self._most or self._open[session] >= self._of_session:
            yield ServerSentEventMessage(event="full", data="-")
            return
        self._open[session] += 1
        try:
            yield ServerSentEventMessage(retry=_RETRY)
            async for message in self._steps(look):
                yield message
        finally:
            self._open -= Counter([session])

    async def _steps(self, look: Callable[[], LiveProgress]) -> Events:
        clock = asyncio.get_running_loop().time
        shown, said_at = "", clock()
        while not self._ending.is_set():
            began_at = clock()
            progress = await sync_to_thread(look)
            if progress.html != shown:
                shown, said_at = progress.html, clock()
                yield ServerSentEventMessage(event="progress", data=shown)
            elif clock() - said_at > _SILENCE:
                said_at = clock()
                yield ServerSentEventMessage(comment="-")
            if progress.is_over:
                yield ServerSentEventMessage(event="over", data="-")
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), max(_EVERY, _TIMES * (clock() - began_at)))

    @property
    def _ending(self) -> asyncio.Event:
        self._end = self._end or asyncio.Event()
        return self._end
