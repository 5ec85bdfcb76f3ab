"""Which accounts of a site's first day belong to which units: accounts that targets list and the product doesn't know.

Whatever is ambiguous is not adopted: a wrong unit would send the next password to the wrong person.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

import attrs

from provisioner.core.api.errors import TargetError
from provisioner.core.api.events import Event
from provisioner.core.api.messages import ListedAccount, Presence
from provisioner.core.api.rules import share
from provisioner.core.model import Account, TargetState, Unit
from provisioner.core.model.naming import Naming
from provisioner.core.model.text import Text

#: The period over which renewals are spread if the age of passwords is unknown.
SPREAD = timedelta(days=30)

_STATES = {Presence.ENABLED: TargetState.OPEN, None: TargetState.UNPROVED}


class PasswordAge(StrEnum):
    """Where the age of a password comes from."""

    #: The target says when the password was set.
    TARGET = "target"
    #: The target doesn't say it, or the password is too old for the policy: renewals are spread.
    SPREAD = "spread"


@attrs.frozen(kw_only=True)
class AccountAdopted(Event):
    """The product took over an account that targets listed and that it didn't know. No target was changed."""

    kind = "account_adopted"

    actor: str
    login: str
    #: The account in its new state, with its unit, its holder and the assumed time of its password.
    account: Account
    #: The state of the account on each target that lists it.
    targets: Mapping[str, TargetState]
    #: How the unit was found: ``login``, ``mail`` or the name of an attribute.
    matched_by: str
    #: Where the age of the password comes from: ``target`` or ``spread``.
    password_age: PasswordAge
    #: When the password was set according to the targets, the earliest time; ``None`` if none says it.
    password_set_at: datetime | None = None
    #: The mail address of the account on the targets, if the product gives it another one.
    other_address: str | None = None


@attrs.frozen(kw_only=True)
class NotAdopted:
    """A listed account that can't be adopted."""

    login: str
    #: The names of the targets that list it.
    targets: tuple[str, ...]
    #: The obstacle.
    reason: Text
    #: How to remove it.
    cure: Text
    #: The codes of the units that it matches.
    units: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Candidate:
    """A listed account that the product doesn't know, as all targets list it."""

    #: The login, in lower case.
    login: str
    #: Each listing, with the name of the target.
    listings: tuple[tuple[str, ListedAccount], ...]

    @property
    def targets(self) -> tuple[str, ...]:
        """The names of the targets that list it."""
        return tuple(dict.fromkeys(target for target, _ in self.listings))

    @property
    def states(self) -> Mapping[str, TargetState]:
        """The state on each target that lists it. Only for accounts that no target lists as disabled."""
        return {target: _STATES[listed.presence] for target, listed in self.listings}

    @property
    def holders(self) -> tuple[str, ...]:
        """The IDs of the holders that targets name."""
        return tuple(dict.fromkeys(listed.holder for _, listed in self.listings if listed.holder))

    def password_set_at(self, now: datetime) -> datetime | None:
        """Return the earliest time at which its password was set; times in the future are not believed."""
        said = [listed.password_changed_at for _, listed in self.listings]
        return min((moment for moment in said if moment and moment <= now), default=None)

    def refused(self, reason: Text, cure: Text, units: Iterable[str] = ()) -> NotAdopted:
        """Return why it can't be adopted."""
        login = self.listings[0][1].login
        return NotAdopted(login=login, targets=self.targets, reason=reason, cure=cure, units=tuple(units))


@attrs.frozen
class MatchedAccount:
    """A candidate whose unit was found."""

    candidate: Candidate
    #: The code of the unit.
    unit: str
    #: What was compared.
    by: str


class Match(Protocol):
    """How listed accounts are matched to units: both have keys, and equal keys match."""

    @property
    def name(self) -> str:
        """What is compared."""

    def of_listed(self, listed: ListedAccount, /) -> Iterable[str]:
        """Return the keys of a listed account."""

    def of_account(self, account: Account, /) -> str:
        """Return the key of the account that a unit has or would get."""


