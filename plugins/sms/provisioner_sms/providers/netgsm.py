"""Sends messages through NetGSM.

NetGSM knows none of our IDs, so it can't be asked about a message whose answer was lost. It gives each message a job
ID, by which it can be asked later, ten times a minute.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Self

import attrs

from provisioner.core.api.errors import MisconfiguredError
from provisioner.core.api.messages import DeliveryReceipt, DeliveryState, ProbeDelivery
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import Text
from provisioner_sms.exchange import ReplyMeaning
from provisioner_sms.gateway import SmsMessage
from provisioner_sms.json_http import basic_authorization
from provisioner_sms.limits import Quota
from provisioner_sms.numbers import written
from provisioner_sms.providers.interface import (
    CREDENTIALS,
    FAILURE,
    INFORMATION,
    IYS,
    LIMIT,
    NO_REPORT,
    NUMBER,
    PAGE,
    PARAMETER,
    SENDER,
    TAKEN,
    TEXT,
    Codes,
    ProviderInterface,
    Reply,
    document_in,
    read,
    tables_at,
    whole,
)
from provisioner_sms.replies import expect_success, expect_taken, receipts_of
from provisioner_sms.settings import TURKEY, NetgsmSettings, NumberFormat

_EVERYWHERE: Codes = {"30": CREDENTIALS, "70": PARAMETER, "100": FAILURE, "101": FAILURE, "110": FAILURE}

#: The answers to a message.
SEND: Codes = {
    **dict.fromkeys(("00", "01", "02"), TAKEN),
    **_EVERYWHERE,
    "20": TEXT,
    "40": SENDER,
    **dict.fromkeys(("50", "51"), IYS),
    "80": LIMIT,
    "85": Reply(ReplyMeaning.THROTTLED, Text("more than 20 messages to the same number in a minute")),
}

#: The answers to a message that is sent as a one-time password.
SEND_OTP: Codes = {
    "00": TAKEN,
    **_EVERYWHERE,
    "20": TEXT,
    **dict.fromkeys(("40", "41"), SENDER),
    **dict.fromkeys(("50", "51", "52"), NUMBER),
    "60": Reply(ReplyMeaning.NO_CREDIT, Text("the account has no package for one-time passwords, or it is used up")),
    "80": LIMIT,
}

#: The answers to a question about a message.
REPORT: Codes = {
    "00": NO_REPORT,
    **_EVERYWHERE,
    "60": NO_REPORT,
    "80": Reply(ReplyMeaning.THROTTLED, Text("more than 10 questions in a minute")),
}

#: The answers to a question about the registered senders.
SENDERS: Codes = {"00": TAKEN, **_EVERYWHERE}

_SEND = "/sms/rest/v2/send"

#: The number of questions about messages in a minute. More get the answer 80.
QUESTIONS = 10

#: What became of a message. 0 (pending) and 13 (the same message was sent before) say nothing.
STATES = {
    "1": DeliveryState.DELIVERED,
    **dict.fromkeys(("2", "3", "4", "11", "12", "14", "15", "16", "17"), DeliveryState.REJECTED),
}


@attrs.define(eq=False, kw_only=True)
class NetgsmGateway:
    """NetGSM."""

    _settings: NetgsmSettings
    _interface: ProviderInterface
    #: The sender without which NetGSM takes no message.
    _sender: str
    _questions: Quota = attrs.field(factory=lambda: Quota(most=QUESTIONS, period=60), init=False)

    @classmethod
    def open(cls, settings: NetgsmSettings, sender: str) -> Self:
        """Return a gateway.

        Raises:

            MisconfiguredError: The certificates cannot be read.
        """
        interface = ProviderInterface.open(settings, settings.url)
        return cls(settings=settings, interface=interface, sender=sender)

    @property
    def _authorization(self) -> dict[str, Secret]:
        return basic_authorization(self._settings.username, self._settings.password)

    def send(self, message: SmsMessage) -> DeliveryReceipt:
        """Hand one message to NetGSM."""
        path, codes, request = self._request(message)
        answer = self._interface.post(path, request, headers=self._authorization)
        document = document_in(answer)
        found = expect_taken(read(codes, document.get("code"), answer, reference=document.get("jobid")))
        return attrs.evolve(found, will_report=found.reference is not None)

    def send_batch(self, messages: Sequence[SmsMessage]) -> Mapping[str, DeliveryReceipt]:
        """Hand several messages to NetGSM, as one job: it takes all of them or none."""
        request = self._job([(message.text, message.to) for message in messages], messages[0].sender)
        answer = self._interface.post(_SEND, request, headers=self._authorization)
        document = document_in(answer)
        return receipts_of(messages, read(SEND, document.get("code"), answer, reference=document.get("jobid")))

    def probe(self, request: ProbeDelivery) -> DeliveryReceipt:
        """Ask for the report on a message, by its job ID."""
        if request.reference is None:
            return DeliveryReceipt(
                state=DeliveryState.UNKNOWN, detail="NetGSM cannot be asked about a message whose answer was lost"
            )
        self._questions.take()
        question = {"jobids": [request.reference], "pagenumber": 0, "pagesize": PAGE}
        answer = self._interface.post("/sms/rest/v2/report", question, headers=self._authorization, harmless=True)
        document = document_in(answer)
        found = read(REPORT, document.get("code"), answer)
        jobs = [job for job in tables_at(document, "jobs") if str(job.get("jobid")) == request.reference]
        state = whole([STATES.get(str(job.get("status"))) for job in jobs])
        return DeliveryReceipt(state=state) if state else found

    def check(self) -> tuple[str | Text, ...]:
        """Ask for the registered senders, and look for ours."""
        answer = self._interface.get("/sms/rest/v2/msgheader", self._authorization)
        document = document_in(answer)
        expect_success(read(SENDERS, document.get("code"), answer))
        senders = document.get("msgheaders")
        if isinstance(senders, list) and self._sender not in senders:
            raise MisconfiguredError(
                "the sender {sender} is not registered with NetGSM", cure="correct sender", sender=self._sender
            )
        return ()

    def close(self) -> None:
        """Close the connection."""
        self._interface.close()

    def _request(self, message: SmsMessage) -> tuple[str, Codes, dict[str, object]]:
        sender, to = message.sender or self._sender, written(message.to, NumberFormat.NATIONAL, TURKEY)
        if self._settings.otp:
            return "/sms/rest/v2/otp", SEND_OTP, {"msgheader": sender, "msg": message.text, "no": to}
        return _SEND, SEND, self._job([(message.text, message.to)], message.sender)

    def _job(self, texts: Iterable[tuple[Secret, str]], sender: str | None) -> dict[str, object]:
        """Return what NetGSM gets for texts, each with its number."""
        messages = [{"msg": text, "no": written(to, NumberFormat.NATIONAL, TURKEY)} for text, to in texts]
        return {"msgheader": sender or self._sender, "iysfilter": INFORMATION, "messages": messages}
