"""Orders to misbehave, for mocks that speak HTTP: which calls go wrong, and what becomes of their answers."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Generic, Literal, Protocol, TypeVar

import attrs

from provisioner.net.http_service import Delivery

#: What becomes of the answer to a call that goes wrong, by the fault; the other answers arrive.
DELIVERIES: Mapping[str, Delivery] = MappingProxyType(
    {
        "lose_request": Delivery.LOST,
        "apply_and_lose_answer": Delivery.LOST,
        "cut_answer": Delivery.CUT,
    }
)

#: The number of a call, counted from 1 since the order was given.
CallNumber = int | Literal["always"]


class FaultOrder(Protocol):
    """One order to misbehave. A second one for the same endpoint, call and record replaces the first."""

    @property
    def endpoint(self) -> str:
        """The name of an endpoint, or ``*`` for all."""

    @property
    def call(self) -> CallNumber:
        """Which call goes wrong."""

    @property
    def record(self) -> str | None:
        """The record that the call is about; any if there is none."""


FaultOrderT = TypeVar("FaultOrderT", bound=FaultOrder)

#: What distinguishes orders: endpoint, call and record.
_Key = tuple[str, CallNumber, str | None]


@attrs.define(eq=False)
class FaultOrders(Generic[FaultOrderT]):
    """Counts the calls and determines which of them go wrong. Threads can share it.

    Args:

        endpoints: The names of all endpoints.
    """

    _endpoints: Collection[str]
    _orders: dict[_Key, FaultOrderT] = attrs.field(factory=dict, init=False)
    _calls: Counter[str] = attrs.field(factory=Counter, init=False)
    #: For each order, how many calls of its endpoint came before it was given.
    _before: dict[_Key, int] = attrs.field(factory=dict, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def order(self, fault: FaultOrderT) -> None:
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
        """Behave from now on. The counts stay."""
        with self._lock:
            self._orders.clear()

    def called(self, endpoint: str, record: str | None = None) -> FaultOrderT | None:
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
