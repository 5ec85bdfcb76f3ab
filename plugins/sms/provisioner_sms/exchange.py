"""One kind of request to a provider, described in the configuration, and what its answers mean.

A provider is a table, not a class: the request is a template, and rules read the answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import Any
from urllib.parse import quote

import attrs

from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model.secret import Secret

#: A place in a template. Names are filled in one pass, so that nothing inside a value is taken for a place.
PLACE = re.compile(r"\{(\w+(?::\w+)?)\}", re.ASCII)

#: What a place stands for.
Values = Mapping[str, str | Secret]


class ReplyMeaning(StrEnum):
    """What an answer says."""

    #: The provider took the message.
    ACCEPTED = "accepted"
    #: It is on the phone.
    DELIVERED = "delivered"
    #: It will not be sent.
    REJECTED = "rejected"
    #: The provider never got it.
    MISSING = "missing"
    #: The provider does not know, or has not decided.
    UNKNOWN = "unknown"
    #: Nothing was sent; the provider wants fewer messages.
    THROTTLED = "throttled"
    #: Nothing was sent; it may work later.
    UNAVAILABLE = "unavailable"
    #: Nothing was sent; our credentials or settings are wrong.
    MISCONFIGURED = "misconfigured"
    #: Nothing was sent; our account with the provider has no credit left.
    NO_CREDIT = "no_credit"
    #: Nothing was sent; we may not send to this number.
    FORBIDDEN = "forbidden"
    #: Nothing was sent this time; the provider took the same message before.
    DUPLICATE = "duplicate"


@attrs.frozen(kw_only=True)
class ReplyRule:
    """A rule that recognises an answer. It fits if everything it names fits."""

    means: ReplyMeaning
    #: The HTTP statuses; none for any.
    status: tuple[int, ...] = ()
    #: A regular expression that occurs in the body.
    body: str = ""
    #: A few words for people, for example what the provider's number means.
    detail: str = ""

    def fits(self, status: int, body: str) -> bool:
        """Tell whether this is the answer."""
        return (not self.status or status in self.status) and re.search(self.body, body) is not None


#: What a status means if no rule names it. A server that fails may still have done what it was asked.
_STATUSES = {
    **dict.fromkeys(range(300, 400), ReplyMeaning.MISCONFIGURED),
    **dict.fromkeys(range(400, 500), ReplyMeaning.REJECTED),
    **dict.fromkeys((401, 404, 405, 407), ReplyMeaning.MISCONFIGURED),
    402: ReplyMeaning.NO_CREDIT,
    403: ReplyMeaning.FORBIDDEN,
    408: ReplyMeaning.UNKNOWN,
    429: ReplyMeaning.THROTTLED,
}


def meaning_of_status(status: int) -> ReplyMeaning:
    """Return what an HTTP status means if nothing else does."""
    return _STATUSES.get(status, ReplyMeaning.UNKNOWN)


@attrs.frozen(kw_only=True)
class Exchange:
    """One kind of request, and what its answers mean."""

    #: May hold ``{id}``; never the text, the number or a secret, because addresses are logged.
    url: str
    method: str = "POST"
    headers: Mapping[str, str] = attrs.field(factory=dict)
    #: The JSON document, with places inside its strings; ``None`` for no body.
    body: Mapping[str, Any] | None = None
    #: Where the provider's own id is in its answer: keys and positions with dots between, ``$`` for all of it.
    reference: str = ""
    #: The first rule that fits decides.
    replies: tuple[ReplyRule, ...]

    def verify(self, key: str, known: AbstractSet[str]) -> None:
        """Check that the request can be made and its answers understood.

        Args:

            key: The name of this table, for messages.

            known: The names of the places that can be filled.

        Raises:

            ConfigurationError: A place is unknown or must not be there, or a rule cannot be used.
        """
        _verify_places(self.url, f"{key}.url", known & {"id"})
        _verify_places(self.headers, f"{key}.headers", known - {"text", "to"})
        _verify_places(self.body, f"{key}.body", known)
        for reply in self.replies:
            try:
                re.compile(reply.body)
            except re.error as error:
                raise ConfigurationError(
                    "{key}: {pattern} is not a regular expression: {error}",
                    key=f"{key}.replies",
                    pattern=reply.body,
                    error=error,
                ) from None
        if not any(reply.means in {ReplyMeaning.ACCEPTED, ReplyMeaning.DELIVERED} for reply in self.replies):
            raise ConfigurationError("{key}: no rule identifies a successful answer", key=f"{key}.replies")

    def places(self) -> set[str]:
        """Return the names of all places in the request."""
        return set(_places([self.url, self.headers, self.body]))

    def address(self, values: Values) -> str:
        """Return the address to call."""
        return PLACE.sub(lambda match: quote(_reveal(values[match[1]]), safe=""), self.url)

    def fields(self, values: Values) -> dict[str, Secret]:
        """Return the headers to send."""
        return {name: Secret.around(fill(value, values)) for name, value in self.headers.items() if value}

    def document(self, values: Values) -> Secret | None:
        """Return the body to send."""
        return None if self.body is None else Secret.around(json.dumps(fill(self.body, values)))

    def meaning(self, status: int, body: str) -> tuple[ReplyMeaning, str]:
        """Return what an answer means, and a few words on it that quote nothing of the answer itself."""
        for reply in self.replies:
            if reply.fits(status, body):
                return reply.means, reply.detail
        return meaning_of_status(status), ""

    def reference_in(self, body: str) -> str | None:
        """Return the provider's own id of the message, if its answer has one where it should."""
        try:
            found = json.loads(body)
            for key in self.reference.strip("$").split("."):
                found = found[int(key)] if isinstance(found, list) else found[key] if key else found
        except (ValueError, LookupError, TypeError):
            return None
        return as_reference(found) if self.reference else None


def as_reference(found: object) -> str | None:
    """Return what a provider gave as its own ID of a message; ``None`` if it can't be one."""
    known = isinstance(found, (str, int)) and re.fullmatch(r"[\w.:-]{1,64}", str(found))
    return str(found) if known else None


def fill(template: Any, values: Values) -> Any:
    """Return *template* with every place inside its strings filled."""
    match template:
        case str():
            return PLACE.sub(lambda match: _reveal(values[match[1]]), template)
        case Mapping():
            return {key: fill(value, values) for key, value in template.items()}
        case list() | tuple():
            return [fill(value, values) for value in template]
        case _:
            return template


def _reveal(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


def _verify_places(template: Any, key: str, known: AbstractSet[str]) -> None:
    for name in _places(template):
        if name not in known:
            raise ConfigurationError(
                "{key}: {{{name}}} is not available here",
                cure="allowed here: {known}",
                key=key,
                name=name,
                known=", ".join(f"{{{name}}}" for name in sorted(known)) or "-",
            )


def _places(template: Any) -> list[str]:
    match template:
        case str():
            return PLACE.findall(template)
        case Mapping():
            return [name for value in template.values() for name in _places(value)]
        case list() | tuple():
            return [name for value in template for name in _places(value)]
        case _:
            return []
