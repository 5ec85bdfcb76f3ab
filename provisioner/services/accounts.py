"""Accounts: looked up by their logins, and the plans that open, close and renew them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from provisioner.core.api.errors import ConfigurationError
from provisioner.core.engine.plan import Initiator, Plan
from provisioner.core.model import Account, AccountState, Unit
from provisioner.services.account_lookup import known_accounts, logins_in, require_all

if TYPE_CHECKING:
    from provisioner.core.engine.planner import Planner
    from provisioner.store import Store


def list_accounts(
    store: Store,
    *,
    state: AccountState | None = None,
    unit: str | None = None,
    due_before: datetime | None = None,
) -> list[Account]:
    """Return accounts.

    Args:

        store: The stored data.

        state: Only those in this state.

        unit: Only those of this unit and of the units below it.

        due_before: Only those with a deadline before this time.

    Raises:

        InputError: There is no such unit.
    """
    from provisioner.services.units import require_unit

    require_unit(store, unit or None)
    return list(store.accounts.find(state=state, under=unit, due_before=due_before))


@attrs.frozen(kw_only=True)
class Accounts:
    """Looks accounts up, and plans what is done with them.

    The plans are carried out by :class:`~provisioner.services.runs.Runs`. Logins are given with or without their
    domains.

    Args:

        store: The stored data.

        planner: Makes the plans.
    """

    store: Store
    planner: Planner

    def find(self, logins: Iterable[str]) -> list[Account]:
        """Return the accounts with these logins, each once and in this order.

        Args:

            logins: The logins.

        Raises:

            InputError: Some are unknown; all of them are named.
        """
        return known_accounts(self.store, self.planner.naming, logins)

    def find_or_future(self, login: str) -> Account:
        """Return the account with this login, or the one that a unit would get under it.

        Args:

            login: The login.

        Raises:

            InputError: There is neither.
        """
        [login] = logins_in([login], self.planner.naming)
        known = self.store.accounts.get_many([login]).get(login)
        if known:
            return known
        [unit] = self._units_of([login])
        domain = self.planner.naming.domain_for(unit)
        return Account(login=login, domain=domain, unit=unit.code, holder=unit.custodian)

    def plan_creation(self, logins: Iterable[str], initiator: Initiator) -> Plan:
        """Return the plan that opens accounts that were never open.

        Args:

            logins: Logins that units have, or would get.

            initiator: Who requests it.

        Raises:

            InputError: Some are unknown, or cannot be opened; all of them are named.
        """
        wanted = logins_in(logins, self.planner.naming)
        known = self.store.accounts.get_many(wanted)
        units = self._units_of([login for login in wanted if login not in known])
        accounts = [known[login] for login in wanted if login in known]
        return Plan.joined([self.planner.create(accounts, initiator), self.planner.open_units(units, initiator)])

    def plan_closing(self, logins: Iterable[str], initiator: Initiator, *, again: bool = False) -> Plan:
        """Return the plan that closes accounts.

        Args:

            logins: The logins.

            initiator: Who requests it.

            again: Close accounts also if they are closed already, because somebody may have enabled them on a target.

        Raises:

            InputError: Some are unknown; all of them are named.
        """
        return self.planner.close(self.find(logins), initiator, again=again)

    def plan_reopening(self, logins: Iterable[str], initiator: Initiator) -> Plan:
        """Return the plan that opens closed accounts again, with new passwords.

        Args:

            logins: The logins.

            initiator: Who requests it.

        Raises:

            InputError: Some are unknown, or cannot be opened; all of them are named.
        """
        return self.planner.reopen(self.find(logins), initiator)

    def plan_rotation(self, logins: Iterable[str], initiator: Initiator) -> Plan:
        """Return the plan that gives open accounts new passwords.

        Args:

            logins: The logins.

            initiator: Who requests it.

        Raises:

            InputError: Some are unknown, or not open; all of them are named.
        """
        return self.planner.rotate(self.find(logins), initiator=initiator)

    def plan_update(self, logins: Iterable[str], initiator: Initiator) -> Plan:
        """Return the plan that writes the current attributes and entitlements of open accounts. The passwords stay.

        Args:

            logins: The logins.

            initiator: Who requests it.

        Raises:

            InputError: Some are unknown; all of them are named.
        """
        return self.planner.update(self.find(logins), initiator)

    def plan_completion(self, logins: Iterable[str], initiator: Initiator) -> Plan:
        """Return the plan that renews open accounts that are not on every target on which they belong.

        Args:

            logins: The logins.

            initiator: Who requests it.

        Raises:

            InputError: Some are unknown, or not open; all of them are named.
        """
        return self.planner.complete(self.find(logins), initiator)

    def _units_of(self, logins: list[str]) -> list[Unit]:
        """Return the units whose accounts would get these logins.

        Raises:

            InputError: There is none for some; all of them are named.
        """
        units = dict(self._future_logins()) if logins else {}
        require_all(logins, units)
        return [units[login] for login in logins]

    def _future_logins(self) -> Iterator[tuple[str, Unit]]:
        """Yield every unit with the login that its account would get, where that can be told."""
        for unit in self.store.units.all():
            try:
                yield self.planner.naming.login(unit.login or self.planner.choose_login(unit)), unit
            except (ValueError, ConfigurationError):
                continue
