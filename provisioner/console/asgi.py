"""What the doors of the console share: the types of ASGI, the body of a request, and answers without one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from provisioner.console.incoming import UnusableRequestError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]


async def read_body(receive: Receive, largest: int) -> bytes:
    """Return the body of a request.

    Args:

        receive: Returns the parts of the request, as ASGI describes it.

        largest: How large the body may be, in bytes.

    Raises:

        UnusableRequestError: It is too large, or the client has gone.
    """
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise UnusableRequestError(400)
        body += message.get("body", b"")
        if len(body) > largest:
            raise UnusableRequestError(413)
        if not message.get("more_body"):
            return bytes(body)


def without_body(send: Send) -> Send:
    """Return a function that sends the same without the body, as an answer to HEAD."""

    async def send_without_body(message: Message) -> None:
        await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

    return send_without_body
