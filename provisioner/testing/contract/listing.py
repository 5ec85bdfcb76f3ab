"""The checks and the fixtures of a contract as lists, for documents and for ``--dry-run``."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import attrs
import pytest

from provisioner.testing.contract.tags import Tag

#: What pytest makes of a function that is a fixture.
_FIXTURE = type(pytest.fixture(lambda: None))

#: Fixtures that the checks are made of. There is no reason to override one.
MACHINERY = frozenset(
    {"known", "listener", "live", "means", "people", "postbox", "batches", "sandbox", "sessions", "wired"}
)


@attrs.frozen(kw_only=True)
class Check:
    """One check of a contract."""

    #: Its name, without ``test_``.
    name: str
    tag: Tag
    #: What it checks and why, in a sentence or two.
    summary: str


def checks(contract: type) -> Iterator[Check]:
    """Yield the checks of a contract, in the order in which they are made."""
    for cls in reversed(contract.__mro__):
        for name, function in vars(cls).items():
            if name.startswith("test_"):
                [tag] = [Tag(mark.name) for mark in function.pytestmark if mark.name in set(Tag)]
                yield Check(name=name.removeprefix("test_"), tag=tag, summary=_summary(function))


def fixtures(contract: type) -> dict[str, str]:
    """Return the fixtures of a contract that can be overridden, each with what it is, by name."""
    found = {
        name: _summary(value)
        for cls in reversed(contract.__mro__)
        for name, value in vars(cls).items()
        if isinstance(value, _FIXTURE) and name not in MACHINERY
    }
    return dict(sorted(found.items()))


def tables(contract: type) -> str:
    """Return the fixtures and the checks of a contract as two tables of Markdown, as they stand in the README."""
    found = list(checks(contract))
    rows = [f"| `{name}` | {summary} |" for name, summary in fixtures(contract).items()]
    checked = [f"| `{check.name}` | {check.tag.removeprefix('contract_')} | {check.summary} |" for check in found]
    return "\n".join(
        [
            "| fixture | what it gives |",
            "| --- | --- |",
            *rows,
            "",
            f"{len(found)} checks:",
            "",
            "| check | tag | what it is about |",
            "| --- | --- | --- |",
            *checked,
        ]
    ).replace("``", "`")


def _summary(function: object) -> str:
    """Return the first paragraph of a docstring."""
    return " ".join((inspect.getdoc(function) or "").partition("\n\n")[0].split())
