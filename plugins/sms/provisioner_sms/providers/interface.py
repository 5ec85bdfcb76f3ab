"""What the interfaces of providers have in common: JSON over HTTP, and a table of what each code means."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Self

import attrs

from provisioner.core.api.messages import DeliveryReceipt, DeliveryState
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import Text
from provisioner.net.http import HttpClient, Response
from provisioner_sms.exchange import ReplyMeaning, as_reference, meaning_of_status
from provisioner_sms.replies import receipt
from provisioner_sms.settings import ProviderSettings


@attrs.frozen
class Reply:
    """What one code of a provider means."""

    means: ReplyMeaning
    #: The same in words.
    words: Text


#: What the codes of one request mean.
Codes = Mapping[str, Reply]

#: What several providers say, each with codes of its own.
TAKEN = Reply(ReplyMeaning.ACCEPTED, Text("accepted"))
CREDENTIALS = Reply(ReplyMeaning.MISCONFIGURED, Text("the credentials, the API access or the IP address is refused"))
SENDER = Reply(ReplyMeaning.MISCONFIGURED, Text("the sender is not registered"))
IYS = Reply(ReplyMeaning.MISCONFIGURED, Text("the IYS settings of the account are incomplete"))
REQUEST = Reply(ReplyMeaning.MISCONFIGURED, Text("the request is refused"))
TEXT = Reply(ReplyMeaning.REJECTED, Text("the text is refused or too long"))
NUMBER = Reply(ReplyMeaning.REJECTED, Text("the number is refused"))
PARAMETER = Reply(ReplyMeaning.REJECTED, Text("a parameter is wrong or missing"))
SENT_BEFORE = Reply(ReplyMeaning.DUPLICATE, Text("the same message was sent to the number before"))
LIMIT = Reply(ReplyMeaning.THROTTLED, Text("the sending limit is exceeded"))
CREDIT_USED_UP = Reply(ReplyMeaning.NO_CREDIT, Text("the credit is used up"))
FAILURE = Reply(ReplyMeaning.UNAVAILABLE, Text("a system error at the provider"))
NO_REPORT = Reply(ReplyMeaning.UNKNOWN, Text("no report yet"))

#: Neither advertising nor a campaign, so nobody has to agree to the message in the registry IYS.
INFORMATION = "0"

#: How many results of a message a provider is asked for at once.
PAGE = 10


@attrs.define(eq=False, kw_only=True)
class ProviderInterface:
    """The interface of one provider. The text and the credentials are in bodies and headers, never in addresses."""

    _url: str
    _client: HttpClient

    @classmethod
    def open(cls, settings: ProviderSettings, url: str) -> Self:
        """Return the interface at an address.

        Raises:

            MisconfiguredError: The certificates cannot be read.
        """
        client = HttpClient.open(timeout=settings.timeout, ca_file=settings.ca_file, proxy=settings.proxy)
        return cls(url=url.rstrip("/"), client=client)

    def post(
        self,
        path: str,
        document: Mapping[str, Any],
        *,
        headers: Mapping[str, Secret] | None = None,
        harmless: bool = False,
    ) -> Response:
        """Send a document; see :meth:`provisioner.net.http.HttpClient.call`.

        Args:

            path: Where, below the address of the interface.

            document: What is sent. It can contain secrets, which are revealed only in the request.

            headers: Further headers.

            harmless: Whether the request changes nothing.
        """
        return self._client.call(
            "POST",
            self._url + path,
            headers={"Content-Type": "application/json", **(headers or {})},
            content=Secret.around(json.dumps(document, default=Secret.reveal)),
            harmless=harmless,
        )

    def get(self, path: str, headers: Mapping[str, Secret]) -> Response:
        """Request a document."""
        return self._client.call("GET", self._url + path, headers=headers, harmless=True)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def document_in(answer: Response) -> Mapping[str, Any]:
    """Return the JSON object in an answer; an empty one if there is none."""
    try:
        found = json.loads(answer.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def table_at(document: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """Return the object at a path; an empty one if there is none."""
    for key in keys:
        found = document.get(key)
        document = found if isinstance(found, dict) else {}
    return document


def tables_at(document: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """Return the objects in a list; a single object stands for a list of one."""
    found = document.get(key)
    return [entry for entry in (found if isinstance(found, list) else [found]) if isinstance(entry, dict)]


def whole(states: Sequence[DeliveryState | None]) -> DeliveryState | None:
    """Return the state of a message about which a provider gives several results, such as one for each part.

    Args:

        states: What each result says: ``DELIVERED``, ``REJECTED``, or ``None`` if nothing. If there are :data:`PAGE`,
            there may be more, so the message isn't taken for delivered.

    Returns:

        The state; ``None`` if it isn't known yet.
    """
    if DeliveryState.REJECTED in states:
        return DeliveryState.REJECTED
    is_delivered = 0 < len(states) < PAGE and all(state is DeliveryState.DELIVERED for state in states)
    return DeliveryState.DELIVERED if is_delivered else None


def read(codes: Codes, code: object, answer: Response, *, reference: object = None) -> DeliveryReceipt:
    """Return the receipt that corresponds to an answer; see :func:`provisioner_sms.replies.receipt`.

    Args:

        codes: What the codes of the request mean. If the code of the answer is none of them, the HTTP status decides.

        code: The code in the answer.

        answer: The answer.

        reference: The provider's ID of the message in the answer.
    """
    reply = codes.get(str(code))
    words = Text("{code}: {words}", {"code": code, "words": reply.words}) if reply else f"HTTP {answer.status}"
    meaning = reply.means if reply else meaning_of_status(answer.status)
    return receipt(meaning, words, reference=as_reference(reference), retry_after=answer.retry_after)
