"""Finds accounts by parts of what people know: logins, names, and the last digits of numbers."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from sqlalchemy import Column, ColumnElement, func, or_, select

from provisioner.core.model import Account, Person
from provisioner.store.db.database import Database
from provisioner.store.db.reader import Reader
from provisioner.store.db.tables import accounts, persons, units

#: The letters that people type for one another, in both cases.
_ALIKE = ("aâAÂ", "cçCÇ", "gğGĞ", "iıİIîÎ", "oöOÖ", "sşSŞ", "uüûUÜÛ")

#: The character that comes after all others: both databases compare logins by code points.
_LAST = chr(sys.maxunicode)


class StoredSearch:
    """Searches in one store.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reader = Reader(database)

    def by_login(self, beginning: str, /) -> Iterator[Account]:
        """Yield the accounts whose logins begin so, by login.

        Args:

            beginning: The beginning, in lower case.
        """
        # One lower bound only: with a second one, SQLite would start at the one that is written first.
        end = f"{beginning}{_LAST}"
        yield from self._accounts(accounts.c.login.between(beginning, end))

    def by_unit(self, words: str, /) -> Iterator[Account]:
        """Yield the accounts of units with this code, or with these letters in their names, by code and login."""
        named = select(units.c.code).where(or_(units.c.code == words, self._contains(units.c.name, words)))
        yield from self._of(accounts.c.unit, (row.code for row in self._reader.all(named.order_by(units.c.code))))

    def by_holder(self, words: str, /) -> Iterator[Account]:
        """Yield the accounts that a person with this ID, or with these letters in the name, holds, by ID and login.

        Only persons who were imported have names here.
        """
        named = select(persons.c.id).where(self._contains(persons.c.name, words)).order_by(persons.c.id)
        yield from self._of(accounts.c.holder, [words, *(row.id for row in self._reader.all(named))])

    def persons(self, words: str, /) -> Iterator[Person]:
        """Yield the imported persons with this ID, or with these letters in their names, by ID."""
        named = select(persons).where(or_(persons.c.id == words, self._contains(persons.c.name, words)))
        for page in self._reader.pages(named, persons.c.id):
            yield from (Person(**row._asdict()) for row in page)

    def by_number(self, digits: str, /) -> Iterator[tuple[Account, Person]]:
        """Yield the accounts whose holders have a mobile number that ends so, with the holders.

        Args:

            digits: The last digits, at least two.
        """
        plain: ColumnElement[str] = persons.c.mobile
        for separator in " -().":
            plain = func.replace(plain, separator, "")
        # The last two digits of a number are never apart, and most numbers end with others.
        query = select(persons).where(persons.c.mobile.endswith(digits[-2:]), plain.endswith(digits))
        holders = {row.id: Person(**row._asdict()) for row in self._reader.all(query)}
        yield from ((account, holders[account.holder or ""]) for account in self._of(accounts.c.holder, holders))

    def _of(self, column: Column[str], values: Iterable[str]) -> Iterator[Account]:
        """Yield the accounts in which a column has one of these values, some of them at a time."""
        found = self._reader.among(select(accounts).order_by(column, accounts.c.login), column, values)
        yield from (Account(**row._asdict()) for row in found)

    def _contains(self, column: Column[str], words: str) -> ColumnElement[bool]:
        return self._database.contains(column, [_any_of(sign) for sign in words])

    def _accounts(self, condition: ColumnElement[bool]) -> Iterator[Account]:
        for page in self._reader.pages(select(accounts).where(condition), accounts.c.login):
            yield from (Account(**row._asdict()) for row in page)


def _any_of(sign: str) -> str:
    """Return the letters that may stand for one: in either case, with or without the marks of Turkish letters."""
    alike = next((letters for letters in _ALIKE if sign in letters), None) or {sign, sign.lower(), sign.upper()}
    return "".join(sorted(letter for letter in alike if len(letter) == 1))
