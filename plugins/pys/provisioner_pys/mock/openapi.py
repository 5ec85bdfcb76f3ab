"""The description of the service, made from its routes: as an OpenAPI document, and as a page for people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from html import escape
from typing import Any

import attrs

from provisioner_pys.mock.dispatch import MockAnswer
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
STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}code{background:#eee;padding:0 .2em}"
    "td,th{text-align:left;padding:.1em 1em .1em 0;vertical-align:top}"
)


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
def pages() -> Mapping[str, MockAnswer]:
    """Return what everybody may read, by path."""
    return {
        "/openapi.json": MockAnswer(body=json.dumps(openapi()).encode()),
        "/docs": MockAnswer(body=_page(openapi()).encode(), content_type="text/html; charset=utf-8"),
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


def _page(document: Mapping[str, Any]) -> str:
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        f"<title>{escape(document['info']['title'])}</title>",
        f"<style>{STYLE}</style>",
        f"<h1>{escape(document['info']['title'])} {escape(document['info']['version'])}</h1>",
        f"<p>{_prose(document['info']['description'])}</p>",
        f"<p>{_prose(KEYS)}</p><p>The same for programs: <a href=openapi.json>openapi.json</a>.</p>",
        *_endpoints(document["paths"]),
        *_schemas(document["components"]["schemas"]),
    ]
    return "\n".join(parts)


def _endpoints(paths: Mapping[str, Mapping[str, Schema]]) -> Iterator[str]:
    yield "<h2>Endpoints</h2>"
    for path, operations in paths.items():
        for method, operation in operations.items():
            yield f"<h3><code>{method.upper()} {escape(path)}</code></h3>"
            yield f"<p>{_prose(operation['summary'])} Called <code>{operation['operationId']}</code>.</p><table>"
            if "requestBody" in operation:
                yield f"<tr><th>takes<td>{_content(operation['requestBody'])}"
            for status, response in operation["responses"].items():
                yield f"<tr><th>{status}<td>{_content(response)} {_prose(response['description'])}"
            yield "</table>"


def _schemas(schemas: Mapping[str, Schema]) -> Iterator[str]:
    yield "<h2>Documents</h2>"
    for name, schema in schemas.items():
        yield f"<h3 id={name}>{name}</h3><p>{_prose(schema['description'])}</p><table>"
        for key, value in schema["properties"].items():
            need = "required" if key in schema["required"] else "optional"
            yield f"<tr><th><code>{key}</code><td>{_type(value)}<td>{need}"
        yield "</table>"


def _content(holder: Schema) -> str:
    return " ".join(_type(content["schema"]) for content in holder["content"].values())


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"<a href=#{name}>{name}</a>"
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    if "enum" in schema:
        return ", ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if "additionalProperties" in schema:
        return f"object of {_type(schema['additionalProperties'])}"
    return str(schema["type"])


def _prose(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
