"""How pages are declared: synchronous functions that answer a path, and run in a thread of the console.

Litestar's own ``sync_to_thread`` wraps a function twice if another method of the same path is declared later, and then
answers with a coroutine (2.25.0).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from litestar import get, post
from litestar.concurrency import sync_to_thread
from litestar.handlers import HTTPRouteHandler
from litestar.response import Response, ServerSentEvent

from provisioner.console.live import FOLDER, LiveProgress
from provisioner.console.visit import SessionEndedError, Visit
from provisioner.core.api.errors import raised_at
from provisioner.core.api.logs import Logger

log = Logger(__name__)

P = ParamSpec("P")

#: A page.
Page = Callable[Concatenate[Visit, P], Response[Any]]

#: What a stream reads at each step.
Look = Callable[Concatenate[Visit, P], LiveProgress]


def reads(path: str) -> Callable[[Page[P]], HTTPRouteHandler]:
    """Declare a page that only reads.

    Args:

        path: Its path, in Litestar's notation.
    """
    return lambda page: get(path)(_threaded(page))


def changes(path: str) -> Callable[[Page[P]], HTTPRouteHandler]:
    """Declare a page that changes something, with a form.

    Args:

        path: Its path, in Litestar's notation.
    """
    return lambda page: post(path)(_threaded(page))


def watches(path: str) -> Callable[[Look[P]], HTTPRouteHandler]:
    """Declare a stream that tells a page how far work has come. It ends with the session of the person.

    Args:

        path: Its path below the folder of the streams, in Litestar's notation.
    """
    return lambda look: get(f"{FOLDER}{path}", media_type="text/event-stream")(_streamed(look))


def _streamed(look: Look[P]) -> Callable[..., Any]:
    @wraps(look)
    async def run(visit: Visit, **parameters: Any) -> ServerSentEvent:
        def step() -> LiveProgress:
            try:
                if visit.has_ended() or visit.has_lost_account():
                    return LiveProgress(is_over=True)
                return look(visit, **parameters)  # type: ignore[call-arg] # the parameters are those of the path
            except Exception as error:  # the page, which is loaded again, says what is wrong
                log.warning("console_stream_failed", error=type(error).__name__, at=raised_at(error))
                return LiveProgress(is_over=True)

        return visit.console.streams.answer(step, session=visit.session)

    return run


def _threaded(page: Page[P]) -> Callable[..., Any]:
    @wraps(page)
    async def run(visit: Visit, **parameters: Any) -> Response[Any]:
        return await sync_to_thread(answer, visit, **parameters)

    def answer(visit: Visit, **parameters: Any) -> Response[Any]:
        if visit.has_lost_account():
            visit.end()
            return visit.redirect("/login")
        try:
            return page(visit, **parameters)  # type: ignore[call-arg] # the parameters are those of the path
        except SessionEndedError:
            return visit.redirect("/login")

    return run
