"""Units that end for good, once nothing is left of them but history."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

import attrs

from provisioner.core.governance.authority import Authority
from provisioner.core.model import Account, Action, Operation, Unit
from provisioner.core.model.text import Text
from provisioner.core.policy.policy import Policy
from provisioner.services.units import OPEN_STATES, known_units
from provisioner.store import Store


@attrs.frozen(kw_only=True)
class StillNeeded:
    """Why a unit can't be removed."""

    #: The code of the unit.
    unit: str
    reason: Text
    #: How to remove the obstacle.
    cure: Text


@attrs.frozen(kw_only=True)
class Removal:
    """What became of units that should be removed: all of them are removed, or none is."""

    #: The units that are removed.
    units: tuple[Unit, ...] = ()
    #: What stands in the way.
    needed: tuple[StillNeeded, ...] = ()


@attrs.frozen
class _Account:
    """An account of a unit, with what is still to be done to it."""

    account: Account
    unended: Operation | None
    #: Whether a rule deletes it later.
    awaits_deletion: bool


@attrs.frozen(kw_only=True)
class UnitRemoval:
    """Removes units. Their accounts, handovers and audit log stay readable.

    Args:

        store: The stored data.

        authority: Decides who may do it.

        policy: Says which closed accounts are to be deleted.

        erase: Removes the units with these codes for an ``actor``, and tells the observers.
    """

    store: Store
    authority: Authority
    policy: Policy
    erase: Callable[..., None]

    def remove(self, codes: Iterable[str], *, actor: str, dry_run: bool = False) -> Removal:
        """Remove units that have no open account and that no other unit needs.

        A list that names a removed unit adds it again.

        Args:

            codes: The codes of the units.

            actor: Who removes them.

            dry_run: Only check whether it can be done.

        Returns:

            The removed units, or all that stands in the way.

        Raises:

            InputError: Some units are unknown; all of them are named.

            DeniedError: The actor may not; the cure says who may.

            BusyError: A unit was changed at the same time. Nothing was changed.

            StoreError: Nothing was changed.
        """
        units = known_units(self.store, codes)
        self.authority.require_for_units(actor, units)
        needed = list(self._needed({unit.code: unit for unit in units}))
        if needed:
            return Removal(needed=tuple(needed))
        if not dry_run:
            self.erase([unit.code for unit in units], actor=actor)
        return Removal(units=tuple(units))

    def _needed(self, units: Mapping[str, Unit]) -> Iterator[StillNeeded]:
        for unit in units.values():
            for found in self._accounts(unit):
                yield from _needed_for(found)
            yield from self._needed_below(unit, units)

    def _accounts(self, unit: Unit) -> Sequence[_Account]:
        accounts = list(self.store.accounts.find(unit=unit.code))
        logins = [account.login for account in accounts]
        unended, deleted = self.store.operations.unended(logins), self.store.accounts.deleted(logins)
        marks = self.store.marks.get_many(logins)
        return [
            _Account(
                account,
                unended.get(account.login),
                account.login not in deleted
                and any(
                    deadline.action is Action.DELETE
                    for deadline in self.policy.deadlines(account, unit, marks.get(account.login, ()))
                ),
            )
            for account in accounts
        ]

    def _needed_below(self, unit: Unit, removed: Collection[str]) -> Iterator[StillNeeded]:
        below = [child.code for child in self.store.units.children(unit.code) if child.code not in removed]
        if below:
            yield StillNeeded(
                unit=unit.code,
                reason=Text("units are below it: {codes}", {"codes": ", ".join(below)}),
                cure=Text("remove them too, or move them below another unit first"),
            )


def _needed_for(found: _Account) -> Iterator[StillNeeded]:
    account = found.account
    values = {"login": account.login, "unit": account.unit}
    if found.unended:
        yield StillNeeded(
            unit=account.unit,
            reason=Text("'{kind}' of {login} is not finished", {**values, "kind": found.unended.kind.value}),
            cure=Text("run 'provisioner operation list' to see what it waits for"),
        )
    elif account.state in OPEN_STATES:
        yield StillNeeded(
            unit=account.unit,
            reason=Text("its account {login} is open", values),
            cure=Text("run 'provisioner unit close {unit}' first", values),
        )
    elif found.awaits_deletion:
        yield StillNeeded(
            unit=account.unit,
            reason=Text("its account {login} is closed, and a retention rule deletes it later", values),
            cure=Text("wait until 'provisioner policy sweep' has deleted it; 'provisioner policy due' shows when"),
        )
