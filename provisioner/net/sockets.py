"""Sends and receives over sockets that don't block, within one deadline.

A timeout of Python's own begins again with every byte. To keep a deadline, it would have to be set before each call,
and Python would wait before it reads or writes as well. Each of these system calls lets another thread have the
interpreter, and getting that back takes longer than the call. So there is one wait here for each answer.
"""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from provisioner.net.tls import seconds_left

ResultT = TypeVar("ResultT")

#: What a socket that doesn't block raises where another one would wait.
_NOT_NOW = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


def is_idle(connection: socket.socket) -> bool:
    """Whether the other side has said nothing since its last answer; it would be that it hangs up."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return not poll.poll(0)


def send(connection: socket.socket, data: bytes, deadline: float) -> None:
    """Send data as a whole.

    Args:

        connection: A socket that doesn't block.

        data: What to send.

        deadline: A time of the monotonic clock.

    Raises:

        OSError: It was not sent as a whole; a ``TimeoutError`` at the deadline.
    """
    unsent = memoryview(data)
    while unsent:
        sent = _now(partial(connection.send, unsent), connection, select.POLLOUT, deadline)
        unsent = unsent[sent or 0 :]


def receive(connection: socket.socket, read: Callable[[], ResultT], deadline: float) -> ResultT:
    """Wait until something arrives, and return what *read* returns of it.

    Args:

        connection: A socket that doesn't block.

        read: Reads from the socket.

        deadline: A time of the monotonic clock.

    Raises:

        OSError: Nothing can arrive; a ``TimeoutError`` at the deadline.
    """
    if not (isinstance(connection, ssl.SSLSocket) and connection.pending()):
        _wait(connection, select.POLLIN, deadline)
    while (found := _now(read, connection, select.POLLIN, deadline)) is None:
        pass
    return found


def _now(call: Callable[[], ResultT], connection: socket.socket, event: int, deadline: float) -> ResultT | None:
    """Return the result of a call; ``None`` after a wait if it was not possible yet."""
    try:
        return call()
    except _NOT_NOW as error:
        reason = error
    # Encryption may have to read before it can write, and the other way round.
    if isinstance(reason, ssl.SSLWantReadError):
        event = select.POLLIN
    elif isinstance(reason, ssl.SSLWantWriteError):
        event = select.POLLOUT
    _wait(connection, event, deadline)
    return None


def _wait(connection: socket.socket, event: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(connection, event)
    if not poll.poll(seconds_left(deadline) * 1000):
        raise TimeoutError("timed out")
