"""A channel that keeps the contract, and others that are each broken in one way, with the checks that notice."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from urllib.parse import quote

import attrs

from provisioner.core.api.errors import LeaseLostError, RefusedError, UnavailableError
from provisioner.core.api.fencing import require_lease
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import (
    ChannelReport,
    CheckChannel,
    DeliverNotice,
    DeliverNoticeBatch,
    DeliverSecret,
    DeliveryReceipt,
    DeliveryState,
    NoticeBatchReceipt,
    ProbeDelivery,
)
from provisioner.testing.faults import Fault

ClassT = TypeVar("ClassT", bound="type[ReferenceChannel]")


@attrs.define(eq=False, repr=False)
class ReferenceChannel:
    """Phones in memory."""

    #: What its siblings raise: one with wrong credentials, one whose gateway is out of reach, one that is throttled.
    wrong_credentials: ClassVar[Fault] = Fault.MISCONFIGURED
    unreachable: ClassVar[Fault] = Fault.CANNOT_CONNECT
    throttled: ClassVar[Fault] = Fault.THROTTLE
    #: The only checks worth the time that its fault takes; all, if there are none.
    only: ClassVar[tuple[str, ...]] = ()
    #: How many seconds its checks give a call. Less than the pauses of a busy machine only if a fault takes that time.
    patience: ClassVar[float] = 60.0

    phones: dict[str, list[str]] = attrs.field(factory=lambda: defaultdict(list))
    ids: set[str] = attrs.field(factory=set)
    lock: threading.RLock = attrs.field(factory=threading.RLock)

    @hookimpl
    def secret_deliver(self, request: DeliverSecret) -> DeliveryReceipt:
        return self.deliver(request)

    @hookimpl
    def notice_deliver(self, request: DeliverNotice) -> DeliveryReceipt:
        return self.notify(request)

    @hookimpl
    def notice_batch_deliver(self, request: DeliverNoticeBatch) -> NoticeBatchReceipt:
        return NoticeBatchReceipt(receipts={one.delivery_id: self.receipt(one) for one in self.chosen(request)})

    @hookimpl
    def delivery_probe(self, request: ProbeDelivery) -> DeliveryReceipt:
        return DeliveryReceipt(state=self.state(request.delivery_id))

    @hookimpl
    def channel_check(self, request: CheckChannel) -> ChannelReport:
        return self.check(request)

    def deliver(self, request: DeliverSecret) -> DeliveryReceipt:
        return self.put(request, self.text(request))

    def notify(self, request: DeliverNotice) -> DeliveryReceipt:
        return self.put(request, request.text)

    def chosen(self, request: DeliverNoticeBatch) -> Sequence[DeliverNotice]:
        return request.notices

    def receipt(self, request: DeliverNotice) -> DeliveryReceipt:
        try:
            return self.notify(request)
        except RefusedError:
            return DeliveryReceipt(state=DeliveryState.REJECTED)

    def text(self, request: DeliverSecret) -> str:
        return f"{request.account.login}: {request.secret.reveal()}"

    def put(self, request: DeliverSecret | DeliverNotice, text: str) -> DeliveryReceipt:
        number = self.number(request)
        self.compare()
        with self.lock:
            if request.delivery_id not in self.ids:
                self.ids.add(request.delivery_id)
                self.phones[number].append(text)
        return DeliveryReceipt(state=DeliveryState.DELIVERED, reference=request.delivery_id)

    def compare(self) -> None:
        require_lease()

    def number(self, request: DeliverSecret | DeliverNotice) -> str:
        if not request.recipient.mobile:
            raise RefusedError("there is no number")
        return request.recipient.mobile

    def state(self, delivery_id: str) -> DeliveryState:
        return DeliveryState.DELIVERED if delivery_id in self.ids else DeliveryState.MISSING

    def check(self, request: CheckChannel) -> ChannelReport:
        return ChannelReport(
            unreachable={recipient.id: "no number" for recipient in request.recipients if not recipient.mobile}
        )

    def inbox(self, number: str) -> list[str]:
        return list(self.phones[number])


#: Each broken channel, with the names of the checks that are to turn red, and no others.
BROKEN: dict[type[ReferenceChannel], frozenset[str]] = {}


#: How many seconds a check waits for a message that never comes.
SHORT_PATIENCE = 2.0


def turns_red(*checks: str) -> Callable[[ClassT], ClassT]:
    def note(cls: ClassT) -> ClassT:
        BROKEN[cls] = frozenset(checks)
        cls.patience = min(cls.patience, SHORT_PATIENCE)
        return cls

    return note


@turns_red("check_answers")
class ChecksSlowly(ReferenceChannel):
    only = ("check_answers",)
    patience = 0.5

    def check(self, request: CheckChannel) -> ChannelReport:
        time.sleep(self.patience * 1.1)
        return super().check(request)


@turns_red("check_names_who_cannot_be_reached")
class NamesNobody(ReferenceChannel):
    def check(self, request: CheckChannel) -> ChannelReport:
        return ChannelReport()


@turns_red("check_sends_nothing")
class SendsWhileChecking(ReferenceChannel):
    def check(self, request: CheckChannel) -> ChannelReport:
        for recipient in request.recipients:
            self.phones[recipient.mobile or ""].append("test")
        return super().check(request)


@turns_red("a_message_arrives_once_with_its_secret")
class SendsNothing(ReferenceChannel):
    only = ("a_message_arrives_once_with_its_secret",)

    def deliver(self, request: DeliverSecret) -> DeliveryReceipt:
        self.number(request)
        self.ids.add(request.delivery_id)
        return DeliveryReceipt(state=DeliveryState.ACCEPTED)


@turns_red("a_message_names_its_account")
class NamesNoAccount(ReferenceChannel):
    def text(self, request: DeliverSecret) -> str:
        return request.secret.reveal()


@turns_red("a_message_that_replaces_another_arrives_too")
class LosesWhatReplaces(ReferenceChannel):
    def text(self, request: DeliverSecret) -> str:
        return "void" if request.replaces_earlier else super().text(request)


@turns_red("a_message_reaches_its_recipient_only", "many_messages_at_once", "several_notices_arrive_once_each")
class SendsToAll(ReferenceChannel):
    """As with a distribution list."""

    def inbox(self, number: str) -> list[str]:
        return [text for texts in list(self.phones.values()) for text in texts]


@turns_red("the_same_message_arrives_once")
class ForgetsIds(ReferenceChannel):
    def deliver(self, request: DeliverSecret) -> DeliveryReceipt:
        self.ids.discard(request.delivery_id)
        return super().deliver(request)


@turns_red("a_notice_to_nowhere_is_refused", "who_cannot_be_reached_is_refused", "several_notices_arrive_once_each")
class TakesMessagesToNowhere(ReferenceChannel):
    def number(self, request: DeliverSecret | DeliverNotice) -> str:
        return request.recipient.mobile or ""


@turns_red("a_notice_to_nowhere_is_refused", "who_cannot_be_reached_is_refused", "several_notices_arrive_once_each")
class PutsMessagesToNowhereIntoItsQueue(ReferenceChannel):
    def put(self, request: DeliverSecret | DeliverNotice, text: str) -> DeliveryReceipt:
        if not request.recipient.mobile:
            return DeliveryReceipt(state=DeliveryState.ACCEPTED)
        return super().put(request, text)


@turns_red("hostile_ids_are_kept_apart", "probe_of_a_message_does_not_deny_it")
class DeniesWhatItSent(ReferenceChannel):
    def state(self, delivery_id: str) -> DeliveryState:
        return DeliveryState.MISSING


@turns_red("probe_of_what_was_never_sent_finds_nothing")
class ClaimsWhatItNeverSent(ReferenceChannel):
    def state(self, delivery_id: str) -> DeliveryState:
        return DeliveryState.DELIVERED


@turns_red("several_notices_arrive_once_each")
class LeavesOutTheLastOfSeveral(ReferenceChannel):
    def chosen(self, request: DeliverNoticeBatch) -> Sequence[DeliverNotice]:
        return request.notices[:-1]


@turns_red("several_notices_arrive_once_each")
class RefusesAllBecauseOfOne(ReferenceChannel):
    def receipt(self, request: DeliverNotice) -> DeliveryReceipt:
        return self.notify(request)


@turns_red("several_notices_arrive_once_each", "no_notices_are_sent_together_after_the_lease")
class ClaimsToHaveSentSeveral(ReferenceChannel):
    def receipt(self, request: DeliverNotice) -> DeliveryReceipt:
        return DeliveryReceipt(state=DeliveryState.ACCEPTED)


@turns_red("a_notice_arrives_once_with_its_text", "several_notices_arrive_once_each")
class ChangesNotices(ReferenceChannel):
    def notify(self, request: DeliverNotice) -> DeliveryReceipt:
        return self.put(request, request.text.upper())


@turns_red("hostile_secrets_arrive_as_they_are_or_not_at_all")
class TrimsSecrets(ReferenceChannel):
    def text(self, request: DeliverSecret) -> str:
        return " ".join(super().text(request).split())


@turns_red("hostile_ids_are_kept_apart")
class CutsIds(ReferenceChannel):
    def state(self, delivery_id: str) -> DeliveryState:
        return super().state(delivery_id.partition("?")[0])


@turns_red("no_secret_in_receipts_and_logs")
class QuotesTheSecretInAReceipt(ReferenceChannel):
    def deliver(self, request: DeliverSecret) -> DeliveryReceipt:
        return attrs.evolve(super().deliver(request), detail=self.text(request))


@turns_red("no_secret_in_receipts_and_logs")
class EncodesTheMessageInAReference(ReferenceChannel):
    def deliver(self, request: DeliverSecret) -> DeliveryReceipt:
        return attrs.evolve(super().deliver(request), reference=quote(self.text(request), safe=""))


@turns_red("prints_nothing")
class PrintsThatItWorks(ReferenceChannel):
    def deliver(self, request: DeliverSecret) -> DeliveryReceipt:
        print("sent to", request.recipient.id)
        return super().deliver(request)


@turns_red("no_secret_in_the_representation")
class ShowsWhatItSent(ReferenceChannel):
    def __repr__(self) -> str:
        return f"{dict(self.phones)}"


@turns_red("no_secret_in_refusals")
class QuotesWhatItRefuses(ReferenceChannel):
    def deliver(self, request: DeliverSecret) -> DeliveryReceipt:
        if not request.recipient.mobile:
            raise RefusedError("nowhere to send {text}", text=self.text(request))
        return super().deliver(request)


@turns_red("many_messages_at_once")
class MixesUpThreads(ReferenceChannel):
    """It keeps the request under way in the object."""

    def deliver(self, request: DeliverSecret) -> DeliveryReceipt:
        self.under_way = self.text(request)
        time.sleep(0.01)
        return self.put(request, self.under_way)


@turns_red("nothing_is_left_open", "nothing_is_left_open_after_errors")
class LeavesFilesBehind(ReferenceChannel):
    open: ClassVar[list[Any]] = []

    def text(self, request: DeliverSecret) -> str:
        self.open.append(Path("/dev/null").open("rb"))  # noqa: SIM115 - this is the point
        return super().text(request)


@turns_red("nothing_is_left_open_after_errors")
class LeavesFilesBehindAfterErrors(ReferenceChannel):
    open: ClassVar[list[Any]] = []

    def number(self, request: DeliverSecret | DeliverNotice) -> str:
        if not request.recipient.mobile:
            self.open.append(Path("/dev/null").open("rb"))  # noqa: SIM115 - this is the point
        return super().number(request)


@turns_red("wrong_credentials_are_misconfigured")
class TakesWrongCredentialsForARefusal(ReferenceChannel):
    wrong_credentials = Fault.REFUSE


@turns_red("no_secret_in_errors_of_wrong_credentials", "wrong_credentials_are_misconfigured")
class RaisesAnythingForWrongCredentials(ReferenceChannel):
    """And quotes the password that was to be sent."""

    wrong_credentials = Fault.DEFECT


@turns_red("an_unreachable_gateway_is_unavailable")
class TakesAnOutageForALostAnswer(ReferenceChannel):
    unreachable = Fault.LOSE_REQUEST


@turns_red("an_unreachable_gateway_is_unavailable", "no_secret_in_errors_of_an_unreachable_gateway")
class RaisesAnythingForAnOutage(ReferenceChannel):
    """And quotes the password that was to be sent."""

    unreachable = Fault.DEFECT


@turns_red("throttling_is_said")
class TakesThrottlingForAnOutage(ReferenceChannel):
    throttled = Fault.CANNOT_CONNECT


@turns_red("hooks_are_there_or_left_out_on_purpose")
class BringsNoNotices(ReferenceChannel):
    notice_deliver = None  # type: ignore[assignment]


@turns_red(
    "nothing_is_sent_after_the_lease",
    "no_notice_is_sent_after_the_lease",
    "no_notices_are_sent_together_after_the_lease",
)
class SendsWhatItWasStoppedWith(ReferenceChannel):
    def compare(self) -> None:
        """Believe that what the core has compared is so."""


@turns_red(
    "nothing_is_sent_after_the_lease",
    "no_notice_is_sent_after_the_lease",
    "no_notices_are_sent_together_after_the_lease",
)
class ComparesAfterItHasSent(SendsWhatItWasStoppedWith):
    def put(self, request: DeliverSecret | DeliverNotice, text: str) -> DeliveryReceipt:
        receipt = super().put(request, text)
        require_lease()
        return receipt


@turns_red("no_notice_is_sent_after_the_lease", "no_notices_are_sent_together_after_the_lease")
class TakesALostLeaseForAnOutage(ReferenceChannel):
    def notify(self, request: DeliverNotice) -> DeliveryReceipt:
        try:
            return super().notify(request)
        except LeaseLostError:
            raise UnavailableError("it cannot be sent now") from None
