"""What stands before every page: who may connect, sessions, forms that only the console itself can send, and headers.

It is plain ASGI around the router, so that no page can forget any of it, and answers of the router itself get it too.
"""

from __future__ import annotations

import hmac
from urllib.parse import quote

from litestar.concurrency import sync_to_thread

from provisioner.console import live
from provisioner.console.asgi import AsgiApp, Message, Receive, Scope, Send, read_body, without_body
from provisioner.console.failures import Failure, refusal
from provisioner.console.incoming import Incoming, UnusableRequestError, form_of
from provisioner.console.single_sign_on import BACK_CHANNEL, CALLBACK, LOGGED_OUT
from provisioner.console.uploads import UPLOADS, uploaded_form
from provisioner.console.visit import SESSION, Console, Visit, own_path
from provisioner.core.model.text import Text

#: The key of the scope under which pages find the visit.
VISIT = "provisioner.visit"

#: The path of the log-in, and what anybody may read.
LOG_IN = "/login"
_PUBLIC = frozenset({LOG_IN, "/language", CALLBACK, LOGGED_OUT, BACK_CHANNEL})
_PUBLIC_FOLDER = "/static/"

_FORGED = Text("the form was sent by another page, or belongs to a session that has ended")


class Gate:
    """Admits requests to the pages.

    Args:

        inner: The router with the pages.

        console: What all requests share.
    """

    def __init__(self, inner: AsgiApp, console: Console) -> None:
        self._inner = inner
        self._console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, as ASGI describes it."""
        if scope["type"] == "lifespan":
            await self._inner(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        cookies: list[str] = []
        sender = self._with_headers(send, cookies)
        if scope["method"] == "HEAD":
            scope, sender = {**scope, "method": "GET"}, without_body(sender)
        visit = None
        try:
            incoming = Incoming.of(scope)
            self._console.site.require_connection(incoming)
            visit = await sync_to_thread(self._visit, incoming, cookies)
            if not incoming.is_safe:
                await self._read_form(visit, receive)
        except UnusableRequestError as error:
            await self._refuse(sender, visit, refusal(error.status))
            return
        await self._pass_on(visit, scope, receive, sender)

    async def _pass_on(self, visit: Visit, scope: Scope, receive: Receive, send: Send) -> None:
        incoming, is_public = visit.incoming, _is_public(visit.incoming.path)
        if incoming.is_safe and visit.session is None and not is_public:
            await self._send_to_log_in(visit, scope, send)
        elif not incoming.is_safe and (not self._is_own(visit) or (visit.session is None and not is_public)):
            await _send_page(send, visit, refusal(403, _FORGED, cure=Text("open the page again, and log in if needed")))
        else:
            scope[VISIT] = visit
            await self._inner(scope, receive if incoming.is_safe else _empty, send)

    async def _read_form(self, visit: Visit, receive: Receive) -> None:
        """Read the form of a request. Of people who are not logged in, no file is read: the form stays empty.

        Raises:

            UnusableRequestError: It can't be read, or is too large.
        """
        incoming = visit.incoming
        if not (incoming.path in UPLOADS and incoming.has_file):
            visit.form = form_of(await read_body(receive, incoming.expect_form(with_file=False)))
        elif visit.session and self._console.site.sends_itself(incoming.headers):
            body = await read_body(receive, incoming.expect_form(with_file=True))
            visit.form, visit.upload = uploaded_form(body, incoming.headers["content-type"])

    async def _refuse(self, send: Send, visit: Visit | None, failure: Failure) -> None:
        """Say what is wrong with a request: on a page, if it comes from a browser that may be answered with one."""
        if visit:
            await _send_page(send, visit, failure)
            return
        text = failure.message.said(self._console.catalogues[self._console.app.config.content.language])
        await _send(send, failure.status, f"{text}\n".encode(), "text/plain; charset=utf-8")

    def _visit(self, incoming: Incoming, cookies: list[str]) -> Visit:
        """Return the visit with all that the loop must not wait for: the store and the personnel system can hang."""
        console = self._console
        token = incoming.cookies.get(console.site.cookie_name(SESSION))
        is_page = not incoming.path.startswith((live.FOLDER, _PUBLIC_FOLDER))
        is_used = is_page and not (incoming.is_safe and live.BY_ITSELF in incoming.query)
        visit = Visit(
            console=console,
            incoming=incoming,
            address=console.site.address_of(incoming),
            session=console.sessions.find(token, is_used=is_used) if token else None,
            set_cookies=cookies,
        )
        if visit.session and visit.session.way.names_person and visit.proxy_person() != visit.session.person:
            visit.end()
        if is_page:
            visit.look_up_name()
        return visit

    def _is_own(self, visit: Visit) -> bool:
        """Whether a form comes from a page that this browser got, or needs none."""
        if visit.incoming.path == BACK_CHANNEL:  # the provider sends it, and signs what is in it
            return True
        given = visit.form.get("csrf", "")
        is_bound = hmac.compare_digest(given.encode(errors="replace"), visit.csrf.encode())
        return is_bound and self._console.site.sends_itself(visit.incoming.headers)

    async def _send_to_log_in(self, visit: Visit, scope: Scope, send: Send) -> None:
        # After the log-in, somebody uses the page again.
        query = "" if live.BY_ITSELF in visit.incoming.query else scope["query_string"].decode("latin-1")
        wanted = own_path(f"{visit.incoming.path}?{query}" if query else visit.incoming.path)
        suffix = "" if wanted == "/" else f"?next={quote(wanted, safe='')}"
        await _send(send, 303, b"", "text/plain; charset=utf-8", ("location", f"{LOG_IN}{suffix}"))

    def _with_headers(self, send: Send, cookies: list[str]) -> Send:
        """Return a function that sends the same, with the headers that every answer has unless it has its own."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message.get("headers", ())}
                more = [*self._console.site.headers, ("cache-control", "no-store")]
                more += [("set-cookie", cookie) for cookie in cookies]
                added = [(name.encode(), value.encode("latin-1")) for name, value in more if name.encode() not in own]
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        return send_with_headers


async def _empty() -> Message:
    """Stand for the body, which was read already."""
    return {"type": "http.request", "body": b"", "more_body": False}


def _is_public(path: str) -> bool:
    return path in _PUBLIC or path.startswith(_PUBLIC_FOLDER)


async def _send_page(send: Send, visit: Visit, failure: Failure) -> None:
    html = visit.html("error.html", failure=failure).encode()
    await _send(send, failure.status, html, "text/html; charset=utf-8")


async def _send(send: Send, status: int, body: bytes, media_type: str, *headers: tuple[str, str]) -> None:
    pairs = [("content-type", media_type), ("content-length", str(len(body))), *headers]
    raw = [(name.encode(), value.encode("latin-1")) for name, value in pairs]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
