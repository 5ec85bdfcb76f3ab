"""One request of a program: what handlers read of it, and how they answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import urlencode

import attrs
import msgspec
from litestar.di import NamedDependency
from litestar.params import SkipValidation
from litestar.response import Response

from provisioner.config.early import LANGUAGES
from provisioner.console.api.problems import MEDIA_TYPE, problem_of
from provisioner.console.incoming import Incoming
from provisioner.console.visit import Console
from provisioner.core.governance.tokens import ApiToken
from provisioner.core.model.keyed_requests import KeyedAnswer
from provisioner.core.model.text import Text, in_zone, printable_json
from provisioner.documents import Document
from provisioner.phrasing import Phrasing
from provisioner.services.application import Application

#: Where the API is.
ROOT = "/api/v1"

JSON = "application/json"

#: How many items a page of a list has at most, and by default; and up to which item a list can be read.
LARGEST_PAGE, PAGE, FURTHEST = 200, 50, 10_000

ItemT = TypeVar("ItemT")


@attrs.define(eq=False, kw_only=True, slots=False)
class Call:
    """One request, and the answer to it."""

    console: Console
    incoming: Incoming
    #: The network address of the program's computer.
    address: str
    token: ApiToken
    body: bytes = attrs.field(repr=False)
    language: str

    @property
    def app(self) -> Application:
        """The services."""
        return self.console.app

    @property
    def actor(self) -> str:
        """In whose name the program asks."""
        return self.token.owner

    @cached_property
    def phrasing(self) -> Phrasing:
        """Says messages in the language that the program wants; times are in UTC."""
        return Phrasing(catalogue=self.console.catalogues[self.language], time=in_zone)

    def said(self, text: Text) -> str:
        """Return a message in the language that the program wants."""
        return self.phrasing.said(text)

    def answer(self, document: Document, *, status: int = 200, location: str = "") -> Response[Any]:
        """Return an answer.

        Args:

            document: The JSON.

            status: The status.

            location: The address of what was made, below the API.
        """
        body = printable_json(json.dumps(document, ensure_ascii=False))
        return response_of(
            KeyedAnswer(status=status, media_type=JSON, body=body, location=location and ROOT + location)
        )

    def page(self, items: Sequence[Document], *, limit: int, offset: int) -> Response[Any]:
        """Return an answer with a page of a list.

        Args:

            items: The items from the first one of the list to the one after the page, if there are so many.

            limit: How many items a page has.

            offset: How many items come before the page.
        """
        return self.pages({"items": items}, limit=limit, offset=offset)

    def pages(
        self, lists: Mapping[str, Sequence[Document]], *, limit: int, offset: int, **more: object
    ) -> Response[Any]:
        """Return an answer with a page of each of several lists. The last page is that of the longest list.

        Args:

            lists: The lists by name, as far as :meth:`page` wants them.

            limit: How many items of each list a page has.

            offset: How many items of each list come before the page.

            more: What else the answer says.
        """
        end = offset + limit
        shown = {name: list(items[offset:end]) for name, items in lists.items()}
        # Also beyond what can be read: a list must not seem to end there.
        has_more = any(len(items) > end for items in lists.values())
        return self.part({**shown, **more}, has_more=has_more, limit=limit, offset=offset)

    def part(self, document: Document, *, has_more: bool, limit: int, offset: int) -> Response[Any]:
        """Return an answer with a part of lists that was already cut out, and the address of the next part.

        Args:

            document: The answer.

            has_more: Whether there is a next part.

            limit: How many items a part has.

            offset: How many items come before the part.
        """
        following = {**self.incoming.query, "offset": str(offset + limit), "limit": str(limit)}
        return self.answer({**document, "next": f"{self.incoming.path}?{urlencode(following)}" if has_more else None})

    def refusal(self, error: Exception) -> Response[Any]:
        """Return the answer for an error."""
        return response_of(self.keyed_refusal(error))

    def keyed_refusal(self, error: Exception) -> KeyedAnswer:
        """Return the answer for an error, as it is kept."""
        problem = problem_of(error, self.said)
        body = printable_json(msgspec.json.encode(problem).decode())
        return KeyedAnswer(status=problem.status, media_type=MEDIA_TYPE, body=body)

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of what the program asks for."""
        asked = [self.incoming.method, self.incoming.path, sorted(self.incoming.query.items()), self.body.hex()]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


#: How a handler declares that it wants the request.
Calling = NamedDependency[SkipValidation[Call]]


def response_of(answer: KeyedAnswer) -> Response[Any]:
    """Return a response with a prepared body."""
    headers = {"location": answer.location} if answer.location else None
    return Response(answer.body.encode(), media_type=answer.media_type, status_code=answer.status, headers=headers)


def language_of(header: str, otherwise: str) -> str:
    """Return the language that a client likes best and that there is.

    Args:

        header: The header ``Accept-Language``.

        otherwise: The language if it names none that there is.
    """
    wanted: list[tuple[float, str]] = []
    for part in header.split(","):
        tag, _, parameter = part.partition(";")
        weight = parameter.strip().removeprefix("q=")
        try:
            liking = float(weight) if weight else 1.0
        except ValueError:
            continue
        language = tag.strip().lower().partition("-")[0]
        if language in LANGUAGES and 0 < liking <= 1:
            wanted.append((liking, language))
    return max(wanted, key=lambda each: each[0])[1] if wanted else otherwise
