"""Deadlines of sockets that don't block; on real ones."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from functools import partial

import pytest

from provisioner.net.sockets import is_idle, receive, send

#: More than the buffers of both ends hold.
MUCH = bytes(32 * 1024 * 1024)


@pytest.fixture(name="pair")
def _pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(0)
        yield ours, theirs


def soon(seconds: float = 30) -> float:
    return time.monotonic() + seconds


def test_silence_ends_at_the_deadline(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = pair

    with pytest.raises(TimeoutError):
        receive(ours, partial(ours.recv, 10), soon(0.05))


def test_what_is_not_taken_ends_at_the_deadline(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = pair

    with pytest.raises(TimeoutError):
        send(ours, MUCH, soon(0.05))


def test_what_does_not_fit_at_once_arrives_as_a_whole(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    taken = bytearray()

    def take() -> None:
        while len(taken) < len(MUCH) and (data := theirs.recv(65536)):
            taken.extend(data)

    thread = threading.Thread(target=take)
    thread.start()
    send(ours, MUCH, soon())
    thread.join()

    assert len(taken) == len(MUCH)


def test_an_end_is_no_timeout(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.close()

    assert receive(ours, partial(ours.recv, 10), soon()) == b""


def test_an_answer_makes_it_busy(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    was_idle = is_idle(ours)
    theirs.sendall(b"bye")

    assert was_idle
    assert not is_idle(ours)
