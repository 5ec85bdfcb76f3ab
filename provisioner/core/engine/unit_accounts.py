"""Which account each unit has, or would get."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import attrs

from provisioner.core.api.errors import ConfigurationError, Problem, TargetError
from provisioner.core.engine.ports import Records
from provisioner.core.model import Account, Unit
from provisioner.core.model.naming import Naming
from provisioner.core.model.text import Text, marked


@attrs.frozen(kw_only=True)
class UnitAccounts:
    """Finds the accounts of units, and names those that units would get.

    Args:

        records: The stored data.

        naming: Knows a login of ours.

        choose_login: Names the account of a unit that the manifest does not name.
    """

    records: Records
    naming: Naming
    choose_login: Callable[[Unit], str]

    def find(self, units: Sequence[Unit], problems: list[Problem]) -> dict[str, Account]:
        """Return the account of each unit, by the code of the unit.

        Args:

            units: The units.

            problems: What is wrong with a unit is added here; such a unit gets no account.
        """
        wanted = self.wanted(units, problems)
        holders = self.records.accounts.get_many([account.login for account in wanted.values()])
        counts = Counter(account.login for account in wanted.values())
        accounts = {}
        for unit in units:
            account = wanted.get(unit.code)
            if account is None:
                continue
            other = holders.get(account.login)
            if counts[account.login] > 1 or (other and other.unit != unit.code):
                problems.append(_problem(unit, marked("{login} belongs to another unit too"), login=account.login))
                continue
            accounts[unit.code] = account
        return accounts

    def wanted(self, units: Sequence[Unit], problems: list[Problem]) -> dict[str, Account]:
        """Return the account that each unit has, or would get if nobody else had the login, by the code of the unit.

        Args:

            units: The units.

            problems: What is wrong with a unit is added here; such a unit is left out.
        """
        known = self.records.accounts.of_units([unit.code for unit in units])
        logins = {unit.code: self._login(unit, known.get(unit.code), problems) for unit in units}
        return {
            unit.code: known.get(unit.code)
            or Account(login=login, domain=self.naming.domain_for(unit), unit=unit.code, holder=unit.custodian)
            for unit in units
            if (login := logins[unit.code])
        }

    def _login(self, unit: Unit, known: Account | None, problems: list[Problem]) -> str | None:
        if known:
            return known.login
        try:
            text = unit.login or self.choose_login(unit)
        except (ConfigurationError, TargetError) as error:
            problems.append(_problem(unit, marked("no login can be chosen: {why}"), why=error.text))
            return None
        try:
            return self.naming.login(text)
        except ValueError:
            problems.append(_problem(unit, "{login} is not a valid login", login=text))
            return None


def _problem(unit: Unit, message: str, **values: object) -> Problem:
    return Problem(subject=unit.code, field="login", message=Text(message, values))
