"""The messages that one check sends through one channel, and what must be true of them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence

import attrs
import pytest

from provisioner.core.api.errors import RefusedError
from provisioner.core.api.messages import DeliverNotice, DeliverSecret, DeliveryReceipt, DeliveryState, ProbeDelivery
from provisioner.core.gateways.gateway import Channel
from provisioner.core.model import Account, Person
from provisioner.core.model.secret import Secret
from provisioner.testing.contract.sandbox import Patient, SandboxPeople, expecting_no_defect

#: The gateway took the message.
TAKEN = frozenset({DeliveryState.ACCEPTED, DeliveryState.DELIVERED})

#: How many notices the checks send at once.
BATCH = 3

#: How many seconds one waits for a message that must not come.
CALM = 0.1


@attrs.define(eq=False, kw_only=True, repr=False)
class Postbox(Patient):
    """Messages to people each of whom has a phone of their own."""

    channel: Channel
    people: SandboxPeople
    make_secret: Callable[[], Secret]
    make_number: Callable[[], str]
    #: How many seconds a message may be on its way.
    patience: float
    #: Returns the texts on the phone with a number, if that can be told.
    inbox: Callable[[str], Sequence[str]] | None = None

    def needs(self, *hooks: str) -> None:
        """Skip the check if the channel does not have these hooks."""
        for hook in hooks:
            if hook not in self.channel.hooks:
                pytest.skip(f"the channel has no {hook}")

    def needs_inbox(self) -> None:
        """Skip the check if nobody can look at the phones."""
        if self.inbox is None:
            pytest.skip("needs the messages on the phones: define the fixture 'inbox'")

    def recipient(self) -> Person:
        """Return a person with a phone that received nothing yet."""
        return attrs.evolve(self.people.holder, id=f"sozlesme-{secrets.token_hex(4)}", mobile=self.make_number())

    def message(self, recipient: Person | None = None, secret: Secret | None = None) -> DeliverSecret:
        """Return a request to deliver a password."""
        recipient = recipient or self.recipient()
        login = f"{self.people.prefix}{secrets.token_hex(3)}"
        account = Account(login=login, domain=self.people.domain, unit=self.people.unit.code, holder=recipient.id)
        return DeliverSecret(
            operation_id=secrets.token_hex(8),
            delivery_id=secrets.token_hex(12),
            account=account,
            recipient=recipient,
            secret=secret or self.make_secret(),
        )

    def notice(self, recipient: Person | None = None) -> DeliverNotice:
        """Return a request to deliver a notice."""
        text = f"Parolaniz {secrets.randbelow(10**6)} gun sonra dolacak."
        return DeliverNotice(delivery_id=secrets.token_hex(12), recipient=recipient or self.recipient(), text=text)

    def send(self, request: DeliverSecret | DeliverNotice) -> DeliveryReceipt:
        """Hand a message over.

        Raises:

            TargetError: What the channel raised. What it may not raise fails the check.
        """
        if isinstance(request, DeliverNotice):
            return expecting_no_defect(lambda: self.channel.notify(request))
        return expecting_no_defect(lambda: self.channel.deliver(request))

    def sent(self, request: DeliverSecret | DeliverNotice) -> DeliveryReceipt:
        """Hand a message over that is to be taken."""
        __tracebackhide__ = True
        receipt = self.patiently(lambda: self.send(request))
        assert receipt.state in TAKEN, f"the message is {receipt.state}: {receipt.detail}"
        return receipt

    def is_refused(self, request: DeliverSecret | DeliverNotice) -> bool:
        """Hand a message over, and return whether the channel says that nobody will get it."""
        try:
            return self.send(request).state is DeliveryState.REJECTED
        except RefusedError:
            return True

    def probe(self, delivery_id: str) -> DeliveryState:
        """Ask what happened to a message."""
        request = ProbeDelivery(delivery_id=delivery_id)
        return self.patiently(lambda: expecting_no_defect(lambda: self.channel.probe(request))).state

    def texts(self, request: DeliverSecret | DeliverNotice, *, expected: int) -> Sequence[str]:
        """Return what is on the phone, after a while in which more than is expected could have come."""
        assert self.inbox is not None
        number = request.recipient.mobile or ""
        deadline = time.monotonic() + self.patience
        while len(self.inbox(number)) < expected and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(CALM)
        return self.inbox(number)

    def expect_arrived(self, request: DeliverSecret, after: str) -> None:
        """Check that the password is on the phone, once, where anybody can look."""
        if self.inbox is not None:
            texts = self.texts(request, expected=1)
            assert len(texts) == 1, f"after {after}: {len(texts)} messages are on the phone"
            is_there = request.secret.reveal() in texts[0]  # outside of what is explained
            assert is_there, f"after {after}: the message does not hold the password as it is"

    def expect_nothing(self, request: DeliverSecret | DeliverNotice, after: str) -> None:
        """Check that nothing is on the phone, where anybody can look."""
        if self.inbox is not None:
            count = len(self.texts(request, expected=0))
            assert count == 0, f"after {after}: {count} messages are on the phone"
