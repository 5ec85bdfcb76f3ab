from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from provisioner.core.model import classes


def hidden(value: object) -> str:
    return f"<{len(str(value))} letters>"


def classes_of(decorator: Any) -> Any:
    """Return classes of the same names and fields, made with a decorator of attrs or of ours."""

    class Scope:
        @decorator
        class Plain:
            name: str
            number: int = 0

        @decorator(kw_only=True)
        class Choosy:
            _private: str
            shown: str = attrs.field(repr=hidden)
            secret: str = attrs.field(repr=False)
            late: str = attrs.field(init=False)

        @decorator
        class Empty:
            pass

    return Scope


@pytest.mark.parametrize(
    ("ours", "theirs"), [(classes.frozen, attrs.frozen), (classes.define, attrs.define)], ids=["frozen", "define"]
)
class TestRepresentation:
    """``repr`` of a class made with our decorators: a secret must stay hidden that attrs would hide."""

    @pytest.mark.parametrize(
        "made",
        [
            lambda scope: scope.Plain("a", number=2),
            lambda scope: scope.Choosy(private="p", shown="seen", secret="unseen"),
            lambda scope: scope.Empty(),
            lambda scope: scope.Plain(scope.Plain("a")),
        ],
        ids=["plain", "choosy", "empty", "nested"],
    )
    def test_is_that_of_attrs(self, ours: Any, theirs: Any, made: Callable[[Any], object]) -> None:
        assert repr(made(classes_of(ours))) == repr(made(classes_of(theirs)))

    def test_ends_if_an_instance_contains_itself(self, ours: Any, theirs: Any) -> None:
        found = []
        for decorator in (ours, theirs):
            content: list[object] = []
            content.append(classes_of(decorator).Plain(content))
            found.append(repr(content))

        assert found[0] == found[1]

    def test_can_be_written_by_the_class(self, ours: Any, theirs: Any) -> None:
        @ours
        class Own:
            def __repr__(self) -> str:
                return "own"

        assert repr(Own()) == "own"
