"""Channels behind a bad network that are each broken in one way, and the checks that notice."""

from __future__ import annotations

import socket
from typing import ClassVar

from provisioner.core.api.errors import UnavailableError, UnknownOutcomeError
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import DeliverSecret, DeliveryReceipt, DeliveryState, ProbeDelivery
from provisioner_sms.plugin import SmsChannel

LOST = "a_lost_answer_is_told_as_it_is"
SILENCE = "time_outs_end"


class Wired(SmsChannel):
    """What is not broken."""

    #: The seconds one request may take.
    timeout: ClassVar[float] = 0.6


class TakesALostAnswerForARefusal(Wired):
    @hookimpl
    def secret_deliver(self, request: DeliverSecret) -> DeliveryReceipt:
        try:
            return super().secret_deliver(request)
        except UnknownOutcomeError:
            return DeliveryReceipt(state=DeliveryState.REJECTED)


class TakesALostAnswerForAnOutage(Wired):
    @hookimpl
    def secret_deliver(self, request: DeliverSecret) -> DeliveryReceipt:
        try:
            return super().secret_deliver(request)
        except UnknownOutcomeError:
            raise UnavailableError("it said nothing") from None


class TakesALostAnswerForSuccess(Wired):
    @hookimpl
    def secret_deliver(self, request: DeliverSecret) -> DeliveryReceipt:
        try:
            return super().secret_deliver(request)
        except UnknownOutcomeError:
            return DeliveryReceipt(state=DeliveryState.ACCEPTED)


class DeniesWhatItLost(Wired):
    @hookimpl
    def delivery_probe(self, request: ProbeDelivery) -> DeliveryReceipt:
        return DeliveryReceipt(state=DeliveryState.MISSING)


class WaitsTooLong(Wired):
    timeout = 2.6


class QuotesWhatWasLost(Wired):
    @hookimpl
    def secret_deliver(self, request: DeliverSecret) -> DeliveryReceipt:
        try:
            return super().secret_deliver(request)
        except UnknownOutcomeError:
            raise UnknownOutcomeError("lost: {body}", body=request.secret.reveal()) from None


class LeavesConnectionsBehind(Wired):
    open: ClassVar[list[object]] = []

    @hookimpl
    def secret_deliver(self, request: DeliverSecret) -> DeliveryReceipt:
        try:
            return super().secret_deliver(request)
        except UnknownOutcomeError:
            self.open.append(socket.socket())
            raise


#: Each broken channel, with the names of the checks that are to turn red, and no others.
BROKEN: dict[type[Wired], set[str]] = {
    TakesALostAnswerForARefusal: {LOST, SILENCE},
    TakesALostAnswerForAnOutage: {LOST},
    TakesALostAnswerForSuccess: {LOST, SILENCE},
    DeniesWhatItLost: {"a_probe_finds_what_a_lost_answer_hid"},
    WaitsTooLong: {SILENCE},
    LeavesConnectionsBehind: {"nothing_is_left_open_after_lost_answers"},
    QuotesWhatWasLost: {"no_secret_in_errors_of_a_lost_answer"},
}
