"""Every hook says what, with what, what comes back, what it raises and when it is called; so a plug-in can be right."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

from provisioner.core.api import errors, hookspecs, kinds

HOOKS: dict[str, Callable[..., Any]] = {
    name: function for name, function in vars(hookspecs).items() if hasattr(function, "provisioner_spec")
}


def sections(function: Callable[..., Any]) -> dict[str, str]:
    """Return the docstring's sections by title; the text before them is under the empty title."""
    parts = re.split(r"^(Args|Returns|Raises|Called): ?", inspect.getdoc(function) or "", flags=re.MULTILINE)
    return dict(zip(["", *parts[1::2]], parts[::2], strict=True))


def test_there_are_hooks() -> None:
    """Without this, an empty table would make the other tests pass."""
    assert len(HOOKS) >= 15


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_is_fully_documented(name: str) -> None:
    function = HOOKS[name]
    found = sections(function)

    assert found[""].strip()
    assert {"Returns", "Raises", "Called"} <= found.keys()
    for parameter in inspect.signature(function).parameters:
        assert re.search(rf"^\s+{parameter}: \S", found["Args"], re.MULTILINE)


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_raises_what_there_is(name: str) -> None:
    """A class that was renamed must not live on in the documentation."""
    for raised in re.findall(r"^\s+([A-Z]\w+): ", sections(HOOKS[name])["Raises"], re.MULTILINE):
        assert raised == "Exception" or issubclass(getattr(errors, raised), errors.ProvisionerError)


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_says_how_often_it_is_called(name: str) -> None:
    assert re.search(r"\b(once|for each|as often|after|before|when|while)\b", sections(HOOKS[name])["Called"])


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_is_fully_typed(name: str) -> None:
    signature = inspect.signature(HOOKS[name])

    assert signature.return_annotation is not inspect.Signature.empty
    assert all(parameter.annotation is not inspect.Parameter.empty for parameter in signature.parameters.values())


@pytest.mark.parametrize("name", sorted(set(kinds.HOOKS.values())))
def test_a_changing_hook_says_whether_it_may_be_repeated(name: str) -> None:
    assert "repeat" in sections(HOOKS[name])["Called"]
