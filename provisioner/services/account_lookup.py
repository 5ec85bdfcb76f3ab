"""Finds single accounts by their logins, without more of the product than that needs."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

from provisioner.config.load import LoadedConfiguration
from provisioner.core.api.errors import InputError, Problem
from provisioner.core.model import Account, PasswordDelivery, SessionsState, TargetState
from provisioner.core.model.naming import Naming
from provisioner.core.model.text import Text


class _AccountReader(Protocol):
    """Reads accounts; :class:`~provisioner.store.accounts.StoredAccounts` describes its methods."""

    def get_many(self, logins: Iterable[str], /) -> Mapping[str, Account]: ...
    def all_target_states(self, logins: Iterable[str], /) -> Mapping[str, Mapping[str, TargetState]]: ...
    def sessions(self, logins: Iterable[str], /) -> Mapping[str, Mapping[str, SessionsState]]: ...


class _LastSeenReader(Protocol):
    """Reads when accounts were last seen; see :class:`~provisioner.store.last_seen.StoredLastSeen`."""

    def times(self, login: str, /) -> Mapping[str, datetime]: ...


class _DeliveryReader(Protocol):
    """Reads messages with passwords; see :class:`~provisioner.store.deliveries.StoredDeliveries`."""

    def recent(self, login: str, /) -> Sequence[PasswordDelivery]: ...


class KnownAccounts(Protocol):
    """The part of a store that is known of single accounts."""

    @property
    def accounts(self) -> _AccountReader: ...  # noqa: D102
    @property
    def last_seen(self) -> _LastSeenReader: ...  # noqa: D102
    @property
    def deliveries(self) -> _DeliveryReader: ...  # noqa: D102


@contextmanager
def opened(config: LoadedConfiguration) -> Iterator[KnownAccounts]:
    """Open what reads single accounts: without the rest of the store, if the configuration names a file.

    Raises:

        StoreError: The store cannot be opened.
    """
    if config.store_path is None:
        from provisioner.services.parts import open_store

        with open_store(config) as store:
            yield store
    else:
        from provisioner.store.glance import Glance

        with Glance.at(config.store_path) as glance:
            yield glance


def known_accounts(store: KnownAccounts, naming: Naming, given: Iterable[str]) -> list[Account]:
    """Return the accounts with these logins.

    Args:

        store: The stored data.

        naming: How logins are written.

        given: The logins, with or without their domains.

    Raises:

        InputError: Some are unknown; all of them are named.
    """
    logins = logins_in(given, naming)
    found = store.accounts.get_many(logins)
    require_all(logins, found)
    return [found[login] for login in logins]


def logins_in(given: Iterable[str], naming: Naming) -> list[str]:
    """Return the logins in what was given, with or without their domains, each once.

    Raises:

        InputError: Some are no logins of ours; all of them are named.
    """
    problems: list[Problem] = []
    logins: dict[str, None] = {}
    for text in given:
        try:
            logins[naming.login(text)] = None
        except ValueError:
            problems.append(login_problem(Text("{login} is not a valid login", {"login": text})))
    if problems:
        raise InputError(problems)
    return list(logins)


def require_all(logins: Iterable[str], found: Container[str]) -> None:
    """Check that all of these logins were found.

    Raises:

        InputError: Some were not; all of them are named.
    """
    unknown = [login for login in logins if login not in found]
    if unknown:
        problems = [login_problem(Text("{login} is unknown", {"login": login})) for login in unknown]
        raise InputError(problems, cure="run 'provisioner account list' to see the logins of all accounts")


def login_problem(message: Text) -> Problem:
    """Return a problem with a login that was given."""
    return Problem(field="login", message=message)
