"""The only type for a password or another credential."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NoReturn, Self, final

from provisioner.core.model import masking, spellings
from provisioner.core.model.masking import MASK

__all__ = ["MASK", "Secret"]


@final
class Secret:
    """A password that can't be shown, stored, copied or serialised by accident.

    It prints as ``<secret>``, refuses pickling, copying and cattrs, and compares by identity, so that no container, log
    line or traceback shows it. :meth:`reveal` is the only access to the clear text; review every use of it in the code.
    As long as the object exists, it is masked in errors, answers and logs.

    Args:

        value: The clear text. It must not be empty.

        passing: Whether it is made for one operation. Texts of many operations are searched only for secrets that are
            not.

        others: Returns what may be valid in its place, if it is kept where it can be replaced.

    Raises:

        ValueError: The text is empty.
    """

    __slots__ = ("__weakref__", "_hints", "_others", "_value")

    def __init__(
        self, value: str, *, passing: bool = False, others: Callable[[], Iterable[Secret]] | None = None
    ) -> None:
        self._value = _not_empty(value)
        self._hints: tuple[bytes, ...] = ()
        self._others = others
        masking.know(self, passing=passing)

    @classmethod
    def around(cls, text: str) -> Self:
        """Return a text that contains a secret, such as the body of a request, in the same wrapper.

        Not the whole text is masked, only the secret in it.

        Raises:

            ValueError: The text is empty.
        """
        wrapper = cls.__new__(cls)
        wrapper._value, wrapper._hints, wrapper._others = _not_empty(text), (), None  # noqa: SLF001 - it is one of ours
        return wrapper

    def reveal(self) -> str:
        """Return the clear text. Pass it only to the system that it is meant for."""
        return self._value

    def matches(self, other: Secret) -> bool:
        """Return whether both have the same clear text."""
        from hmac import compare_digest

        return compare_digest(self._value.encode(), other.reveal().encode())

    def valid_instead(self) -> Iterator[Secret]:
        """Yield what may be valid in its place, if a system refuses it: it was replaced, or is being replaced.

        A credential of the configuration is read again where it is kept, with the one that is pending there.
        """
        yield from (other for other in (self._others() if self._others else ()) if not self.matches(other))

    def may_be_in(self, data: bytes) -> bool:
        """Return whether a text may contain it, and must be searched. The text is in UTF-8 and lower case."""
        self._hints = self._hints or spellings.hints(self._value)
        return any(map(data.__contains__, self._hints))  # no generator: it would take three times as long

    def scrub(self, text: str) -> str:
        """Return *text* with the clear text masked wherever it occurs, in every encoding."""
        return spellings.masked(self._value, text, MASK)

    def __repr__(self) -> str:
        return MASK

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        msg = "a Secret cannot be pickled or copied"
        raise TypeError(msg)


def _not_empty(value: str) -> str:
    if not value:
        msg = "a secret must not be empty"
        raise ValueError(msg)
    return value
