"""Search: accounts by what people know of them, among those that the person who asks may read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice

import attrs

from provisioner.core.governance.authority import Authority
from provisioner.core.governance.privacy import READERS, Privacy
from provisioner.core.model import Account, Person, Unit
from provisioner.core.model.naming import Naming
from provisioner.store import Store
from provisioner.store.search import Reach

#: The number of letters or digits from which is searched.
SHORTEST = 2

#: The number of digits from which they are taken for the end of a mobile number, and for a whole one. Between the two,
#: only the last ones count: a person who tries digits would learn a number, which is masked, one digit at a time.
_DIGITS, _WHOLE = 4, 10

#: The number of accounts that a search returns.
_MOST = 50


@attrs.frozen(kw_only=True)
class FoundAccount:
    """An account, with the names of its unit and its holder."""

    account: Account
    unit: Unit | None
    #: The name of the holder, if it is known.
    holder_name: str = ""


@attrs.frozen(kw_only=True)
class FoundAccounts:
    """What a search found."""

    items: tuple[FoundAccount, ...] = ()
    #: Whether these are all.
    is_complete: bool = True


@attrs.frozen(kw_only=True)
class FoundPersons:
    """Whom a search found."""

    items: tuple[Person, ...] = ()
    #: Whether these are all.
    is_complete: bool = True


@attrs.frozen(kw_only=True)
class Search:
    """Finds accounts and persons.

    Args:

        store: The stored data.

        authority: Decides who may read personal data.

        naming: How logins are written.

        names: Returns the names of persons, by ID.
    """

    store: Store
    authority: Authority
    naming: Naming
    names: Callable[[Iterable[str | None]], Mapping[str, str]]

    def find(self, words: str, *, viewer: str) -> FoundAccounts:
        """Return the accounts that fit, if the viewer may read them.

        Args:

            words: The beginning of a login, a part of the name of a unit or of a holder, the code of a unit, the ID of
                a holder, or the last four digits of the holder's mobile number or all of them.

            viewer: Who searches.
        """
        wanted = " ".join(words.split())
        if len(wanted) < SHORTEST:
            return FoundAccounts()
        found: dict[str, Account] = {}
        authority = self.authority.at_one_moment()
        reach = Reach(self.store.units.narrow(authority.tops(viewer, READERS)), viewer)
        for account in self._readable(wanted, Privacy(authority, viewer), reach):
            if account.login not in found and len(found) == _MOST:
                return self._named(found.values(), is_complete=False)
            found[account.login] = account
        return self._named(found.values(), is_complete=True)

    def persons(self, words: str, *, viewer: str) -> FoundPersons:
        """Return the imported persons who fit, if the viewer may read their data.

        Args:

            words: The ID, or a part of the name.

            viewer: Who searches.
        """
        wanted = " ".join(words.split())
        if len(wanted) < SHORTEST:
            return FoundPersons()
        readable = Privacy(self.authority, viewer).readable(self.store.search.persons(wanted))
        found = list(islice(readable, _MOST + 1))
        return FoundPersons(items=tuple(found[:_MOST]), is_complete=len(found) <= _MOST)

    def held_by(self, person: str) -> FoundAccounts:
        """Return the accounts that a person holds and that are not closed."""
        return self._named(self.store.accounts.of_holder(person), is_complete=True)

    def named(self, accounts: Iterable[Account]) -> list[FoundAccount]:
        """Return accounts with the names of their units and holders."""
        given = list(accounts)
        units = self.store.units.get_many({account.unit for account in given})
        names = self.names(account.holder for account in given)
        return [
            FoundAccount(account=account, unit=units.get(account.unit), holder_name=names.get(account.holder or "", ""))
            for account in given
        ]

    def _named(self, accounts: Iterable[Account], *, is_complete: bool) -> FoundAccounts:
        return FoundAccounts(items=tuple(self.named(accounts)), is_complete=is_complete)

    def _readable(self, wanted: str, privacy: Privacy, reach: Reach) -> Iterator[Account]:
        """Yield the accounts that fit, the likeliest first; some more than once.

        The store leaves out most accounts that the viewer may not read, and *privacy* all others.
        """
        search = self.store.search
        if beginning := self._login(wanted):
            yield from privacy.readable(search.by_login(beginning, reach))
        yield from privacy.readable(search.by_unit(wanted, reach))
        yield from privacy.readable(search.by_holder(wanted, reach))
        digits = "".join(filter(str.isdecimal, wanted))
        if len(digits) >= _DIGITS and not any(map(str.isalpha, wanted)):
            digits = digits if len(digits) >= _WHOLE else digits[-_DIGITS:]
            found = list(search.by_number(digits))
            may = {person.id for person in privacy.readable({person.id: person for _, person in found}.values())}
            yield from privacy.readable(account for account, person in found if person.id in may)

    def _login(self, wanted: str) -> str | None:
        try:
            return self.naming.login(wanted)
        except ValueError:
            return None
