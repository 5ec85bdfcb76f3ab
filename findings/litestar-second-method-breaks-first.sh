#!/usr/bin/env bash
# Litestar 2.25.0: a handler that runs in a thread fails as soon as another method of its path is declared.
#
# Setting: synchronous handlers with sync_to_thread=True that return a Response, as Litestar advises for blocking code.
#
# Expected: GET and POST of one path work side by side, as they do on two paths.
# Seen: each registration of a further method registers the earlier handlers of the path again. That wraps the function
#   of each a second time, so it answers with a coroutine that nobody awaits, and the request ends with status 500. Only
#   the handler that is declared last works. Handlers that return a plain value are not affected, so a page breaks when
#   a form is added to it, or when its answer gets a header. Asynchronous handlers that call
#   litestar.concurrency.sync_to_thread themselves work.
#
# Output seen:
#   Response, two paths: GET 200, POST 201
#   Response, one path: GET 500, POST 201
#   plain value, one path: GET 200, POST 201
#   Response, one path, asynchronous: GET 200, POST 201
#
# Needs: Python 3.11 or newer with venv, and pip. All is in a temporary folder.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check 'litestar==2.25.0' 'httpx==0.28.1' 2>/dev/null

cat >measure.py <<'PYTHON'
import logging
import warnings

from litestar import Litestar, get, post
from litestar.concurrency import sync_to_thread
from litestar.response import Response
from litestar.testing import TestClient

logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")


def answer() -> Response[str]:
    return Response("done")


def in_threads(path: str) -> list:
    @get("/page", sync_to_thread=True)
    def show() -> Response[str]:
        return answer()

    @post(path, sync_to_thread=True)
    def change() -> Response[str]:
        return answer()

    return [show, change]


def plain(path: str) -> list:
    @get("/page", sync_to_thread=True)
    def show() -> str:
        return "done"

    @post(path, sync_to_thread=True)
    def change() -> str:
        return "done"

    return [show, change]


def asynchronous(path: str) -> list:
    @get("/page")
    async def show() -> Response[str]:
        return await sync_to_thread(answer)

    @post(path)
    async def change() -> Response[str]:
        return await sync_to_thread(answer)

    return [show, change]


for name, make, path in (
    ("Response, two paths", in_threads, "/form"),
    ("Response, one path", in_threads, "/page"),
    ("plain value, one path", plain, "/page"),
    ("Response, one path, asynchronous", asynchronous, "/page"),
):
    with TestClient(Litestar(make(path)), raise_server_exceptions=False) as client:
        print(f"{name}: GET {client.get('/page').status_code}, POST {client.post(path).status_code}")
PYTHON
venv/bin/python measure.py 2>/dev/null | tee seen

diff seen - <<'SEEN'
Response, two paths: GET 200, POST 201
Response, one path: GET 500, POST 201
plain value, one path: GET 200, POST 201
Response, one path, asynchronous: GET 200, POST 201
SEEN
