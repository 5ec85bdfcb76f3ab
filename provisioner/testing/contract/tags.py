"""The kinds of checks, as marks of pytest: ``pytest -m contract_core`` runs one kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import pytest

ClassT = TypeVar("ClassT", bound=type)


class Tag(StrEnum):
    """One kind of checks."""

    CORE = "contract_core"
    HOSTILE = "contract_hostile"
    LOAD = "contract_load"
    SECRECY = "contract_secrecy"
    WIRE = "contract_wire"


#: What the checks of each kind are about.
MEANINGS: Mapping[Tag, str] = {
    Tag.CORE: "what each hook does, and that its result is true",
    Tag.HOSTILE: "unusual and malicious values",
    Tag.LOAD: "many threads at the same time, and growth of resources",
    Tag.SECRECY: "no password where it does not belong",
    Tag.WIRE: "failing networks and systems, and lost answers",
}


def register(config: pytest.Config) -> None:
    """Make the marks known to pytest, which refuses unknown ones if it is strict."""
    for tag, meaning in MEANINGS.items():
        config.addinivalue_line("markers", f"{tag}: contract: {meaning}")


def tagged(tag: Tag) -> Callable[[ClassT], ClassT]:
    """Mark every check that a class defines itself; a mark on the class would reach those it is mixed with."""
    import pytest

    def mark(cls: ClassT) -> ClassT:
        for name, check in vars(cls).items():
            if name.startswith("test_"):
                getattr(pytest.mark, tag.value)(check)
        return cls

    return mark
