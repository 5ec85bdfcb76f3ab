"""The one type that carries a password or another credential."""

from __future__ import annotations

from typing import NoReturn, final

MASK = "<secret>"


@final
class Secret:
    """A password that cannot be shown, stored, copied or serialised by accident.

    It prints as ``<secret>``, refuses pickling, copying and cattrs, and compares by identity, so that no
    container, log line or traceback shows it. :meth:`reveal` is the only way to the clear text; every use of it
    in the code base is a place to review.

    Args:

        value: The clear text. It must not be empty.

    Raises:

        ValueError: The text is empty.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        if not value:
            msg = "a secret must not be empty"
            raise ValueError(msg)
        self._value = value

    def reveal(self) -> str:
        """Return the clear text, to hand it to the system it is meant for and to nothing else."""
        return self._value

    def scrub(self, text: str) -> str:
        """Return *text* with every occurrence of the clear text replaced by a mask."""
        return text.replace(self._value, MASK)

    def __repr__(self) -> str:
        return MASK

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        msg = "a Secret cannot be pickled or copied"
        raise TypeError(msg)
