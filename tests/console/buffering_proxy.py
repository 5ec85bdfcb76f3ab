"""A reverse proxy that passes an answer on when it has all of it, as proxies with large buffers do."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

#: The headers that concern a connection; the proxy sends its own.
_OF_CONNECTION = {"connection", "content-length", "date", "server", "transfer-encoding"}


@contextmanager
def buffered(upstream: str) -> Iterator[str]:
    """Serve what is at an address, and yield the address of the proxy."""
    place = urlsplit(upstream).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._pass_on()

        do_HEAD = do_POST = do_GET  # noqa: N815 - the names of http.server

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            headers |= {"host": place} | ({"origin": upstream} if "origin" in self.headers else {})
            with closing(http.client.HTTPConnection(place)) as connection:
                connection.request(self.command, self.path, body, {name.lower(): headers[name] for name in headers})
                answer = connection.getresponse()
                content = answer.read()
            with suppress(OSError):  # the browser may have gone meanwhile
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in _OF_CONNECTION:
                        self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, name="proxy")
        thread.start()
        try:
            yield f"http://127.0.0.1:{proxy.server_port}"
        finally:
            proxy.shutdown()
            thread.join()
