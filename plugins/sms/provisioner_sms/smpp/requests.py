"""Requests to an operator: those that wait to be sent, and those that wait for their answers.

If a request is given up before it is sent, nobody received it. If it is given up later, the operator may have received
it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future

import attrs

from provisioner.core.api.errors import TargetError, UnavailableError, UnknownOutcomeError
from provisioner_sms.smpp.pdus import Pdu

#: The sequence number of the bind, and the last one before they start again.
FIRST_SEQUENCE, LAST_SEQUENCE = 1, 0x7FFFFFFF

#: Makes an error; each thread that waits gets its own.
Reason = Callable[[], TargetError]


@attrs.define(eq=False, kw_only=True)
class Request:
    """One request, and its answer, which another thread waits for."""

    command: str
    fields: Mapping[str, object] = attrs.field(repr=False)
    #: Until when it must be sent, and answered: times of the monotonic clock.
    leave_by: float
    answer_by: float
    #: Its answer, with any status.
    answer: Future[Pdu] = attrs.field(factory=Future, repr=False)


@attrs.define(eq=False)
class Requests:
    """The requests of one connection. Any thread can add some; the thread that owns the connection does the rest.

    Args:

        window: How many may wait for their answers at once.
    """

    _window: int
    _waiting: deque[Request] = attrs.field(factory=deque, init=False)
    #: By their sequence numbers.
    _sent: dict[int, Request] = attrs.field(factory=dict, init=False)
    _sequence: int = attrs.field(default=FIRST_SEQUENCE, init=False)
    #: Makes the error for further requests; ``None`` while requests are accepted.
    _end: Reason | None = attrs.field(default=None, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def add(self, request: Request) -> None:
        """Queue a request; fail it at once if no more are accepted."""
        with self._lock:
            end = self._end
            if end is None:
                self._waiting.append(request)
        if end is not None:
            request.answer.set_exception(end())

    def next(self) -> tuple[int, Request] | None:
        """Take the next request that may be sent now, with its sequence number."""
        with self._lock:
            if not self._waiting or len(self._sent) >= self._window:
                return None
            request = self._waiting.popleft()
        self._sequence = self._sequence % LAST_SEQUENCE + 1
        self._sent[self._sequence] = request
        return self._sequence, request

    def put_back(self, sequence: int) -> None:
        """Queue a request again that could not be sent."""
        with self._lock:
            self._waiting.appendleft(self._sent.pop(sequence))

    def answer(self, pdu: Pdu) -> None:
        """Hand an answer to the thread that waits for it; after the deadline, no thread waits."""
        if request := self._sent.pop(pdu.sequence, None):
            request.answer.set_result(pdu)

    def give_up(self, now: float) -> None:
        """Give up the requests whose time is over."""
        with self._lock:
            late = [request for request in self._waiting if request.leave_by <= now]
            for request in late:
                self._waiting.remove(request)
        for request in late:
            request.answer.set_exception(UnavailableError("the operator took too long for earlier messages"))
        unanswered = [sequence for sequence, request in self._sent.items() if request.answer_by <= now]
        for sequence in unanswered:
            error = UnknownOutcomeError("a message was sent to the operator, and no answer arrived")
            self._sent.pop(sequence).answer.set_exception(error)

    def next_deadline(self) -> float:
        """Return when the next request has to be given up."""
        with self._lock:
            waiting = [request.leave_by for request in self._waiting]
        return min([*waiting, *(request.answer_by for request in self._sent.values())], default=float("inf"))

    def stop(self, reason: Reason) -> None:
        """Take no more requests.

        Args:

            reason: Makes the error of requests that are added later.
        """
        with self._lock:
            self._end = self._end or reason

    def end(self, reason: Reason) -> None:
        """Give up all requests.

        Args:

            reason: Makes the error of requests that were not sent.
        """
        self.stop(reason)
        with self._lock:
            waiting, self._waiting = self._waiting, deque()
        for request in waiting:
            request.answer.set_exception(reason())
        for request in self._sent.values():
            lost = UnknownOutcomeError("the connection to the operator was lost before it answered")
            request.answer.set_exception(lost)
        self._sent.clear()

    @property
    def are_taken(self) -> bool:
        """Whether more are taken."""
        with self._lock:
            return self._end is None

    @property
    def are_done(self) -> bool:
        """Whether none waits."""
        with self._lock:
            return not self._waiting and not self._sent
