"""The network that fails on demand, in front of a server that answers each line with the same line."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from provisioner.testing.proxy import TcpProxy, WireFault


class EchoServer(socketserver.ThreadingTCPServer):
    """Notes what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), EchoHandler)
        self.asked: list[bytes] = []


class EchoHandler(socketserver.StreamRequestHandler):
    server: EchoServer

    def handle(self) -> None:
        for line in self.rfile:
            self.server.asked.append(line.strip())
            self.wfile.write(line)


@pytest.fixture(name="server")
def _server() -> Iterator[EchoServer]:
    with EchoServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(name="proxy")
def _proxy(server: EchoServer) -> Iterator[TcpProxy]:
    with TcpProxy(("127.0.0.1", server.server_address[1]), delay=0.1) as proxy:
        yield proxy


def connect(proxy: TcpProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=60)


def ask(client: socket.socket, line: bytes) -> bytes:
    """Return the answer, as much of it as comes before the end of the line or of the connection."""
    client.sendall(line + b"\n")
    answer = b""
    while not answer.endswith(b"\n") and (more := client.recv(100)):
        answer += more
    return answer.strip()


def wait_for(server: EchoServer, *asked: bytes) -> None:
    deadline = time.monotonic() + 60
    while server.asked != list(asked) and time.monotonic() < deadline:
        time.sleep(0.005)
    assert server.asked == list(asked)


def test_what_is_not_disturbed_goes_through(proxy: TcpProxy) -> None:
    with closing(connect(proxy)) as one, closing(connect(proxy)) as other:
        assert [ask(one, b"1"), ask(other, b"2"), ask(one, b"3")] == [b"1", b"2", b"3"]
    assert proxy.requests == 3


def test_a_request_in_two_pieces_is_one_request(proxy: TcpProxy, server: EchoServer) -> None:
    """HTTP clients send head and body apart; a fault that was ordered once must not hit both."""
    with closing(connect(proxy)) as client:
        client.sendall(b"head ")
        time.sleep(0.05)
        assert ask(client, b"body") == b"head body"
    assert proxy.requests == 1
    assert server.asked == [b"head body"]


def test_refused_is_refused_by_the_system_and_hits_connections_that_there_are(proxy: TcpProxy) -> None:
    """A client must be able to tell that nothing was sent."""
    with closing(connect(proxy)) as client:
        assert ask(client, b"0") == b"0"
        proxy.fail(WireFault.REFUSE)
        assert client.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
    proxy.heal()
    with closing(connect(proxy)) as client:
        assert ask(client, b"1") == b"1"


def test_a_black_hole_says_nothing_until_it_is_healed_and_then_hangs_up(proxy: TcpProxy, server: EchoServer) -> None:
    with closing(connect(proxy)) as client:
        proxy.fail(WireFault.BLACK_HOLE)
        client.settimeout(0.1)
        with pytest.raises(TimeoutError):
            ask(client, b"1")
        client.settimeout(60)
        proxy.heal()
        assert client.recv(1) == b""
    assert server.asked == []


def test_a_lost_request_does_not_arrive(proxy: TcpProxy, server: EchoServer) -> None:
    with closing(connect(proxy)) as client:
        proxy.fail(WireFault.LOSE_REQUEST)
        assert ask(client, b"1") == b""
    assert server.asked == []


@pytest.mark.parametrize(("fault", "answer"), [(WireFault.LOSE_ANSWER, b""), (WireFault.CUT_ANSWER, b"long a")])
def test_a_request_whose_answer_is_lost_or_cut_arrives(
    proxy: TcpProxy, server: EchoServer, fault: WireFault, answer: bytes
) -> None:
    with closing(connect(proxy)) as client:
        proxy.fail(fault)
        assert ask(client, b"long answer") == answer
    wait_for(server, b"long answer")


def test_a_delay_is_as_long_as_it_was_ordered(proxy: TcpProxy) -> None:
    with closing(connect(proxy)) as client:
        proxy.fail(WireFault.DELAY)
        began = time.monotonic()
        assert ask(client, b"1") == b"1"
    assert time.monotonic() - began >= proxy.delay


def test_a_fault_hits_as_many_requests_as_were_ordered_after_those_that_are_spared(
    proxy: TcpProxy, server: EchoServer
) -> None:
    proxy.fail(WireFault.LOSE_REQUEST, requests=2, after=1)
    answers = []
    for number in b"1234":
        with closing(connect(proxy)) as client:
            answers.append(ask(client, b"%d" % number))
    assert [bool(answer) for answer in answers] == [True, False, False, True]
    assert len(server.asked) == 2
    assert (proxy.requests, proxy.failures) == (4, 2)


def test_leaving_it_ends_connections_that_are_open(server: EchoServer) -> None:
    with TcpProxy(("127.0.0.1", server.server_address[1])) as proxy:
        client = connect(proxy)
        assert ask(client, b"1") == b"1"
    with closing(client):
        assert client.recv(1) == b""


def test_a_server_that_is_down_is_no_connection(proxy: TcpProxy, server: EchoServer) -> None:
    server.socket.close()
    with closing(connect(proxy)) as client:
        assert client.recv(1) == b""
