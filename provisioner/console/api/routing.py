"""How the API is declared: synchronous functions that answer a path, and run in a thread of the console."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Annotated, Any, Concatenate, ParamSpec

from litestar import get, post
from litestar.concurrency import sync_to_thread
from litestar.handlers import HTTPRouteHandler
from litestar.params import HeaderParameter
from litestar.response import Response

from provisioner.console.api.call import Call, response_of
from provisioner.console.api.problems import NotThereError
from provisioner.console.failures import status_of
from provisioner.core.api.errors import raised_at
from provisioner.core.api.logs import Logger
from provisioner.core.model.keyed_requests import KeyedAnswer

P = ParamSpec("P")

#: What answers a request.
Handler = Callable[Concatenate[Call, P], Response[Any]]

#: The key of a change.
IdempotencyKey = Annotated[
    str,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=8,
        max_length=64,
        pattern="^[A-Za-z0-9_-]+$",
        description="A value that no other request of the same owner has, for example a UUID.",
    ),
]

log = Logger(__name__)


def reads(path: str) -> Callable[[Handler[P]], HTTPRouteHandler]:
    """Declare what only reads.

    Args:

        path: Its path below the API, in Litestar's notation.
    """
    return lambda handler: get(path, **_told(handler))(_threaded(handler, is_keyed=False))


def changes(path: str, *, status: int = 200) -> Callable[[Handler[P]], HTTPRouteHandler]:
    """Declare what changes something. Its requests have keys, and each takes effect once.

    Args:

        path: Its path below the API, in Litestar's notation.

        status: The status of an answer without an error.
    """
    return lambda handler: post(path, status_code=status, **_told(handler))(_threaded(handler, is_keyed=True))


def _told(handler: Handler[P]) -> dict[str, Any]:
    """Return what the description of the API says of a handler."""
    text = inspect.getdoc(handler) or ""
    subject = handler.__module__.rpartition(".")[2]
    return {
        "summary": text.partition("\n")[0].rstrip("."),
        "description": text.replace("\n", " "),
        "operation_id": f"{subject}_{handler.__name__}".strip("_"),
        "tags": [subject],
    }


def _threaded(handler: Handler[P], *, is_keyed: bool) -> Callable[..., Any]:
    @wraps(handler)
    async def run(call: Call, **parameters: Any) -> Response[Any]:
        return await sync_to_thread(answer, call, **parameters)

    def answer(call: Call, **parameters: Any) -> Response[Any]:
        key = parameters.pop("idempotency_key", "")
        try:
            if is_keyed:
                return response_of(_once(call, key, lambda: handler(call, **parameters)))  # type: ignore[call-arg]
            return handler(call, **parameters)  # type: ignore[call-arg] # the parameters are those of the path
        except Exception as error:
            return call.refusal(_noted(call, error))

    if is_keyed:
        signature = inspect.signature(handler)
        key = inspect.Parameter("idempotency_key", inspect.Parameter.KEYWORD_ONLY, annotation=IdempotencyKey)
        run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), key])  # type: ignore[attr-defined]
        run.__annotations__ = {**run.__annotations__, "idempotency_key": IdempotencyKey}
    return run


def _once(call: Call, key: str, act: Callable[[], Response[Any]]) -> KeyedAnswer:
    return call.app.keyed_requests.once(
        key,
        call.fingerprint,
        lambda: _kept(act()),
        lambda error: call.keyed_refusal(_noted(call, error)),
        actor=call.actor,
    )


def _kept(response: Response[Any]) -> KeyedAnswer:
    return KeyedAnswer(
        status=response.status_code or 200,
        media_type=str(response.media_type),
        body=response.content.decode(),
        location=str(response.headers.get("location", "")),
    )


def _noted(call: Call, error: Exception) -> Exception:
    """Return an error, which is logged if it is a defect."""
    if status_of(error) == HTTPStatus.INTERNAL_SERVER_ERROR and not isinstance(error, NotThereError):
        log.error("api_defect", path=call.incoming.path, error=type(error).__name__, at=raised_at(error))
    return error
