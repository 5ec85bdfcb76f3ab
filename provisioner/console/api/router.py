"""The API as one application: its handlers, and what is answered if none of them can."""

from __future__ import annotations

from typing import Any, cast

from litestar import Litestar, Request
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.openapi.config import OpenAPIConfig
from litestar.response import Response

from provisioner.console.api.call import ROOT, Call
from provisioner.console.api.problems import MEDIA_TYPE, refused
from provisioner.console.api.resources import (
    accounts,
    clearance,
    handovers,
    held_runs,
    incidents,
    operations,
    requests,
)
from provisioner.core.api.errors import raised_at
from provisioner.core.api.logs import Logger
from provisioner.core.model.text import Text

#: The key of the scope under which handlers find the request.
CALL = "provisioner.call"

log = Logger(__name__)

#: The handlers of all subjects.
HANDLERS = (
    *accounts.HANDLERS,
    *requests.HANDLERS,
    *operations.HANDLERS,
    *held_runs.HANDLERS,
    *handovers.HANDLERS,
    *clearance.HANDLERS,
    *incidents.HANDLERS,
)

ApiRequest = Request[Any, Any, State]


def make_api(openapi: OpenAPIConfig | None = None) -> Litestar:
    """Return the router with all handlers.

    Args:

        openapi: What describes the API; by default, nothing does.
    """
    return Litestar(
        path=ROOT,
        route_handlers=HANDLERS,
        dependencies={"call": Provide(_call, sync_to_thread=False)},
        exception_handlers={
            HTTPException: _on_refusal,
            UnicodeDecodeError: _on_unreadable,
            Exception: _on_defect,
        },
        openapi_config=openapi,
        logging_config=None,
        debug=False,
    )


def _call(request: ApiRequest) -> Call:
    return cast("Call", cast("dict[str, Any]", request.scope)[CALL])


def _on_refusal(request: ApiRequest, error: HTTPException) -> Response[Any]:
    """Answer what Litestar refuses. What it says of a wrong field is in English."""
    message = None
    if error.status_code == 400:  # noqa: PLR2004 - the request doesn't fit the description
        message = Text("the request doesn't fit the description of the API: {reason}", {"reason": _reason(error)})
    return _problem(request, error.status_code, message)


def _on_unreadable(request: ApiRequest, _: UnicodeDecodeError) -> Response[Any]:
    return _problem(request, 400)


def _on_defect(request: ApiRequest, error: Exception) -> Response[Any]:
    log.error("api_defect", path=request.url.path, error=type(error).__name__, at=raised_at(error))
    return _call(request).refusal(error)


def _reason(error: HTTPException) -> str:
    """Return which fields are wrong and why, as far as Litestar tells."""
    found = [
        f"{one.get('key', '')}: {one.get('message', '')}" if one.get("key") else str(one.get("message", ""))
        for one in (error.extra if isinstance(error.extra, list) else [])
        if isinstance(one, dict)
    ]
    return "; ".join(found) or error.detail


def _problem(request: ApiRequest, status: int, message: Text | None = None) -> Response[Any]:
    problem = refused(status, _call(request).said, message=message)
    return Response(problem, media_type=MEDIA_TYPE, status_code=status)
