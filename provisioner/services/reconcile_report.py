"""What a reader needs to understand a comparison: names besides IDs, and whether it gets better or worse."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

import attrs

from provisioner.core.engine.people import People
from provisioner.core.governance.privacy import MASK, Privacy
from provisioner.core.model import Account, Person, Unit
from provisioner.core.model.identifiers import code_objection
from provisioner.core.reconcile.differences import OF_PERSONS, Difference
from provisioner.core.reconcile.history import PastComparison
from provisioner.store import Store

#: How many comparisons of a target a report shows.
TREND = 10


@attrs.frozen(kw_only=True)
class ComparisonReport:
    """The differences that a comparison found, as one person may read them."""

    #: The time, in UTC.
    at: datetime
    #: The unit to which the comparison is restricted; ``None`` if it is not.
    unit: Unit | None
    differences: Sequence[Difference]
    #: The accounts that differ, by login. Those that the product doesn't know are left out.
    accounts: Mapping[str, Account]
    #: The units of the accounts, by code.
    units: Mapping[str, Unit]
    #: The holders of the accounts, by ID. Persons that the product doesn't know are left out.
    persons: Mapping[str, Person]
    #: The last complete comparisons of each target, the latest last. Empty if the comparison is restricted to a unit.
    trends: Mapping[str, Sequence[PastComparison]]


@attrs.frozen(kw_only=True)
class ReportMaker:
    """Makes reports for one reader.

    Args:

        store: The stored data.

        people: Knows the names of holders. If the personnel system doesn't answer, names are missing.

        privacy: Masks what the reader may not read.
    """

    store: Store
    people: People
    privacy: Privacy

    def make(
        self, differences: Sequence[Difference], *, targets: Collection[str], unit: Unit | None, at: datetime
    ) -> ComparisonReport:
        """Return a report.

        Args:

            differences: The differences.

            targets: The targets that were compared.

            unit: The unit to which the comparison was restricted.

            at: The time of the report.

        Raises:

            StoreError: The store failed.
        """
        known = self.store.accounts.get_many({difference.login for difference in differences})
        accounts = {account.login: account for account in self.privacy.shown(known.values())}
        readable = [_readable(difference, accounts) for difference in differences]
        return ComparisonReport(
            at=at,
            unit=unit,
            differences=readable,
            accounts=accounts,
            units=self.store.units.get_many({account.unit for account in accounts.values()}),
            persons=self._persons(_persons_in(readable, accounts)),
            trends={} if unit else {target: self.store.comparisons.trend(target, TREND) for target in targets},
        )

    def _persons(self, ids: Collection[str]) -> Mapping[str, Person]:
        found = self.people.look_up(ids).persons.values() if ids else ()
        return {person.id: person for person in self.privacy.shown(found)}


def _readable(difference: Difference, accounts: Mapping[str, Account]) -> Difference:
    """Return a difference without the IDs of persons, if the reader may not read the holder of the account."""
    account = accounts.get(difference.login)
    if difference.kind in OF_PERSONS and account and account.holder == MASK:
        return attrs.evolve(difference, known=MASK, actual=MASK)
    return difference


def _persons_in(differences: Sequence[Difference], accounts: Mapping[str, Account]) -> Collection[str]:
    """Return the IDs of the holders that are known, and of those that targets name."""
    known = {account.holder for account in accounts.values()}
    named = {difference.actual for difference in differences if difference.kind in OF_PERSONS}
    return {person for person in known | named if person and person != MASK and not code_objection(person)}