@attrs.frozen
class _ByLogin:
    name: str = "login"

    def of_listed(self, listed: ListedAccount, /) -> Iterable[str]:
        return [listed.login.casefold()]

    def of_account(self, account: Account, /) -> str:
        return account.login


@attrs.frozen
class _ByMail:
    domains: frozenset[str]
    name: str = "mail"

    def of_listed(self, listed: ListedAccount, /) -> Iterable[str]:
        values = (value.strip().casefold() for _, value in listed.values())
        return [value for value in values if value.partition("@")[2] in self.domains]

    def of_account(self, account: Account, /) -> str:
        return account.mail.casefold()


@attrs.frozen
class _ByAttribute:
    name: str

    def of_listed(self, listed: ListedAccount, /) -> Iterable[str]:
        return [value.strip() for name, value in listed.values() if name.casefold() == self.name.casefold()]

    def of_account(self, account: Account, /) -> str:
        return account.unit


def match_by(name: str, naming: Naming) -> Match:
    """Return how accounts are matched.

    Args:

        name: ``login``, ``mail``, or the name of an attribute whose value is the code of the unit.

        naming: Knows the mail domains.
    """
    if name == "login":
        return _ByLogin()
    if name == "mail":
        return _ByMail(frozenset(map(str.casefold, {naming.domain, *naming.domain_of_kind.values()})))
    return _ByAttribute(name)


def candidates(listings: Iterable[tuple[str, ListedAccount]]) -> dict[str, Candidate]:
    """Return all listed accounts by login, in lower case.

    Args:

        listings: The listings of all targets, each with the name of its target.
    """
    found: dict[str, list[tuple[str, ListedAccount]]] = defaultdict(list)
    for target, listed in listings:
        found[listed.login.casefold()].append((target, listed))
    return {login: Candidate(login=login, listings=tuple(listings)) for login, listings in found.items()}


@attrs.frozen(kw_only=True)
class Matching:
    """Finds the unit of each candidate. No unit gets two accounts, and no account two units.

    Args:

        match: What is compared.

        naming: Knows a login of ours.

        units: The account that each unit has or would get, by the code of the unit.

        taken: The codes of the units that have an account.
    """

    match: Match
    naming: Naming
    units: Mapping[str, Account]
    taken: frozenset[str]
    _codes: Mapping[str, list[str]] = attrs.field(init=False)

    @_codes.default
    def _index(self) -> Mapping[str, list[str]]:
        codes: dict[str, list[str]] = defaultdict(list)
        for code, account in self.units.items():
            codes[self.match.of_account(account)].append(code)
        return dict(codes)

    def pairs(self, found: Sequence[Candidate]) -> Iterator[MatchedAccount | NotAdopted]:
        """Yield each candidate with its unit, or why it can't be adopted."""
        claims = {candidate.login: self.claims(candidate) for candidate in found}
        claimants: dict[str, list[str]] = defaultdict(list)
        for login, codes in claims.items():
            for code in codes:
                claimants[code].append(login)
        for candidate in found:
            codes = claims[candidate.login]
            refusal = self._strange(candidate) or self._ambiguous(candidate, codes, claimants)
            yield (
                attrs.evolve(refusal, units=tuple(codes))
                if refusal
                else MatchedAccount(candidate, codes[0], self.match.name)
            )

    def claims(self, candidate: Candidate) -> list[str]:
        """Return the codes of all units that a candidate matches."""
        keys = dict.fromkeys(key for _, listed in candidate.listings for key in self.match.of_listed(listed))
        return list(dict.fromkeys(code for key in keys for code in self._codes.get(key, ())))

    def _strange(self, candidate: Candidate) -> NotAdopted | None:
        """Return what is wrong with the listing of a candidate, whatever its unit is."""
        target, count = Counter(target for target, _ in candidate.listings).most_common(1)[0]
        if count > 1:
            return candidate.refused(
                Text(
                    "{target} lists several accounts whose login is this one or differs only in case",
                    {"target": target},
                ),
                Text("rename or remove all but one on {target}", {"target": target}),
            )
        if not self._is_login(candidate.login):
            return candidate.refused(
                Text("{login} is not a valid login", {"login": candidate.login}),
                Text("rename it on {targets}", {"targets": ", ".join(candidate.targets)}),
            )
        return None

    def _is_login(self, text: str) -> bool:
        try:
            return self.naming.login(text) == text
        except ValueError:
            return False

    def _ambiguous(
        self, candidate: Candidate, codes: Sequence[str], claimants: Mapping[str, Sequence[str]]
    ) -> NotAdopted | None:
        if not codes:
            return candidate.refused(
                Text("no unit matches it by {name}", {"name": self.match.name}),
                Text("import its unit, or compare something else with --match"),
            )
        if len(codes) > 1:
            return candidate.refused(
                Text("it matches several units: {units}", {"units": ", ".join(sorted(codes))}),
                Text("correct the list of units, so that one of them matches"),
            )
        return self._already_claimed(candidate, codes[0], claimants[codes[0]]) or _disabled(candidate, codes[0])

    def _already_claimed(self, candidate: Candidate, code: str, claimants: Sequence[str]) -> NotAdopted | None:
        values = {"unit": code, "login": self.units[code].login, "logins": ", ".join(sorted(claimants))}
        if code in self.taken:
            return candidate.refused(
                Text("unit {unit} has the account {login} already", values),
                Text("remove it from the target, or import a unit of its own for it", values),
            )
        if len(claimants) > 1:
            return candidate.refused(
                Text("unit {unit} matches several accounts: {logins}", values),
                Text("rename or remove all but one on the target", values),
            )
        return None


