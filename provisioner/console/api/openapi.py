"""The description of the API in OpenAPI 3.1, made of its handlers and shapes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from http import HTTPStatus
from typing import Any

import msgspec
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from provisioner.console.api.problems import MEDIA_TYPE, ProblemAnswer
from provisioner.console.api.router import make_api

_VERSION = "1"

_ABOUT = (
    "The API of the console. A token identifies the person or service for which a program sends requests, and allows "
    "what this owner may do. Times are in UTC. Messages are in English or Turkish, according to Accept-Language. Lists "
    "are divided into pages: limit and offset choose a page, and next is the address of the following page, or null. "
    "Each change has an Idempotency-Key, which is kept for 24 hours: the same request with the same key gets the first "
    "answer again."
)

#: What each refusal means. Those in the second table are answers to changes only.
_REFUSALS = {
    400: "The request doesn't fit this description.",
    401: "The token is missing, unknown, expired or revoked.",
    403: "The owner of the token may not do this.",
    404: "What the address names is not there, or the owner of the token may not know of it.",
    422: "The request has the right form, but can't be carried out.",
    429: "There were too many requests, or too many refused tokens. Retry-After says when to try again.",
    500: "A defect of the program.",
    503: "A target, a channel, the personnel system or the store can't be used now.",
}
_REFUSED_CHANGES = {
    409: "A request with this key is still running or was interrupted, or another operation holds the account.",
    413: "The body has more than 64 KiB.",
    415: "The body is not JSON.",
}

#: Examples of what programs send.
_EXAMPLES: Mapping[str, Mapping[str, str]] = {
    "ReasonBody": {"reason": "the phone was stolen"},
    "TextBody": {"text": "the account was locked, and is open again"},
    "IncidentBody": {"login": "ab46", "text": "no mail since this morning"},
    "RequestBody": {"login": "ab46", "kind": "rotate", "reason": "the password is lost"},
    "HandoverBody": {"to": "460001", "reason": "a new head of the office"},
}

_TIMES = frozenset({"at", "deadline", "next_deadline"})


@cache
def description() -> bytes:
    """Return the description as JSON."""
    return json.dumps(document(), ensure_ascii=False, indent=1).encode()


def document() -> dict[str, Any]:
    """Return the description."""
    bearer = SecurityScheme(type="http", scheme="bearer", description="A token of 'provisioner token create'.")
    config = OpenAPIConfig(
        title="provisioner",
        version=_VERSION,
        description=_ABOUT,
        components=Components(security_schemes={"token": bearer}),
        security=[{"token": []}],
    )
    made: dict[str, Any] = make_api(config).openapi_schema.to_schema()
    components = made["components"]
    for name, schema in components["schemas"].items():
        _complete(name, schema)
    components["schemas"]["Problem"] = _problem_schema()
    components["responses"] = {
        f"Problem{status}": _response(status, text) for status, text in {**_REFUSALS, **_REFUSED_CHANGES}.items()
    }
    for method, operation in _operations(made):
        refusals = {**_REFUSALS, **(_REFUSED_CHANGES if method == "post" else {})}
        answers = {status: answer for status, answer in operation["responses"].items() if status.startswith("2")}
        for answer in answers.values():
            answer["description"] = operation["summary"]
        references = {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in sorted(refusals)}
        operation["responses"] = {**answers, **references}
    return made


def _operations(made: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in made["paths"].values():
        yield from path.items()


def _complete(name: str, schema: dict[str, Any]) -> None:
    """Add what Litestar leaves out: that there are no other fields, what is a time, and an example."""
    if schema.get("type") != "object":
        return
    schema["additionalProperties"] = False
    if name in _EXAMPLES:
        schema["examples"] = [_EXAMPLES[name]]
    for field, value in schema["properties"].items():
        if field in _TIMES or field.endswith("_at"):
            texts = [schema for schema in (value, *value.get("oneOf", ())) if schema.get("type") == "string"]
            for text in texts:
                text["format"] = "date-time"


def _problem_schema() -> dict[str, Any]:
    """Return the schema of an error, with the schema of its items inside."""
    _, components = msgspec.json.schema_components([ProblemAnswer], ref_template="{name}")
    schema: dict[str, Any] = components["ProblemAnswer"]
    schema["properties"]["items"]["items"] = components["ProblemItem"]
    return schema


def _response(status: int, text: str) -> dict[str, Any]:
    example = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": text,
        "class": None,
        "cure": None,
        "items": [],
    }
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": {"problem": {"value": example}}}
    answer: dict[str, Any] = {"description": text, "content": {MEDIA_TYPE: content}}
    if status == HTTPStatus.UNAUTHORIZED:
        answer["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}, "required": True}}
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "required": True}}
    return answer
