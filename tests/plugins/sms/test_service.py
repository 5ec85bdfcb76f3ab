from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import httpx
import pytest
import structlog

from provisioner_sms.service import LONGEST_BODY, Call, HttpReply, SimulatorService


def answer(call: Call) -> HttpReply:
    if call.path == "/defect":
        msg = "canary"
        raise ValueError(msg)
    return HttpReply(status=200, body=f"{call.method} {call.path} {len(call.body)}".encode())


@pytest.fixture(name="service")
def _service() -> Iterator[SimulatorService]:
    service = SimulatorService.start(answer)
    yield service
    service.stop()


def test_it_answers_many_requests_over_one_connection(service: SimulatorService) -> None:
    with httpx.Client() as client:
        answers = [client.post(f"{service.url}/{n}", content=b"x" * n).text for n in range(3)]

    assert answers == ["POST /0 0", "POST /1 1", "POST /2 2"]


def test_an_answer_is_sent_in_one_piece(service: SimulatorService) -> None:
    """Or Nagle's algorithm and delayed acknowledgements make it wait for 40 ms."""
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        first = connection.recv(65536)

    assert first.endswith(b"GET / 0")


def test_a_defect_ends_one_connection_and_is_logged_without_its_words(service: SimulatorService) -> None:
    with structlog.testing.capture_logs() as entries, pytest.raises(httpx.RemoteProtocolError):
        httpx.get(f"{service.url}/defect")

    assert [(entry["event"], entry["error"]) for entry in entries] == [("sms_service_defect", "ValueError")]
    assert "canary" not in repr(entries)
    assert httpx.get(service.url).status_code == 200


def test_a_body_that_is_too_long_is_not_read(service: SimulatorService) -> None:
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {LONGEST_BODY + 1}\r\n\r\n".encode())

        assert connection.recv(65536) == b""


def test_it_ends_although_somebody_stays_connected() -> None:
    before = threading.active_count()
    service = SimulatorService.start(answer)
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.recv(65536)
        service.stop()

        assert threading.active_count() == before
