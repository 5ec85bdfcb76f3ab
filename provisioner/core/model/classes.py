"""Decorators for attrs classes, which share one ``__repr__``.

attrs compiles the methods of each class when its module is imported. A command that changes an account imports 250
classes. To compile a ``__repr__`` for each would take 7 % of its time, and it calls none of them.
"""

from __future__ import annotations

import reprlib
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from attrs import define, frozen
else:

    def define(cls: type | None = None, /, **options: Any) -> Any:
        """Make an attrs class, as ``attrs.define`` does with these options."""
        if cls is None:
            return partial(define, **options)
        if "__repr__" not in cls.__dict__:
            cls.__repr__ = _shown
        return attrs.define(cls, **options)

    frozen = partial(define, frozen=True)


@reprlib.recursive_repr()
def _shown(self: attrs.AttrsInstance) -> str:
    """Return what the ``__repr__`` that attrs generates would return."""
    values = (
        f"{field.name}={(repr if field.repr is True else field.repr)(getattr(self, field.name, attrs.NOTHING))}"
        for field in attrs.fields(type(self))
        if field.repr
    )
    return f"{type(self).__qualname__.rsplit('>.', 1)[-1]}({', '.join(values)})"


__all__ = ["define", "frozen"]
