"""Finds accounts by parts of what people know: logins, names, and the last digits of numbers."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import attrs
from sqlalchemy import Column, ColumnElement, Select, bindparam, func, literal, or_, select

from provisioner.core.model import Account, Person
from provisioner.store.db.database import Database
from provisioner.store.db.reader import Reader
from provisioner.store.db.rows import models
from provisioner.store.db.tables import accounts, persons, units
from provisioner.store.tree import codes_under

#: The letters that people type for one another, in both cases.
_ALIKE = ("aâAÂ", "cçCÇ", "gğGĞ", "iıİIîÎ", "oöOÖ", "sşSŞ", "uüûUÜÛ")

#: The character that comes after all others: both databases compare logins by code points.
_LAST = chr(sys.maxunicode)


#: How many accounts are read together: most searches end before them, and those who search see few.
_PAGE = 64

_COLUMNS = accounts.c.keys()


#: The units of a reach, and its person.
_UNITS = codes_under(bindparam("tops", expanding=True))
_PERSON = bindparam("person", type_=accounts.c.holder.type)

#: Whether an account that was found is in a reach. No index leads to it: databases would read the whole reach instead.
_HAS_ACCOUNT = or_(func.coalesce(accounts.c.unit, "").in_(_UNITS), func.coalesce(accounts.c.holder, "") == _PERSON)

#: Whether a unit can have an account that is in a reach.
_HAS_UNIT = units.c.code.in_(_UNITS.union(select(accounts.c.unit).where(accounts.c.holder == _PERSON)))


@attrs.frozen
class Reach:
    """Which accounts are searched: those of some units and of all units below them, and those that a person holds."""

    #: The codes of the units; ``None`` for all accounts.
    tops: Collection[str] | None = None
    #: The ID of the person.
    person: str = ""

    def within(self, query: Select[Any], *conditions: ColumnElement[bool]) -> Select[Any]:
        """Return a query with its conditions; they hold only if not all accounts are searched."""
        return query if self.tops is None else query.where(*conditions)

    @property
    def values(self) -> Mapping[str, object]:
        """The values for the conditions."""
        return {} if self.tops is None else {"tops": list(self.tops), "person": self.person}


#: All accounts.
EVERYWHERE = Reach()


class StoredSearch:
    """Searches in one store.

    Args:

        database: An open store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reader = Reader(database)

    def by_login(self, beginning: str, reach: Reach = EVERYWHERE) -> Iterator[Account]:
        """Yield the accounts whose logins begin so, by login.

        Args:

            beginning: The beginning, in lower case.

            reach: Which accounts are searched.
        """
        # One lower bound only: with a second one, SQLite would start at the one that is written first.
        begins = accounts.c.login.between(beginning, f"{beginning}{_LAST}")
        yield from self._accounts(reach, begins)

    def by_unit(self, words: str, reach: Reach = EVERYWHERE) -> Iterator[Account]:
        """Yield the accounts of units with this code, or with these letters in their names, by code and login.

        Args:

            words: The code, or the letters.

            reach: Which accounts are searched.
        """
        named = or_(units.c.code == words, self._contains(units.c.name, words))
        codes = reach.within(select(units.c.code).where(named), _HAS_UNIT)
        yield from self._accounts(reach, accounts.c.unit.in_(codes), accounts.c.unit)

    def by_holder(self, words: str, reach: Reach = EVERYWHERE) -> Iterator[Account]:
        """Yield the accounts that a person with this ID, or with these letters in the name, holds, by ID and login.

        Only persons who were imported have names here.

        Args:

            words: The ID, or the letters.

            reach: Which accounts are searched.
        """
        named = select(persons.c.id).where(self._contains(persons.c.name, words))
        ids = named.union(select(literal(words, accounts.c.holder.type)))
        yield from self._accounts(reach, accounts.c.holder.in_(ids), accounts.c.holder)

    def persons(self, words: str, /) -> Iterator[Person]:
        """Yield the imported persons with this ID, or with these letters in their names, by ID."""
        named = select(persons).where(or_(persons.c.id == words, self._contains(persons.c.name, words)))
        for page in self._reader.pages(named, persons.c.id):
            yield from models(Person, persons.c.keys(), page)

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
        holders = {person.id: person for person in models(Person, persons.c.keys(), self._reader.all(query))}
        held = select(accounts).order_by(accounts.c.holder, accounts.c.login)
        rows = self._reader.among(held, accounts.c.holder, holders)
        yield from ((account, holders[account.holder or ""]) for account in models(Account, _COLUMNS, rows))

    def _contains(self, column: Column[str], words: str) -> ColumnElement[bool]:
        return self._database.contains(column, [_any_of(sign) for sign in words])

    def _accounts(self, reach: Reach, condition: ColumnElement[bool], *order: Column[Any]) -> Iterator[Account]:
        query = reach.within(select(accounts).where(condition), _HAS_ACCOUNT)
        for page in self._reader.pages(query, *order, accounts.c.login, size=_PAGE, values=reach.values):
            yield from models(Account, _COLUMNS, page)


def _any_of(sign: str) -> str:
    """Return the letters that may stand for one: in either case, with or without the marks of Turkish letters."""
    alike = next((letters for letters in _ALIKE if sign in letters), None) or {sign, sign.lower(), sign.upper()}
    return "".join(sorted(letter for letter in alike if len(letter) == 1))
