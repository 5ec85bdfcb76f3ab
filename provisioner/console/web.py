"""The console as one ASGI application: the router with the pages, and the gate before it."""

from __future__ import annotations

from typing import Any, cast

from litestar import Litestar, MediaType, Request, get
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import FromPath
from litestar.response import Response

from provisioner.console import assets
from provisioner.console.api.call import ROOT
from provisioner.console.api.gate import ApiGate
from provisioner.console.api.router import make_api
from provisioner.console.asgi import AsgiApp, Receive, Scope, Send
from provisioner.console.failures import Failure, failure_of, refusal
from provisioner.console.gate import VISIT, Gate
from provisioner.console.pages import (
    accounts,
    changes,
    clearance,
    comparison,
    handovers,
    incidents,
    lists,
    log_in,
    outlook,
    provider,
    repairs,
    requests,
    systems,
)
from provisioner.console.visit import Console, Visit
from provisioner.core.api.errors import raised_at
from provisioner.core.api.logs import Logger

log = Logger(__name__)

#: The handlers of all pages.
PAGES = (
    *log_in.HANDLERS,
    *provider.HANDLERS,
    *accounts.HANDLERS,
    *requests.HANDLERS,
    *handovers.HANDLERS,
    *clearance.HANDLERS,
    *incidents.HANDLERS,
    *changes.HANDLERS,
    *lists.HANDLERS,
    *comparison.HANDLERS,
    *repairs.HANDLERS,
    *systems.HANDLERS,
    *outlook.HANDLERS,
)

AnyRequest = Request[Any, Any, State]


def make_router() -> Litestar:
    """Return the router with all pages, for :func:`make_web`."""
    return Litestar(
        route_handlers=[*PAGES, _asset],
        dependencies={"visit": Provide(_visit, sync_to_thread=False)},
        exception_handlers={HTTPException: _on_refusal, Exception: _on_error},
        openapi_config=None,
        logging_config=None,
        debug=False,
    )


def make_web(console: Console) -> AsgiApp:
    """Return the application: the pages, and the API beside them.

    Args:

        console: What all requests share.
    """
    pages, api = Gate(cast("AsgiApp", make_router()), console), ApiGate(cast("AsgiApp", make_api()), console)

    async def web(scope: Scope, receive: Receive, send: Send) -> None:
        is_for_api = scope["type"] == "http" and f"{scope['path']}/".startswith(f"{ROOT}/")
        await (api if is_for_api else pages)(scope, receive, send)

    return web


@get("/static/{version:str}/{name:str}", sync_to_thread=False)
def _asset(version: FromPath[str], name: FromPath[str]) -> Response[bytes]:
    """Return a file beside the pages. Its address changes with its content."""
    try:
        asset = assets.find(name)
    except KeyError:
        raise NotFoundException from None
    if version != asset.version:
        raise NotFoundException
    headers = {"cache-control": "public, max-age=31536000, immutable"}
    return Response(asset.content, media_type=asset.media_type, headers=headers)


def _visit(request: AnyRequest) -> Visit:
    return cast("Visit", cast("dict[str, Any]", request.scope)[VISIT])


def _on_refusal(request: AnyRequest, error: HTTPException) -> Response[str]:
    return _page(request, refusal(error.status_code))


def _on_error(request: AnyRequest, error: Exception) -> Response[str]:
    failure = failure_of(error)
    if failure.status == 500:  # noqa: PLR2004 - a defect
        log.error("console_defect", path=request.url.path, error=type(error).__name__, at=raised_at(error))
    return _page(request, failure)


def _page(request: AnyRequest, failure: Failure) -> Response[str]:
    return Response(
        _visit(request).html("error.html", failure=failure),
        media_type=MediaType.HTML,
        status_code=failure.status,
    )
