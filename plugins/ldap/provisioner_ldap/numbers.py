"""POSIX numbers: each account gets one that no other entry has, and none is given twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from provisioner.core.api.errors import RefusedError, TransientError
from provisioner_ldap.client import LdapSession
from provisioner_ldap.entry import OBJECT_CLASS, Entry
from provisioner_ldap.layout import Layout
from provisioner_ldap.settings import NumberSettings

#: The attribute of the counter that holds the next number. It is a ``device``, a class that every directory has.
_NEXT, _CLASS = "serialNumber", b"device"

#: What stands for the number that an entry is going to get.
NEXT_NUMBER = "…"

#: How many processes may take a number at the same moment before one of them gives up for a while.
_ATTEMPTS = 100


@attrs.frozen
class Numbers:
    """Gives numbers to accounts.

    The next number is in an entry of the directory. It is replaced only together with the removal of the one that was
    read, so of several processes one gets it, and the others read again. A process that dies afterwards leaves a gap.
    """

    range: NumberSettings
    #: The entry below which no other entry may have a number.
    below: str
    #: The attributes that have the number.
    attributes: Sequence[str]

    def held(self, entry: Entry | None) -> str | None:
        """Return the number that an entry has; ``None`` if it has none."""
        return entry.text(self.attributes[0]) if entry else None

    def take(self, session: LdapSession) -> str:
        """Return a number that is given to nobody else.

        Raises:

            RefusedError: None is left.

            TransientError: Too many others take numbers at the moment.
        """
        number = self._reserved(session)
        while self._is_taken(session, number):
            number = self._reserved(session)
        return str(number)

    def _reserved(self, session: LdapSession) -> int:
        for _ in range(_ATTEMPTS):
            stored = self._stored(session)
            number = max(int(stored), self.range.first)
            if number > self.range.last:
                raise RefusedError(
                    "no number from {first} to {last} is left",
                    cure="raise last in the table numbers of the target",
                    first=self.range.first,
                    last=self.range.last,
                )
            if session.replace_value(self.range.counter_dn, _NEXT, stored, str(number + 1)):
                return number
        raise TransientError("other processes change the counter {dn} all the time", dn=self.range.counter_dn)

    def _stored(self, session: LdapSession) -> str:
        """Return the next number as the counter holds it. The counter is created with the first account."""
        counter = session.read(self.range.counter_dn, [_NEXT])
        if not counter.exists:
            self._create(session)
            counter = session.read(self.range.counter_dn, [_NEXT])
        text = counter.text(_NEXT) or ""
        if not text.isascii() or not text.isdigit():
            raise RefusedError(
                "{dn} holds no number in {attribute}",
                cure="set it to the next number, or delete the entry so that it is created again",
                dn=self.range.counter_dn,
                attribute=_NEXT,
            )
        return text

    def _create(self, session: LdapSession) -> None:
        """Create the counter. It begins after the numbers that entries have already."""
        session.expect_changes(self.below)
        first = str(max(self._given(session), default=self.range.first - 1) + 1).encode()
        name = self.range.counter_dn.partition("=")[2].partition(",")[0].encode()
        session.add(self.range.counter_dn, {OBJECT_CLASS: (_CLASS,), "cn": (name,), _NEXT: (first,)})

    def _given(self, session: LdapSession) -> Iterator[int]:
        first, last = self.range.first, self.range.last
        for name in self.attributes:
            test = f"(&({name}>={first})({name}<={last}))"
            for entries in session.pages(self.below, test, [name], subtree=True):
                yield from (int(text) for entry in entries for text in entry.texts(name))

    def _is_taken(self, session: LdapSession, number: int) -> bool:
        value = (str(number).encode(),)
        return session.find(self.below, dict.fromkeys(self.attributes, value)) is not None


def numbers_of(layout: Layout) -> Numbers | None:
    """Return what gives numbers; ``None`` if the accounts of a directory have none."""
    settings, attributes = layout.settings, layout.number_attributes
    if settings.numbers is None or not attributes:
        return None
    return Numbers(settings.numbers, settings.numbers.unique_below or settings.base_dn, attributes)
