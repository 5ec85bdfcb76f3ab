"""Streams that tell open pages how far long work has come, as server-sent events.

A stream holds no thread between two steps, ends with the session of the person, and keeps no session alive.

Proxies may hold an answer back until it ends. So a stream says regularly that it is there, and a page that hears
nothing for too long says so, and reloads itself from then on.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Hashable
from typing import Any

import attrs
from litestar.concurrency import sync_to_thread
from litestar.response import ServerSentEvent, ServerSentEventMessage

#: Where the streams are.
FOLDER = "/live/"

#: The field in the query of a page that reloads itself, as its template says: nobody uses the page then.
BY_ITSELF = "by-itself"

#: After how many seconds in which a page hears nothing of its stream the page reloads itself instead.
LONGEST_SILENCE = 20

#: How many streams there are at most, and of one session.
_MOST, _MOST_OF_SESSION = 100, 4

#: How long a stream waits between two steps, in seconds, and how many times as long as the last step took.
_EVERY, _TIMES = 2.0, 10

#: After how many seconds without an event a stream says that it is there.
_SILENCE = 5.0

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
            yield ServerSentEventMessage(event="here", data="-", retry=_RETRY)
            async for message in self._steps(look):
                yield message
        finally:
            self._open -= Counter([session])

    async def _steps(self, look: Callable[[], LiveProgress]) -> Events:
        clock = asyncio.get_running_loop().time
        shown = ""
        while not self._ending.is_set():
            began_at = clock()
            looking = asyncio.ensure_future(sync_to_thread(look))
            async for message in _said_until(looking):
                yield message
            progress = looking.result()
            if progress.html != shown:
                shown = progress.html
                yield ServerSentEventMessage(event="progress", data=shown)
            if progress.is_over:
                yield ServerSentEventMessage(event="over", data="-")
                return
            pause = max(_EVERY, _TIMES * (clock() - began_at))
            async for message in _said_until(asyncio.ensure_future(self._waited(pause))):
                yield message

    async def _waited(self, seconds: float) -> None:
        """Wait, unless the server stops."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), seconds)

    @property
    def _ending(self) -> asyncio.Event:
        self._end = self._end or asyncio.Event()
        return self._end


async def _said_until(future: asyncio.Future[Any]) -> Events:
    """Yield regularly that the stream is there, until something has ended."""
    try:
        while not (await asyncio.wait({future}, timeout=_SILENCE))[0]:
            yield ServerSentEventMessage(event="here", data="-")
    finally:
        future.cancel()
