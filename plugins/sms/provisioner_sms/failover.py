"""Hands a message to the first of several gateways that takes it.

A password must not be on its way over two gateways. Therefore the next gateway gets a message only if the one before
has certainly not taken it, and the reason does not concern the number. After a lost answer, the message stays with its
gateway.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Self

import attrs
import structlog

from provisioner.core.api.errors import (
    ItemMisconfiguredError,
    MisconfiguredError,
    RefusedError,
    TargetError,
    TransientError,
    UnavailableError,
)
from provisioner.core.api.messages import DeliveryReceipt, DeliveryState, ProbeDelivery
from provisioner.core.gateways.breaker import Breaker
from provisioner.core.model.days import utc_now
from provisioner.core.model.text import Text
from provisioner_sms.gateway import BatchGateway, SmsGateway, SmsMessage
from provisioner_sms.limits import Limits

log = structlog.stdlib.get_logger(__name__)

#: After this number of consecutive failures with different messages, a gateway is left out for a while.
THRESHOLD = 3

#: How long it is left out.
PAUSE = timedelta(seconds=30)

#: The receipt of a message that is left to be sent by itself.
_MISSING = DeliveryReceipt(state=DeliveryState.MISSING)

_NOT_TAKEN = frozenset({DeliveryState.MISSING, DeliveryState.REJECTED})

#: For how many messages the gateway that may have them is remembered.
CAPACITY = 10_000


@attrs.define(eq=False, kw_only=True)
class Line:
    """One gateway, and what applies to each message that it gets."""

    #: The kind of the gateway; it is in receipts.
    name: str
    gateway: SmsGateway
    limits: Limits = attrs.field(factory=Limits)
    breaker: Breaker

    @classmethod
    def of(
        cls,
        name: str,
        gateway: SmsGateway,
        limits: Limits,
        channel: str,
        now: Callable[[], datetime] = utc_now,
    ) -> Self:
        """Return the line of a gateway of a channel."""
        breaker = Breaker(
            name=f"{channel}/{name}", now=now, threshold=THRESHOLD, pause=PAUSE, quarantine_after=timedelta.max
        )
        return cls(name=name, gateway=gateway, limits=limits, breaker=breaker)

    def send(self, message: SmsMessage, *, alone: bool) -> DeliveryReceipt:
        """Hand a message to the gateway.

        Args:

            message: The message.

            alone: Whether there is no other gateway. Then the breaker of the channel is sufficient.

        Raises:

            TargetError: It was not taken, or the outcome is unknown.
        """
        guard = nullcontext() if alone else self.breaker.call(message.delivery_id, self.gateway.check)
        with self.limits.admitted(), guard:
            return attrs.evolve(self.gateway.send(message), gateway=self.name)

    def send_batch(self, messages: Sequence[SmsMessage], *, alone: bool) -> Mapping[str, DeliveryReceipt]:
        """Hand several messages to the gateway in one request; see :meth:`send`.

        Returns:

            The receipt of each message, by its ID. All are ``MISSING`` if the gateway takes only single messages.

        Raises:

            TargetError: None was taken, or the outcome is unknown.
        """
        if not isinstance(self.gateway, BatchGateway):
            return {message.delivery_id: _MISSING for message in messages}
        guard = nullcontext() if alone else self.breaker.call(messages[0].delivery_id, self.gateway.check)
        with self.limits.admitted(len(messages)), guard:
            receipts = self.gateway.send_batch(messages)
        return {one: attrs.evolve(receipt, gateway=self.name) for one, receipt in receipts.items()}

    def check(self) -> tuple[str | Text, ...]:
        """Check the gateway, and return what an administrator should know.

        Raises:

            TargetError: It doesn't work.
        """
        with self.breaker.probe():
            return self.gateway.check()


@attrs.define(eq=False)
class Failover:
    """The gateways of one channel, in the order in which they are tried. Threads can share it.

    Args:

        lines: The gateways.
    """

    lines: Sequence[Line]
    #: The gateway that has a message, or may have it, by the ID of the message.
    _holders: OrderedDict[str, str] = attrs.field(factory=OrderedDict, init=False, repr=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    def send(self, message: SmsMessage) -> DeliveryReceipt:
        """Hand a message to the first gateway that takes it."""
        holder, is_out = self._holders.get(message.delivery_id), True
        try:
            receipt = self._sent(message, self._named(holder) or self.lines)
            is_out = receipt.state is not DeliveryState.REJECTED
        except TargetError as error:
            is_out = not _is_refusal(error)
            raise
        finally:
            if holder is None and not is_out:
                self._release(message.delivery_id)
        return receipt

    def _sent(self, message: SmsMessage, lines: Sequence[Line]) -> DeliveryReceipt:
        failures: list[tuple[Line, TargetError]] = []
        for line in lines:
            if not self._is_alone:
                self._hold(message.delivery_id, line.name)
            try:
                return line.send(message, alone=self._is_alone)
            except TargetError as error:
                if not _is_ours(error):
                    raise self._told(line, error) from None
                failures.append((line, error))
                log.warning("gateway_did_not_take", gateway=line.name, error=type(error).__name__)
        raise self._summary(failures)

    def send_batch(self, messages: Sequence[SmsMessage]) -> Mapping[str, DeliveryReceipt]:
        """Hand several messages to the first gateway, in one request.

        A message that another gateway may have is ``MISSING``: :meth:`send` hands it to that one.

        Raises:

            TargetError: None was taken, or the outcome is unknown.
        """
        first, receipts = self.lines[0], dict[str, DeliveryReceipt]()
        others = [one for one in messages if self._holders.get(one.delivery_id, first.name) != first.name]
        fresh = [one for one in messages if one not in others]
        if fresh:
            receipts = dict(self._batch_sent(first, fresh))
        return {**dict.fromkeys((one.delivery_id for one in others), _MISSING), **receipts}

    def _batch_sent(self, line: Line, messages: Sequence[SmsMessage]) -> Mapping[str, DeliveryReceipt]:
        held = [one.delivery_id for one in messages if one.delivery_id not in self._holders and not self._is_alone]
        for delivery_id in held:
            self._hold(delivery_id, line.name)
        receipts: Mapping[str, DeliveryReceipt] = {}
        is_out = True
        try:
            receipts = line.send_batch(messages, alone=self._is_alone)
        except TargetError as error:
            is_out = not _is_refusal(error)
            raise self._told(line, error) from None
        finally:
            for delivery_id in held:
                found = receipts.get(delivery_id)
                if not is_out or (found and found.state in _NOT_TAKEN):
                    self._release(delivery_id)
        return receipts

    def probe(self, request: ProbeDelivery) -> DeliveryReceipt:
        """Ask the gateway that has a message, or may have it."""
        holder = request.gateway or self._holders.get(request.delivery_id)
        lines = self._named(holder) if holder else self.lines
        if len(lines) != 1:
            return DeliveryReceipt(
                state=DeliveryState.UNKNOWN, gateway=holder, detail="it is unknown which gateway has the message"
            )
        return attrs.evolve(lines[0].gateway.probe(request), gateway=lines[0].name)

    def check(self) -> tuple[str | Text, ...]:
        """Check all gateways at the same time. One that works is sufficient."""
        if self._is_alone:
            return self.lines[0].gateway.check()
        with ThreadPoolExecutor(len(self.lines), thread_name_prefix="gateways") as pool:
            found = list(pool.map(_checked, self.lines))
        failures = [(line, one) for line, one in zip(self.lines, found, strict=True) if isinstance(one, TargetError)]
        if len(failures) == len(self.lines):
            raise self._summary(failures)
        return tuple(
            _of_gateway(line, warning)
            for line, one in zip(self.lines, found, strict=True)
            for warning in ([one.text] if isinstance(one, TargetError) else one)
        )

    def close(self) -> None:
        """Close all gateways."""
        for line in self.lines:
            line.gateway.close()

    @property
    def _is_alone(self) -> bool:
        return len(self.lines) == 1

    def _named(self, name: str | None) -> Sequence[Line]:
        return [line for line in self.lines if line.name == name]

    def _hold(self, delivery_id: str, name: str) -> None:
        with self._lock:
            self._holders[delivery_id] = name
            while len(self._holders) > CAPACITY:
                self._holders.popitem(last=False)

    def _release(self, delivery_id: str) -> None:
        with self._lock:
            self._holders.pop(delivery_id, None)

    def _summary(self, failures: Sequence[tuple[Line, TargetError]]) -> TargetError:
        """Return the error of the channel: of a gateway that may soon take the message, if there is one."""
        line, error = min(failures, key=lambda failure: _how_far_off(failure[1]))
        if isinstance(error, ItemMisconfiguredError):  # which only the core raises
            error = MisconfiguredError(error.text, cure=error.cure)
        return self._told(line, error)

    def _told(self, line: Line, error: TargetError) -> TargetError:
        if not self._is_alone:
            error.text = _of_gateway(line, error.text)
        return error


def _checked(line: Line) -> tuple[str | Text, ...] | TargetError:
    try:
        return line.check()
    except TargetError as error:
        return error


def _is_refusal(error: TargetError) -> bool:
    """Whether a gateway has certainly not taken the message."""
    if isinstance(error, UnavailableError) and error.reached:
        return False
    return isinstance(error, (RefusedError, TransientError, MisconfiguredError, ItemMisconfiguredError))


def _is_ours(error: TargetError) -> bool:
    """Whether a gateway has certainly not taken the message, for a reason that does not concern the number."""
    return _is_refusal(error) and not isinstance(error, RefusedError)


def _how_far_off(error: TargetError) -> int:
    """Rank the errors of several gateways: those that may pass soon come first."""
    return 0 if error.retryable else 1 if isinstance(error, TransientError) else 2


def _of_gateway(line: Line, text: str | Text) -> Text:
    return Text("{gateway}: {text}", {"gateway": line.name, "text": text})
