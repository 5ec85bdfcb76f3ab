"""The page of the Python API says what there is, and what there is can be called as a stable API is."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

import provisioner
from docs import python_api
from docs.hooks import page as hooks_page

METHODS = [
    pytest.param(function, id=f"{name}.{method}")
    for name, cls in python_api.services().items()
    for method, function in python_api.methods(cls).items()
]


def test_every_public_name_is_documented() -> None:
    """A name on no page is one of which nobody knows whether it stays."""
    page, hooks = python_api.page(), hooks_page()

    assert [name for name in python_api.public_names() if f"| `{name}` |" not in page] == []
    assert [name for name in python_api.FOR_PLUGINS if name not in hooks] == []
    assert set(provisioner.__all__) >= python_api.FOR_PLUGINS


def test_the_services_are_those_of_the_page() -> None:
    """Taking one away breaks scripts, and is to be noticed."""
    assert list(python_api.services()) == [
        "access_requests",
        "account_overviews",
        "accounts",
        "adoption",
        "audit_log",
        "clearance",
        "collectors",
        "credentials",
        "deadlines",
        "delegation",
        "deliveries",
        "handovers",
        "health_check",
        "held_runs",
        "imports",
        "inboxes",
        "incidents",
        "keyed_requests",
        "list_runs",
        "log_ins",
        "operations",
        "password_ages",
        "persons",
        "reconcile",
        "repairs",
        "runs",
        "search",
        "targets",
        "tokens",
        "unit_list",
        "unit_removal",
        "units",
        "verification",
    ]


@pytest.mark.parametrize("method", METHODS)
def test_a_person_is_named_and_never_guessed(method: Callable[..., Any]) -> None:
    """Two strings in a row are easily swapped, and who acts is no detail."""
    parameters = inspect.signature(method).parameters

    person = parameters.get("viewer") or parameters.get("actor")  # beside a viewer, an actor is what is looked for
    if person:
        assert person.kind is inspect.Parameter.KEYWORD_ONLY
        assert person.default is inspect.Parameter.empty


@pytest.mark.parametrize("method", METHODS)
def test_a_method_says_what_it_does_and_returns(method: Callable[..., Any]) -> None:
    assert inspect.getdoc(method)
    assert inspect.signature(method).return_annotation is not inspect.Signature.empty
