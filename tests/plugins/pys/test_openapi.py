"""The OpenAPI document says what is served, no more and no less."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from provisioner_pys.mock import PysMock
from provisioner_pys.mock.documents import violations
from provisioner_pys.mock.openapi import openapi
from provisioner_pys.mock.routes import ROUTES

OPERATIONS = [
    (method, path, operation)
    for path, operations in openapi()["paths"].items()
    for method, operation in operations.items()
]
METHODS = ["get", "put", "post", "patch", "delete"]
PARAMETERS = {"id": "1001", "code": "46-TEM", "login": "okul"}
VALUES: dict[str, object] = {
    "password": "Kx7!mPq2",
    "endpoint": "login",
    "do": "refuse",
    "call": 1,
    "seconds": 0.5,
    "login": "okul",
}


@pytest.fixture(name="web")
def _web(mock: PysMock) -> Iterator[httpx.Client]:
    headers = {"X-Api-Key": mock.api_key.reveal()}
    with httpx.Client(base_url=mock.url, headers=headers, trust_env=False, timeout=60) as web:
        web.put("/accounts/okul", json={"unit": "46-TEM", "password": "Kx7!mPq2"}).raise_for_status()
        yield web


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = openapi()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def example(operation: dict[str, Any], web: httpx.Client) -> dict[str, object] | None:
    """A body made of nothing but the document, with every property it names."""
    if "requestBody" not in operation:
        return None
    properties = resolved(operation["requestBody"]["content"]["application/json"]["schema"])["properties"]
    body = {name: VALUES.get(name, "some-text") for name in properties}
    if "token" in body:
        change = web.put("/accounts/okul/password", json={"password": "Kx7!mPq2"})
        body["token"] = change.json()["undo_token"]
    return body


def filled(path: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda found: PARAMETERS[found[1]], path)


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_what_is_documented_is_served_as_documented(
    web: httpx.Client, method: str, path: str, operation: dict[str, Any]
) -> None:
    response = web.request(method, filled(path), json=example(operation, web))

    assert response.status_code == 200, response.text
    schema = resolved(operation["responses"]["200"]["content"]["application/json"]["schema"])
    if "properties" in schema:
        assert violations(response.json(), schema) == []
        assert response.json().keys() == schema["properties"].keys()
    else:
        assert all(isinstance(value, int) for value in response.json().values())


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_what_is_documented_as_required_is_required(
    web: httpx.Client, method: str, path: str, operation: dict[str, Any]
) -> None:
    for name in resolved(
        operation.get("requestBody", {"content": {"application/json": {"schema": {}}}})["content"]["application/json"][
            "schema"
        ]
    ).get("required", []):
        body = example(operation, web) or {}
        del body[name]
        assert web.request(method, filled(path), json=body).json()["code"] == "body_invalid"


@pytest.mark.parametrize("path", openapi()["paths"])
def test_what_is_not_documented_is_not_served(web: httpx.Client, path: str) -> None:
    for method in METHODS:
        if method not in openapi()["paths"][path]:
            assert web.request(method, filled(path)).status_code == 405


def test_every_route_is_documented() -> None:
    documented = {(method.upper(), path, operation["operationId"]) for method, path, operation in OPERATIONS}

    assert {(route.method, route.path, route.name) for route in ROUTES} == documented


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
def test_a_wrong_key_is_documented_and_refused(
    mock: PysMock, method: str, path: str, operation: dict[str, Any]
) -> None:
    response = httpx.request(method, mock.url + filled(path), trust_env=False)

    assert str(response.status_code) in operation["responses"]
    problem = openapi()["components"]["schemas"]["ProblemDocument"]
    assert violations(response.json(), problem) == []


def test_the_document_is_served_to_everybody(mock: PysMock) -> None:
    response = httpx.get(f"{mock.url}/openapi.json", trust_env=False)

    assert response.json() == openapi()
    assert response.headers["Content-Type"] == "application/json"
    assert response.json()["openapi"] == "3.1.0"


def test_every_reference_leads_somewhere() -> None:
    for name in re.findall(r"#/components/schemas/(\w+)", json.dumps(openapi())):
        assert name in openapi()["components"]["schemas"]


def test_the_page_for_people_needs_nothing_from_elsewhere(mock: PysMock) -> None:
    response = httpx.get(f"{mock.url}/docs", trust_env=False)

    assert response.headers["Content-Type"].startswith("text/html")
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", response.text)
    for route in ROUTES:
        assert f"{route.method} {route.path}" in response.text
