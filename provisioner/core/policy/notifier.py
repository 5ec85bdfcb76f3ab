"""Sends messages without any secret to people: warnings and reminders."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import attrs

from provisioner.core.api.errors import (
    ItemMisconfiguredError,
    LeaseLostError,
    MisconfiguredError,
    MissingError,
    ProvisionerError,
    RefusedError,
    StoreError,
    TargetError,
    TransientError,
    UnsupportedError,
    known_or_defect,
)
from provisioner.core.api.fencing import Lease, fenced
from provisioner.core.api.messages import DeliverNotice
from provisioner.core.api.rules import Deadline
from provisioner.core.engine.delivery import deliver
from provisioner.core.engine.people import PARALLEL, LookUp, People
from provisioner.core.gateways.gateway import Channel
from provisioner.core.gateways.retrying import Retry
from provisioner.core.model import Person
from provisioner.core.model.text import Text

#: Namespace of the IDs of notices, so that a gateway that supports IDs never treats one notice as two.
_IDS = uuid.UUID("6f0d3c52-31c5-4a0e-9d0e-3a4b8a3f4a86")


@attrs.frozen(kw_only=True)
class Notice:
    """A message to a person because of a deadline."""

    #: What it concerns: a login, or the name of another subject with deadlines.
    subject: str
    deadline: Deadline
    #: The same, if it is the login of an account.
    login: str = ""
    #: The ID of the person to notify; ``None`` if there is nobody.
    recipient: str | None
    #: Why it was not delivered; ``None`` if it was.
    error: ProvisionerError | None = None
    #: Whether a delivery was attempted, for which the recipient could be looked up.
    tried: bool = True
    #: The gateway's reference of the message.
    reference: str | None = None

    @property
    def delivery_id(self) -> str:
        """The ID of the message; the same on every attempt."""
        deadline = self.deadline
        name = f"{self.subject} {deadline.rule_set} {deadline.action} {deadline.at.isoformat()}"
        return str(uuid.uuid5(_IDS, name))


@attrs.define(eq=False, kw_only=True)
class Notifier:
    """Sends notices to people.

    Args:

        people: Looks up persons.

        channels: The channels, in the order in which they are tried.

        retry: The retry policy.

        say: Translates a text into the language of messages to people.

        good_for: How long after the last check a notice may be sent. A process that was suspended for longer doesn't
            send it: it may be outdated, and another sweep may have sent it.
    """

    people: People
    channels: Sequence[Channel]
    retry: Retry
    say: Callable[[Text], str]
    good_for: timedelta = timedelta(minutes=1)

    def tell(
        self, notices: Sequence[Notice], note: Callable[[Notice], None], is_due: Callable[[Notice], bool]
    ) -> Iterator[Notice]:
        """Deliver these notices, several at the same time, and yield each with its result.

        Notices that are no longer due are left out. If the program is stopped or something fails, notices that were not
        started are left out too.

        Args:

            notices: The notices.

            note: Called with each delivered notice, before the same thread delivers the next one.

            is_due: Returns whether a notice is still due. Called immediately before each delivery.

        Raises:

            StoreError: Deliveries can't be recorded; raised after all deliveries.
        """
        known = self.people.look_up({notice.recipient for notice in notices if notice.recipient})
        failures: list[StoreError] = []

        def tell(notice: Notice) -> Notice | None:
            told = None
            try:
                lease = Lease.of(self.good_for)
                if not failures and is_due(notice):
                    with fenced(notice.subject, lease):
                        told = self._told(notice, known)
                if told and not told.error:
                    note(told)
            except LeaseLostError:
                return None
            except StoreError as error:
                failures.append(error)
            except Exception as error:
                told = attrs.evolve(notice, error=known_or_defect(error), tried=False)
            return told

        with ThreadPoolExecutor(PARALLEL, thread_name_prefix="notices") as pool:
            yield from (told for told in pool.map(tell, notices) if told)
        if failures:
            raise failures[0]

    def _told(self, notice: Notice, known: LookUp) -> Notice | None:
        if self.retry.stop.is_set():
            return None
        if error := known.errors.get(notice.recipient or ""):
            return attrs.evolve(notice, error=error, tried=False)
        recipient = known.persons.get(notice.recipient or "")
        try:
            if recipient is None:
                raise MissingError("there is nobody to notify", cure="name a known custodian")
            return attrs.evolve(notice, reference=self._deliver(notice, recipient))
        except TargetError as error:
            return attrs.evolve(notice, error=error)

    def _deliver(self, notice: Notice, recipient: Person) -> str | None:
        """Deliver over the first channel that accepts the notice, and return the gateway's reference."""
        text = self.say(notice.deadline.reason)
        request = DeliverNotice(delivery_id=notice.delivery_id, recipient=recipient, text=text)
        error: TargetError = UnsupportedError("no channel supports messages of this kind")
        for channel in (channel for channel in self.channels if "notice_deliver" in channel.hooks):
            try:
                return self._deliver_over(channel, request)
            except (RefusedError, TransientError, MisconfiguredError, ItemMisconfiguredError) as failure:
                error = failure
        raise error

    def _deliver_over(self, channel: Channel, request: DeliverNotice) -> str | None:
        receipt = self.retry.call(
            lambda _: deliver(lambda: channel.notify(request), channel, request.delivery_id, self.retry)
        )
        return receipt.reference