def _disabled(candidate: Candidate, code: str) -> NotAdopted | None:
    names = [target for target, listed in candidate.listings if listed.presence not in _STATES]
    if not names:
        return None
    return candidate.refused(
        Text("it is disabled on {targets}", {"targets": ", ".join(names)}),
        Text("enable it there, or open it with a new password: provisioner unit open {unit}", {"unit": code}),
    )


def holder_of(
    candidate: Candidate, unit: Unit, persons: Container[str], errors: Mapping[str, TargetError]
) -> str | NotAdopted:
    """Return who holds an adopted account, or why nobody can: the known person that the targets name, or the custodian.

    Args:

        candidate: The account.

        unit: Its unit.

        persons: The IDs of known persons.

        errors: The errors of those who could not be looked up, by ID.
    """
    wanted = [*candidate.holders, *([unit.custodian] if unit.custodian else [])]
    if error := next((errors[person] for person in wanted if person in errors), None):
        return candidate.refused(error.text, error.cure, [unit.code])
    named = [person for person in candidate.holders if person in persons]
    if len(named) > 1:
        return candidate.refused(
            Text("targets name several holders: {people}", {"people": ", ".join(named)}),
            Text("correct the holder on one of them: {targets}", {"targets": ", ".join(candidate.targets)}),
            [unit.code],
        )
    holder = next((person for person in wanted if person in persons), None)
    return holder or candidate.refused(
        Text("neither its holder nor the custodian of unit {unit} is a known person", {"unit": unit.code}),
        Text("name a custodian in the list of units, and import the person"),
        [unit.code],
    )


def other_address(candidate: Candidate, account: Account, naming: Naming) -> str | None:
    """Return the mail address that targets list for an account; ``None`` if it is that of the account, or not ours."""
    by_mail = match_by("mail", naming)
    found = [address for _, listed in candidate.listings for address in by_mail.of_listed(listed)]
    return None if by_mail.of_account(account) in found else next(iter(found), None)


def password_time(login: str, said: datetime | None, *, life: timedelta, now: datetime) -> tuple[datetime, PasswordAge]:
    """Return since when an adopted account has its password, and where that is from.

    A password that is already too old is not believed either: all holders would be told at once, and late.

    Args:

        login: The login; the same login always gets the same age.

        said: When the password was set according to the target.

        life: How long after its password is set an account needs nothing.

        now: The time.
    """
    if said and now - life <= said <= now:
        return said, PasswordAge.TARGET
    return now - life + min(life, SPREAD) * share(login), PasswordAge.SPREAD
