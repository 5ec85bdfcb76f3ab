"""Brings messages without any secret to people: warnings and reminders."""

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

#: Makes the ids of notices, so that the same one is never two to a gateway that knows ids.
_IDS = uuid.UUID("6f0d3c52-31c5-4a0e-9d0e-3a4b8a3f4a86")


@attrs.frozen(kw_only=True)
class Notice:
    """Something that a person has to be told because of a deadline."""

    #: What it is about: a login, or the name of something else that has deadlines.
    subject: str
    deadline: Deadline
    #: The same, if it is the login of an account.
    login: str = ""
    #: The id of whoever is to be told; ``None`` if there is nobody.
    recipient: str | None
    #: Why it was not delivered; ``None`` if it was.
    error: ProvisionerError | None = None
    #: Whether it was tried to reach the recipient, who could be looked up for that.
    tried: bool = True
    #: What the gateway calls the message.
    reference: str | None = None

    @property
    def delivery_id(self) -> str:
        """The id of the message; the same one on every attempt."""
        deadline = self.deadline
        name = f"{self.subject} {deadline.rule_set} {deadline.action} {deadline.at.isoformat()}"
        return str(uuid.uuid5(_IDS, name))


@attrs.define(eq=False, kw_only=True)
class Notifier:
    """Tells people what they have to know.

    Args:

        people: Who is who.

        channels: In the order in which they are tried.

        retry: The retry policy.

        say: Puts a text into the language of messages to people.

        good_for: How long a notice may take from the last look at whether it is due. A process that was stopped for
            longer does not send it: it may be untrue by now, and another sweep may have sent it.
    """

    people: People
    channels: Sequence[Channel]
    retry: Retry
    say: Callable[[Text], str]
    good_for: timedelta = timedelta(minutes=1)

    def tell(
        self, notices: Sequence[Notice], note: Callable[[Notice], None], is_due: Callable[[Notice], bool]
    ) -> Iterator[Notice]:
        """Deliver these notices, several at once, and yield them with what became of each.

        Those that are not due any more are left out; so are, when the program is asked to stop or something fails,
        those not begun.

        Args:

            notices: What to tell whom.

            note: Called with each notice that was delivered, before the next one is by the same thread.

            is_due: Says whether a notice is still due. Called right before each one is delivered.

        Raises:

            StoreError: What was delivered cannot be noted; raised after all that was delivered.
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
                raise MissingError("there is nobody to tell", cure="name a custodian who is known")
            return attrs.evolve(notice, reference=self._deliver(notice, recipient))
        except TargetError as error:
            return attrs.evolve(notice, error=error)

    def _deliver(self, notice: Notice, recipient: Person) -> str | None:
        """Deliver over the first channel that takes it, and return the gateway's name of the message."""
        text = self.say(notice.deadline.reason)
        request = DeliverNotice(delivery_id=notice.delivery_id, recipient=recipient, text=text)
        error: TargetError = UnsupportedError("no channel brings messages of this kind")
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
