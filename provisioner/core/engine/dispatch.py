"""Decides over which channel and with which number a password is sent, and until when a report is awaited."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import attrs

from provisioner.core.api.errors import EarlierMessageError
from provisioner.core.model.deliveries import MessageState, PasswordDelivery, failures
from provisioner.core.model.mobile import NumberKind

if TYPE_CHECKING:
    from provisioner.core.gateways.gateway import Channel

#: How often a password is renewed by itself after one that was not delivered, before a person has to act.
RENEWALS = 1


class OnUndelivered(StrEnum):
    """What is done after a message with a password was not reported as delivered."""

    #: Tell an officer, and nothing else.
    TELL = "tell"
    #: Make a new password, and send it over the next channel.
    NEXT_CHANNEL = "next-channel"
    #: Make a new password, and send it over the same channel to the number that is registered then.
    RENEW = "renew"


@attrs.frozen(kw_only=True)
class DeliveryRules:
    """What holds for the messages of one channel."""

    #: Which number of the owner they are sent to.
    number: NumberKind = NumberKind.MOBILE
    on_undelivered: OnUndelivered = OnUndelivered.TELL
    #: How long a message may be on its way at most. A new password waits as long.
    longest_delay: timedelta = timedelta(0)
    #: How long a report is awaited.
    report_within: timedelta = timedelta(hours=24)


@attrs.frozen(kw_only=True)
class Dispatch:
    """What follows for a new message from the earlier ones of the same account.

    Args:

        recent: Returns the last messages of an account, the latest first.

        last_numbers: Returns the number of the last message of each of some accounts that has one, by login.

        rules: What holds for the messages of each channel, by its name.
    """

    recent: Callable[[str], Sequence[PasswordDelivery]] = lambda _: ()
    last_numbers: Callable[[Collection[str]], Mapping[str, int]] = lambda _: {}
    rules: Mapping[str, DeliveryRules] = attrs.field(factory=dict)

    def rules_of(self, channel: str) -> DeliveryRules:
        """Return what holds for the messages of a channel."""
        return self.rules.get(channel, DeliveryRules())

    def last_number(self, login: str) -> int:
        """Return the number of the last message of an account; 0 if there is none."""
        return self.last_numbers([login]).get(login, 0)

    def failed(self, login: str, marks: Mapping[NumberKind, str | None]) -> Sequence[PasswordDelivery]:
        """Return the messages of an account to these numbers that were not delivered since the last one that was.

        Args:

            login: The account.

            marks: The marks of the numbers. A kind that is left out has the number of its latest message.
        """
        return failures(self.recent(login), marks, lambda channel: self.rules_of(channel).number)

    def in_order(
        self, login: str, marks: Mapping[NumberKind, str | None], channels: Sequence[Channel]
    ) -> Sequence[Channel]:
        """Return channels in the order in which they are tried: last those over which their number was not reached.

        Args:

            login: The account.

            marks: The marks of the numbers to which they send.

            channels: The channels, in their order in the configuration.
        """
        if not any(rules.on_undelivered is OnUndelivered.NEXT_CHANNEL for rules in self.rules.values()):
            return channels
        failed = self.failed_channels(self.failed(login, marks))
        return sorted(channels, key=lambda channel: channel.name in failed)

    def failed_channels(self, failed: Sequence[PasswordDelivery]) -> frozenset[str]:
        """Return the channels of these messages after which the next channel is to be used."""
        return frozenset(
            delivery.channel
            for delivery in failed
            if self.rules_of(delivery.channel).on_undelivered is OnUndelivered.NEXT_CHANNEL
        )

    def obstacle(self, login: str, now: datetime) -> EarlierMessageError | None:
        """Return why a new password has to wait: an earlier one may arrive after it. ``None`` if it may be sent."""
        if not any(rules.longest_delay for rules in self.rules.values()):
            return None
        ends = [self._arrives_by(delivery) for delivery in self.recent(login) if _may_arrive(delivery)]
        until = max(ends, default=now)
        return _wait(until) if until > now else None

    def _arrives_by(self, delivery: PasswordDelivery) -> datetime:
        return delivery.sent_at + self.rules_of(delivery.channel).longest_delay


def _may_arrive(delivery: PasswordDelivery) -> bool:
    return not delivery.state.is_final or delivery.state is MessageState.UNKNOWN


def _wait(until: datetime) -> EarlierMessageError:
    error = EarlierMessageError(
        "an earlier message with a password can arrive until {end}",
        cure="no action is needed: 'provisioner resume' or the next sweep continues afterwards",
        end=until,
    )
    error.until = until
    return error
