"""What stands before the API: who may connect, tokens, limits, and headers.

It is plain ASGI around the router, so that no handler can forget any of it. Cookies mean nothing here, so that no page
of another site can use the session of a browser.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from math import ceil

import msgspec
from litestar.concurrency import sync_to_thread

from provisioner.console.api.call import JSON, ROOT, Call, language_of
from provisioner.console.api.openapi import description
from provisioner.console.api.problems import MEDIA_TYPE, ProblemAnswer, problem_of, refused
from provisioner.console.api.router import CALL
from provisioner.console.asgi import AsgiApp, Message, Receive, Scope, Send, read_body, without_body
from provisioner.console.incoming import Incoming, UnusableRequestError
from provisioner.console.visit import Console
from provisioner.core.api.errors import ProvisionerError
from provisioner.core.governance.tokens import ApiToken
from provisioner.core.model.text import in_zone
from provisioner.phrasing import Phrasing
from provisioner.services.tokens import TooManyRequestsError

#: The address of the description of the API, which needs no token.
DESCRIPTION = f"{ROOT}/openapi.json"

#: The largest body, in bytes.
LARGEST_BODY = 64 * 1024

_BEARER = "bearer "


class ApiGate:
    """Admits requests to the API.

    Args:

        inner: The router of the API.

        console: What all requests share.
    """

    def __init__(self, inner: AsgiApp, console: Console) -> None:
        self._inner = inner
        self._console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI describes it."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        language = self._console.app.config.content.language
        if scope["method"] == "HEAD":
            scope, send = {**scope, "method": "GET"}, without_body(send)
        try:
            incoming = Incoming.of(scope)
        except UnusableRequestError as error:
            sender = self._with_headers(send, language)
            await _refuse(sender, refused(error.status, self._phrasing(language).said))
            return
        language = language_of(incoming.headers.get("accept-language", ""), language)
        await self._answer(incoming, language, scope, receive, self._with_headers(send, language))

    async def _answer(self, incoming: Incoming, language: str, scope: Scope, receive: Receive, send: Send) -> None:
        said = self._phrasing(language).said
        try:
            self._console.site.require_connection(incoming)
            if incoming.path == DESCRIPTION and incoming.is_safe:
                await _send(send, 200, description(), JSON)
                return
            token = await sync_to_thread(self._admitted, incoming)
            if token is None:
                await _refuse(send, refused(401, said), {"www-authenticate": _challenge(incoming)})
                return
            body = await _body(incoming, receive)
        except UnusableRequestError as error:
            await _refuse(send, refused(error.status, said))
        except TooManyRequestsError as error:
            problem = refused(429, said, message=error.text, cure=error.cure)
            await _refuse(send, problem, {"retry-after": str(await self._seconds_until(error.free_at))})
        except ProvisionerError as error:
            await _refuse(send, problem_of(error, said))
        else:
            scope[CALL] = Call(
                console=self._console,
                incoming=incoming,
                address=self._console.site.address_of(incoming),
                token=token,
                body=body,
                language=language,
            )
            await self._inner(scope, _given(body), send)

    def _admitted(self, incoming: Incoming) -> ApiToken | None:
        """Return the token of a request; ``None`` if there is none that can be used.

        Raises:

            DeniedError: The token allows only reading, and the request changes something.

            TooManyRequestsError: There were too many requests, or too many refusals.
        """
        address, tokens = self._console.site.address_of(incoming), self._console.app.tokens
        given = incoming.headers.get("authorization", "")
        if not given:
            return None
        known = given[len(_BEARER) :].strip() if given.lower().startswith(_BEARER) else ""
        token = tokens.authenticate(known, address=address)
        if token and not incoming.is_safe:
            tokens.require_write(token, address=address)
        return token

    async def _seconds_until(self, time: datetime) -> int:
        """Return the number of seconds until a time, at least 1. The clock can be that of the store."""
        wait = time - await sync_to_thread(self._console.app.now)
        return max(1, ceil(wait.total_seconds()))

    def _phrasing(self, language: str) -> Phrasing:
        return Phrasing(catalogue=self._console.catalogues[language], time=in_zone)

    def _with_headers(self, send: Send, language: str) -> Send:
        """Return a function that sends the same, with the headers that every answer has."""
        more = {
            **dict(self._console.site.headers),
            "cache-control": "no-store",
            "vary": "accept-language, authorization",
            "content-language": language,
        }

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name.lower() for name, _ in message.get("headers", ())}
                added = [(name.encode(), value.encode()) for name, value in more.items() if name.encode() not in own]
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        return send_with_headers


def _challenge(incoming: Incoming) -> str:
    """Return what tells a program that it needs a token, or that its token can't be used (RFC 6750)."""
    invalid = ', error="invalid_token"' if "authorization" in incoming.headers else ""
    return f'Bearer realm="provisioner"{invalid}'


async def _body(incoming: Incoming, receive: Receive) -> bytes:
    """Return the body of a request.

    Raises:

        UnusableRequestError: It is too large, or is not said to be JSON.
    """
    if incoming.is_safe:
        return b""
    body = await read_body(receive, LARGEST_BODY)
    if body and incoming.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise UnusableRequestError(415)
    return body


def _given(body: bytes) -> Receive:
    """Return what stands for a body that was read already."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _refuse(send: Send, problem: ProblemAnswer, headers: Mapping[str, str] | None = None) -> None:
    await _send(send, problem.status, msgspec.json.encode(problem), MEDIA_TYPE, headers)


async def _send(
    send: Send, status: int, body: bytes, media_type: str, headers: Mapping[str, str] | None = None
) -> None:
    own = {"content-type": media_type, "content-length": str(len(body)), **(headers or {})}
    pairs = [(name.encode(), value.encode("latin-1")) for name, value in own.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
