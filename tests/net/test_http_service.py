from __future__ import annotations

import math
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import httpx
import pytest
import structlog

from provisioner.net import http_service
from provisioner.net.http_service import LONGEST_REQUEST, Bounds, Delivery, HttpAnswer, HttpCall, HttpService
from provisioner.testing.kannel import wait_until
from provisioner.testing.ports import is_open

DELIVERIES = {"/cut": Delivery.CUT, "/lost": Delivery.LOST}


def connected(service: HttpService) -> socket.socket:
    host, port = service.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)))


def answer(call: HttpCall) -> HttpAnswer:
    if call.path == "/defect":
        msg = "canary"
        raise ValueError(msg)
    if call.path in DELIVERIES:
        return HttpAnswer(body=b"0123456789", delivery=DELIVERIES[call.path])
    return HttpAnswer(body=f"{call.method} {call.path} {len(call.body)}".encode())


@pytest.fixture(name="service")
def _service() -> Iterator[HttpService]:
    service = HttpService.start(answer, name="parrot")
    yield service
    service.stop()


def test_it_answers_many_requests_over_one_connection(service: HttpService) -> None:
    with httpx.Client() as client:
        answers = [client.post(f"{service.url}/{n}", content=b"x" * n).text for n in range(3)]

    assert answers == ["POST /0 0", "POST /1 1", "POST /2 2"]


def test_an_answer_is_sent_in_one_piece(service: HttpService) -> None:
    """Or Nagle's algorithm and delayed acknowledgements make it wait for 40 ms."""
    with connected(service) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        first = connection.recv(65536)

    assert first.endswith(b"GET / 0")


@pytest.mark.parametrize(("path", "end"), [("/cut", b"\r\n\r\n01234"), ("/lost", b"")])
def test_an_answer_ends_where_it_was_told_to(service: HttpService, path: str, end: bytes) -> None:
    """What a plug-in makes of half an answer can only be tested with half an answer."""
    with connected(service) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        received = b"".join(iter(partial(connection.recv, 65536), b""))

    assert received.endswith(end)
    assert bool(received) is bool(end)


@pytest.mark.parametrize("request_line", [b"canary", b"GET canary HTTP/9.9", b"BREW /canary HTTP/1.1"])
def test_what_is_no_request_is_not_quoted(service: HttpService, request_line: bytes) -> None:
    with connected(service) as connection:
        connection.sendall(request_line + b"\r\n\r\n")
        received = b"".join(iter(partial(connection.recv, 65536), b""))

    assert received.startswith(b"HTTP/1.1 400 ")
    assert b"canary" not in received


def test_a_request_under_way_is_answered_before_the_end() -> None:
    """Or a test that stops a mock after the last request would lose its answer now and then."""
    begun, go_on = threading.Event(), threading.Event()

    def slowly(_: HttpCall) -> HttpAnswer:
        begun.set()
        go_on.wait(60)
        return HttpAnswer(body=b"done")

    service = HttpService.start(slowly, name="parrot")
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(httpx.get, service.url, trust_env=False, timeout=60)
        assert begun.wait(60)
        stopped = pool.submit(service.stop)
        wait_until(lambda: not is_open(int(service.url.rpartition(":")[2])))
        go_on.set()
        stopped.result(60)

        assert asked.result(60).text == "done"


def test_a_defect_ends_one_connection_and_is_logged_without_its_words(service: HttpService) -> None:
    with structlog.testing.capture_logs() as entries, pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{service.url}/defect")

    assert [(entry["event"], entry["error"]) for entry in entries] == [("http_service_defect", "ValueError")]
    assert "canary" not in repr(entries)
    assert httpx.get(service.url).status_code == 200


def test_a_body_that_is_too_long_is_not_read(service: HttpService) -> None:
    with connected(service) as connection:
        connection.sendall(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {LONGEST_REQUEST + 1}\r\n\r\n".encode())

        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")
        assert connection.recv(65536) == b""


def test_it_ends_although_somebody_stays_connected() -> None:
    before = set(threading.enumerate())
    service = HttpService.start(answer, name="parrot")
    with connected(service) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.recv(65536)
        service.stop()

        assert set(threading.enumerate()) <= before


def test_more_connections_are_served_than_the_bound_allows() -> None:
    """The others wait, and get their answers when a connection is free again."""
    begun, free, most, lock = 0, threading.Event(), 0, threading.Lock()

    def count(_: HttpCall) -> HttpAnswer:
        nonlocal begun, most
        with lock:
            begun += 1
            most = max(most, begun)
        free.wait(60)
        with lock:
            begun -= 1
        return HttpAnswer()

    service = HttpService.start(count, name="parrot", bounds=Bounds(connections=2, keeps_connections=False))
    try:
        with httpx.Client(timeout=60) as client, ThreadPoolExecutor(6) as pool:
            answers = [pool.submit(client.get, service.url) for _ in range(6)]
            wait_until(lambda: begun == 2)
            free.set()
            assert {answer.result().status_code for answer in answers} == {200}
    finally:
        service.stop()

    assert most == 2


def test_a_connection_is_kept_that_should_be_closed() -> None:
    service = HttpService.start(answer, name="parrot", bounds=Bounds(keeps_connections=False))
    try:
        with connected(service) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            pieces = list(iter(partial(connection.recv, 65536), b""))
    finally:
        service.stop()

    assert b"Connection: close" in b"".join(pieces)


def test_a_service_cannot_stop_while_callers_wait() -> None:
    free = threading.Event()
    service = HttpService.start(
        lambda _: HttpAnswer(status=200 if free.wait(60) else 500), name="parrot", bounds=Bounds(connections=1)
    )
    with connected(service) as first, connected(service) as second:
        for connection in (first, second):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        stopping = threading.Thread(target=service.stop)
        stopping.start()
        free.set()
        stopping.join(60)

        assert not stopping.is_alive()


def test_callers_that_wait_are_cut_off_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """smsbox 1.4.5 panics now and then when a connection is cut, and loses all reports that it holds."""
    monkeypatch.setattr(http_service, "_FAREWELL", 60.0)
    begun, free = threading.Event(), threading.Event()

    def slowly(_: HttpCall) -> HttpAnswer:
        begun.set()
        free.wait(60)
        return HttpAnswer()

    service = HttpService.start(slowly, name="parrot", bounds=Bounds(connections=1, keeps_connections=False))
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        served, held, waiting, late = (stack.enter_context(connected(service)) for _ in range(4))
        for connection in (served, held, waiting):
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert begun.wait(60)
        stopped = pool.submit(service.stop)
        wait_until(lambda: service._server._end < math.inf)
        free.set()
        late.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        stopped.result(60)

        answers = [connection.recv(65536) for connection in (served, held, waiting, late)]

    assert [answer[:12] for answer in answers] == [b"HTTP/1.1 200"] * 4
