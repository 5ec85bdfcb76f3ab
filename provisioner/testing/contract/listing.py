"""The checks of a contract as a list, for documents and for ``--dry-run``."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import attrs

from provisioner.testing.contract.tags import Tag


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


def _summary(function: object) -> str:
    """Return the first paragraph of a docstring."""
    return " ".join((inspect.getdoc(function) or "").partition("\n\n")[0].split())
