"""The description of the service, made from its routes: as an OpenAPI document, and as a page for people."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache

import attrs

from provisioner import templates
from provisioner.net.http_service import HttpAnswer
from provisioner_pys.mock.documents import ProblemDocument, Schema, object_schema, schema_of
from provisioner_pys.mock.problems import CODES
from provisioner_pys.mock.routes import ROUTES, Route
from provisioner_pys.mock.service import VERSION

ABOUT = (
    "A stand-in for the personnel system: people, units and log-ins. Every change is one request, and all but the "
    "taking back of one may be repeated. Changes that belong together carry the same `operation`; the `undo_token` of "
    "any of them leads back to where the account was before the first."
)
KEYS = "The key goes into `Authorization: Bearer KEY` or `X-Api-Key: KEY`."


@cache
def openapi() -> Schema:
    """Return the OpenAPI document."""
    paths: dict[str, dict[str, Schema]] = {}
    for route in ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "PYS mock", "version": VERSION, "description": ABOUT},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}, {"header": []}],
        "paths": paths,
        "components": {
            "schemas": {document.__name__: object_schema(document) for document in _documents()},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
            },
        },
    }


@cache
def pages() -> Mapping[str, HttpAnswer]:
    """Return what everybody may read, by path."""
    page = templates.render(__package__, "docs.html", keys=KEYS, **openapi())
    return {
        "/openapi.json": HttpAnswer(body=json.dumps(openapi()).encode()),
        "/docs": HttpAnswer(body=page.encode(), content_type="text/html; charset=utf-8"),
    }


def _documents() -> list[type]:
    mentioned = [
        document for route in ROUTES for document in (route.body, route.answer) if document and attrs.has(document)
    ]
    return sorted({*mentioned, ProblemDocument}, key=lambda document: document.__name__)


def _operation(route: Route) -> Schema:
    operation: Schema = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": ["mock" if route.control else route.name.partition(".")[0]],
        "responses": {"200": {"description": "Done.", "content": _json(schema_of(route.answer))}, **_problems(route)},
    }
    if names := re.findall(r"\{(\w+)\}", route.path):
        operation["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": schema_of(str)} for name in names
        ]
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": _json(schema_of(route.body))}
    return operation


def _problems(route: Route) -> dict[str, Schema]:
    codes = {"unauthenticated", *route.problems, *(["body_invalid"] if route.body else [])}
    by_status: dict[str, list[str]] = {}
    for code in sorted(codes):
        by_status.setdefault(str(int(CODES[code])), []).append(f"`{code}`")
    content = {"application/problem+json": {"schema": schema_of(ProblemDocument)}}
    return {
        status: {"description": f"Not done: {', '.join(names)}.", "content": content}
        for status, names in by_status.items()
    }


def _json(schema: Schema) -> Schema:
    return {"application/json": {"schema": schema}}
