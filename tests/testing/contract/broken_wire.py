"""Targets behind a bad network that are each broken in one way, and the checks that notice."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import ClassVar

import attrs

from provisioner.core.api.errors import RefusedError, TransientError, UnavailableError, UnknownOutcomeError
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import (
    AccountPage,
    AccountReport,
    CreateAccount,
    Presence,
    ProbeAccount,
    Receipt,
    RotateSecret,
)
from provisioner.core.model import Outcome
from provisioner_pys.plugin import Pys

LOST = "a_lost_answer_is_told_as_it_is"
SILENCE = "time_outs_end"
LOOKING_IN_SILENCE = "time_outs_end_for_check_and_probe"


@attrs.define(eq=False, kw_only=True)
class Wired(Pys):
    """What is not broken."""

    #: The seconds one request may take.
    timeout: ClassVar[float] = 0.6


class TakesALostAnswerForARefusal(Wired):
    @hookimpl
    def account_rotate(self, request: RotateSecret) -> Receipt:
        try:
            return super().account_rotate(request)
        except UnknownOutcomeError:
            raise RefusedError("it said nothing") from None


class TakesALostAnswerForAnOutage(Wired):
    @hookimpl
    def account_rotate(self, request: RotateSecret) -> Receipt:
        try:
            return super().account_rotate(request)
        except UnknownOutcomeError:
            raise UnavailableError("it said nothing") from None


class TakesALostAnswerForSuccess(Wired):
    @hookimpl
    def account_rotate(self, request: RotateSecret) -> Receipt:
        try:
            return super().account_rotate(request)
        except UnknownOutcomeError:
            return Receipt(outcome=Outcome.APPLIED)


class TakesSilenceForAbsence(Wired):
    @hookimpl
    def account_probe(self, request: ProbeAccount) -> AccountReport:
        try:
            return super().account_probe(request)
        except TransientError:
            return AccountReport(presence=Presence.ABSENT, secret_accepted=False if request.secret else None)


class TakesALostPartForTheEnd(Wired):
    @hookimpl
    def account_list(self) -> Iterator[AccountPage]:
        try:
            yield from super().account_list()
        except TransientError:
            yield AccountPage(is_last=True)


class DoesNotComeBack(Wired):
    """As with a connection that is kept after it broke."""

    @hookimpl
    def account_probe(self, request: ProbeAccount) -> AccountReport:
        if getattr(self, "broken", False):
            raise UnavailableError("the connection is broken")
        try:
            return super().account_probe(request)
        except TransientError:
            self.broken = True
            raise


class WaitsTooLong(Wired):
    timeout = 2.6


class QuotesWhatWasLost(Wired):
    @hookimpl
    def account_create(self, request: CreateAccount) -> Receipt:
        try:
            return super().account_create(request)
        except UnknownOutcomeError:
            raise UnknownOutcomeError("lost: {body}", body=request.secret.reveal()) from None


class LeavesConnectionsBehind(Wired):
    open: ClassVar[list[object]] = []

    @hookimpl
    def account_create(self, request: CreateAccount) -> Receipt:
        try:
            return super().account_create(request)
        except UnknownOutcomeError:
            self.open.append(socket.socket())
            raise


#: Each broken target, with the names of the checks that are to turn red, and no others.
BROKEN: dict[type[Wired], set[str]] = {
    TakesALostAnswerForARefusal: {LOST, SILENCE},
    TakesALostAnswerForAnOutage: {LOST},
    TakesALostAnswerForSuccess: {LOST, SILENCE},
    TakesSilenceForAbsence: {
        "a_probe_whose_answer_is_lost_says_nothing",
        "a_system_that_comes_back_is_used_again",
        LOOKING_IN_SILENCE,
    },
    TakesALostPartForTheEnd: {"list_whose_answer_is_lost_is_an_error"},
    DoesNotComeBack: {"a_system_that_comes_back_is_used_again"},
    WaitsTooLong: {SILENCE, LOOKING_IN_SILENCE},
    LeavesConnectionsBehind: {"nothing_is_left_open_after_lost_answers"},
    QuotesWhatWasLost: {"no_secret_in_errors_of_a_lost_answer"},
}
