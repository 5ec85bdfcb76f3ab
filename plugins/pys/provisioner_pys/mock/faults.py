"""Faults to order: what can go wrong between a client and a service, call by call."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Literal

import attrs


class PysFault(StrEnum):
    """What the service does instead of a proper answer."""

    #: Refuse for good, with 422 ``refused``. Nothing is changed.
    REFUSE = "refuse"
    #: Refuse the password for good, with 422 ``password_refused``. Nothing is changed.
    REFUSE_SECRET = "refuse_secret"  # noqa: S105 - the name of a fault
    #: Say that the key may not do this, with 403 ``forbidden``. Nothing is changed.
    FORBID = "forbid"
    #: Ask for patience, with 429 and ``Retry-After``. Nothing is changed.
    THROTTLE = "throttle"
    #: Answer 500. Nothing is changed, but the caller cannot know.
    ERROR_500 = "error_500"
    #: Close the connection without an answer. Nothing is changed, but the caller cannot know.
    LOSE_REQUEST = "lose_request"
    #: Wait, then do what was asked and answer, although the caller may have gone in between.
    DELAY = "delay"
    #: Do what was asked at once, and answer late.
    ANSWER_LATE = "answer_late"
    #: Do what was asked, and close the connection without an answer.
    APPLY_AND_LOSE_ANSWER = "apply_and_lose_answer"
    #: Do what was asked, and close the connection in the middle of the answer.
    CUT_ANSWER = "cut_answer"


@attrs.frozen(kw_only=True)
class PysFaultOrder:
    """One order to misbehave. A second one for the same endpoint, call and record replaces the first."""

    #: The name of an endpoint, for example ``account.password``, or ``*`` for all.
    endpoint: str
    do: PysFault = attrs.field(converter=PysFault)
    #: Which call from now on, counted from 1, or ``always``.
    call: int | Literal["always"] = "always"
    #: How long to wait, or what ``Retry-After`` says.
    seconds: float = 1.0
    #: The id of the person or the login of the account that the call is about; any if it is not given.
    record: str | None = None


#: What tells one order from another: endpoint, call and record.
_Key = tuple[str, int | str, str | None]


@attrs.define(eq=False)
class PysFaultOrders:
    """Counts the calls and knows which of them go wrong.

    Args:

        endpoints: The names of all endpoints.
    """

    _endpoints: Collection[str]
    _orders: dict[_Key, PysFaultOrder] = attrs.field(factory=dict, init=False)
    _calls: Counter[str] = attrs.field(factory=Counter, init=False)
    #: For each order, how many calls of its endpoint came before it was given.
    _before: dict[_Key, int] = attrs.field(factory=dict, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def order(self, fault: PysFaultOrder) -> None:
        """Misbehave like this from now on.

        Raises:

            ValueError: There is no such endpoint or call.
        """
        if fault.endpoint not in {*self._endpoints, "*"}:
            msg = f"endpoint must be * or one of: {', '.join(self._endpoints)}"
            raise ValueError(msg)
        if fault.call != "always" and fault.call < 1:
            msg = "calls are counted from 1"
            raise ValueError(msg)
        with self._lock:
            key = fault.endpoint, fault.call, fault.record
            self._orders[key] = fault
            self._before[key] = self._count(fault.endpoint)

    def clear(self) -> None:
        """Behave from now on."""
        with self._lock:
            self._orders.clear()

    def called(self, endpoint: str, record: str | None = None) -> PysFaultOrder | None:
        """Count a call of *endpoint* and return what goes wrong with it; an order for one call goes before the rest."""
        with self._lock:
            self._calls[endpoint] += 1
            due = [fault for key, fault in self._orders.items() if self._is_due(key, endpoint, record)]
            return min(due, key=lambda fault: (fault.call == "always", fault.endpoint == "*"), default=None)

    def counts(self) -> Mapping[str, int]:
        """Return how often each endpoint was called."""
        with self._lock:
            return dict(self._calls)

    def _is_due(self, key: _Key, endpoint: str, record: str | None) -> bool:
        wanted, call, about = key
        is_counted = call in {"always", self._count(wanted) - self._before[key]}
        return wanted in {endpoint, "*"} and about in {None, record} and is_counted

    def _count(self, endpoint: str) -> int:
        return self._calls.total() if endpoint == "*" else self._calls[endpoint]
