"""Bounds how many messages a channel sends on a day, in all processes together.

A message is counted before it is sent, and no longer if it certainly was not sent. So a crash can leave a message
counted that was not sent, and never one uncounted that was. An operation takes its place before it changes a password:
otherwise nobody could learn the new one before the next day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo

import attrs

from provisioner.core.api.errors import DailyLimitError, StoreError
from provisioner.core.engine.ports import MessageCounts
from provisioner.core.model.days import utc_now


@attrs.frozen(kw_only=True)
class Allowances:
    """How many messages the channels may send.

    Args:

        counts: How many they sent; ``None`` if no channel has a limit.

        limits: How many each channel may send on a day, by its name. Other channels have no limit.

        now: The clock.

        zone: The time zone in which a day begins.
    """

    counts: MessageCounts | None = None
    limits: Mapping[str, int] = attrs.field(factory=dict)
    now: Callable[[], datetime] = utc_now
    zone: ZoneInfo = attrs.field(factory=lambda: ZoneInfo("UTC"))

    @property
    def today(self) -> date:
        """The day on which messages count now."""
        return self.now().astimezone(self.zone).date()

    @property
    def next_day_at(self) -> datetime:
        """When the next day begins."""
        midnight = datetime.combine(self.today + timedelta(days=1), time(), tzinfo=self.zone)
        return midnight.astimezone(UTC)

    def take(self, channel: str, *, beyond: bool = False) -> Callable[[], None]:
        """Count a message that a channel is about to send.

        Args:

            channel: The name of the channel.

            beyond: Whether it may be sent although the limit is reached.

        Returns:

            A function that ends the count of the message, if it was not sent.

        Raises:

            DailyLimitError: The channel may send no more messages today.

            StoreError: The store failed.
        """
        limit = self.limits.get(channel)
        if limit is None or self.counts is None:
            return _nothing
        day = self.today
        if not self.counts.take(channel, day, limit) and not (beyond and self.counts.take(channel, day, limit + 1)):
            raise self._exceeded(channel, limit)
        return lambda: self._give_back(channel, day)

    def full(self) -> Mapping[str, int]:
        """Return the channels that may send no more messages today, and their limits."""
        counts, day = self.counts, self.today
        return {name: limit for name, limit in self.limits.items() if counts and counts.sent(name, day) >= limit}

    def obstacle(self, channels: Sequence[str]) -> DailyLimitError | None:
        """Return why none of these channels may send a message; ``None`` if one of them may."""
        full = self.full() if channels and self.limits.keys() >= set(channels) else {}
        return self._exceeded(channels[0], full[channels[0]]) if full.keys() >= set(channels) and full else None

    def require(self, channel: str) -> None:
        """Check that a channel may send a message.

        Raises:

            DailyLimitError: It may not.
        """
        if error := self.obstacle([channel]):
            raise error

    def reservation(self) -> Reservation:
        """Return a place for one message, on no channel yet."""
        return Reservation(self)

    def _give_back(self, channel: str, day: date) -> None:
        with suppress(StoreError):  # one message less can be sent today
            if self.counts:
                self.counts.give_back(channel, day)

    def _exceeded(self, channel: str, limit: int) -> DailyLimitError:
        until = self.next_day_at
        error = DailyLimitError(
            "{channel} has sent the {limit} messages of today; it sends again from {end}",
            cure="raise max_per_day under [channels.{channel}] if that is too few; otherwise no action is needed",
            retry_after=(until - self.now()).total_seconds(),
            channel=channel,
            limit=limit,
            end=until,
        )
        error.target, error.until = channel, until
        return error


@attrs.define(eq=False)
class Reservation:
    """A place for one message on one channel. Used by one thread, as a context manager.

    Args:

        allowances: What the channels may send.
    """

    _allowances: Allowances
    _channel: str | None = attrs.field(default=None, init=False)
    _give_back: Callable[[], None] | None = attrs.field(default=None, init=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._release()

    def hold_any(self, channels: Sequence[str]) -> None:
        """Take a place on the first of these channels that has one.

        Raises:

            DailyLimitError: None has one.
        """
        failures = []
        for channel in channels:
            try:
                return self.hold(channel)
            except DailyLimitError as error:
                failures.append(error)
        if failures:
            raise failures[0]
        return None

    def hold(self, channel: str) -> None:
        """Take a place on a channel, instead of that on another one.

        Raises:

            DailyLimitError: It has none.
        """
        if channel != self._channel:
            give_back = self._allowances.take(channel)
            self._release()
            self._channel, self._give_back = channel, give_back

    def spend(self) -> None:
        """Note that the message is out, or may be."""
        self._channel = self._give_back = None

    def _release(self) -> None:
        if self._give_back:
            self._give_back()
        self._channel = self._give_back = None


def _nothing() -> None:
    """Do nothing, because nothing was counted."""
