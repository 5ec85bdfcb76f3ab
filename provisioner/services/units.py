"""Units: imported from lists, and the accounts that they bring."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Literal, overload

import attrs

from provisioner.core.api.errors import DeniedError, InputError, Problem
from provisioner.core.engine.plan import Initiator, Plan, Unchanged
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.privacy import Privacy
from provisioner.core.governance.separation import SeparationOfDuties
from provisioner.core.model import Account, AccountState, Unit
from provisioner.core.model.text import Text
from provisioner.services.account_details import AccountDetails, account_details
from provisioner.store import Store

if TYPE_CHECKING:
    from provisioner.core.engine.planner import Planner
    from provisioner.manifest import Manifest
    from provisioner.services.runs import Run, RunPreview, Runs

#: The states of accounts that keep a unit open.
OPEN_STATES = frozenset({AccountState.OPEN, AccountState.INCOMPLETE})


@attrs.frozen(kw_only=True)
class UnitDetails:
    """One unit with all that belongs to it, as one person may read it."""

    unit: Unit
    #: The codes of the units directly below it.
    children: tuple[str, ...]
    #: Its accounts, with what is known of each on the targets.
    accounts: tuple[AccountDetails, ...]


def known_units(store: Store, codes: Iterable[str], *, field: str = "code") -> list[Unit]:
    """Return the units with these codes.

    Args:

        store: The stored data.

        codes: The codes.

        field: Where the codes come from, for the error.

    Raises:

        InputError: Some are unknown; all of them are named.
    """
    wanted = list(dict.fromkeys(codes))
    found = {code: unit for code, unit in store.units.get_many(wanted).items() if not unit.removed_at}
    unknown = [
        Problem(field=field, message=Text("there is no unit {code}", {"code": code}))
        for code in wanted
        if code not in found
    ]
    if unknown:
        raise InputError(unknown, cure="run 'provisioner unit list' to see the codes of all units")
    return [found[code] for code in wanted]


def require_unit(store: Store, code: str | None) -> None:
    """Check that a unit exists, if one is given.

    Raises:

        InputError: It does not.
    """
    if code is not None:
        known_units(store, [code], field="unit")


def codes_under(store: Store, code: str | None) -> frozenset[str] | None:
    """Return the codes of a unit and of all units below it; ``None``, which means all, if no code is given.

    Raises:

        InputError: There is no such unit.
    """
    if code is None:
        return None
    require_unit(store, code)
    return frozenset(unit.code for unit in store.units.subtree(code))


def unit_details(store: Store, privacy: Privacy, code: str) -> UnitDetails:
    """Return a unit with all that belongs to it.

    Raises:

        InputError: There is no such unit.
    """
    [unit] = privacy.shown(known_units(store, [code]))
    accounts = list(privacy.shown(store.accounts.find(unit=code)))
    return UnitDetails(
        unit=unit,
        children=tuple(child.code for child in store.units.children(code)),
        accounts=tuple(account_details(store, accounts)),
    )


def changed_units(store: Store, authority: Authority, units: Iterable[Unit], *, actor: str) -> list[Unit]:
    """Return those of these units that are new, or not known as they are here.

    Args:

        store: The stored data.

        authority: Decides who may change them.

        units: The units.

        actor: Who wants to change them.

    Raises:

        DeniedError: The actor may not; the cure says who may.
    """
    given = {unit.code: unit for unit in units}
    known = store.units.get_many(given)
    changed = [unit for code, unit in given.items() if known.get(code) != unit]
    authority.require_for_units(actor, changed)
    SeparationOfDuties(authority).require_for_units(actor, known, changed)
    return changed


@attrs.frozen(kw_only=True)
class Units:
    """Writes units, opens them and closes them.

    Args:

        store: The stored data.

        authority: Decides who may do it.

        planner: Makes the plans.

        runs: Carries them out.

        write: Writes units that are new or changed for an ``actor``, and tells the observers.
    """

    store: Store
    authority: Authority
    planner: Planner
    runs: Runs
    write: Callable[..., None]

    def save(self, units: Iterable[Unit], *, actor: str, dry_run: bool = False) -> list[Unit]:
        """Add units, or write them over those with the same code. No account is changed.

        Args:

            units: The units.

            actor: Who writes them.

            dry_run: Only check whether it can be done.

        Returns:

            The units that are new or changed.

        Raises:

            DeniedError: The actor may not; the cure says who may.

            StoreError: Nothing was written.
        """
        changed = changed_units(self.store, self.authority, units, actor=actor)
        if changed and not dry_run:
            self.write(changed, actor=actor)
        return changed

    @overload
    def open(
        self,
        codes: Iterable[str],
        *,
        listed: Manifest[Unit] | None = None,
        initiator: Initiator,
        dry_run: Literal[False] = False,
    ) -> Run: ...

    @overload
    def open(
        self,
        codes: Iterable[str],
        *,
        listed: Manifest[Unit] | None = None,
        initiator: Initiator,
        dry_run: bool,
    ) -> Run | RunPreview: ...

    def open(
        self,
        codes: Iterable[str],
        *,
        listed: Manifest[Unit] | None = None,
        initiator: Initiator,
        dry_run: bool = False,
    ) -> Run | RunPreview:
        """Open the accounts of units, or reopen them. A list is imported when it is certain that the run can begin.

        Args:

            codes: The codes of units that are known, or in the list.

            listed: A list of units, all of which are opened.

            initiator: Who opens them, and why.

            dry_run: Only return a preview of the run.

        Raises:

            DeniedError: The initiator may not change units of the list.

            InputError: Some units are unknown or cannot be opened; all of them are named, with their lines in the list.

            NotReadyError: Targets or channels cannot be used now. Nothing was changed.

            StoreError: The store failed.
        """
        units = {unit.code: unit for unit in listed.items} if listed else {}
        known = known_units(self.store, [code for code in codes if code not in units])
        if listed is None:
            return self._start(self.planner.open_units(known, initiator), initiator, dry_run=dry_run)
        changed_units(self.store, self.authority, listed.items, actor=initiator.actor)
        write = partial(self.write, listed.items, actor=initiator.actor)
        with located(listed):
            plan = self.planner.open_units([*units.values(), *known], initiator)
            return self._start(plan, initiator, dry_run=dry_run, prepare=write)

    def plan_closing(self, codes: Iterable[str], initiator: Initiator, *, with_subtree: bool = False) -> Plan:
        """Return the plan that closes the accounts of units.

        Args:

            codes: The codes of the units.

            initiator: Who closes them, and why.

            with_subtree: Whether the units below are closed too.

        Raises:

            InputError: Some units are unknown; all of them are named.

            DeniedError: Units below would stay open; all of them are named.
        """
        wanted = list(dict.fromkeys(codes))
        known_units(self.store, wanted)
        under = self.store.accounts.under(wanted)
        own = [account for account in under.values() if account.unit in wanted]
        if not with_subtree:
            _require_closed(account for account in under.values() if account.unit not in wanted)
        plan = self.planner.close(list(under.values()) if with_subtree else own, initiator)
        with_account = {account.unit for account in own}
        without = [
            Unchanged(login=code, reason=Text("the unit has no account")) for code in wanted if code not in with_account
        ]
        return attrs.evolve(plan, unchanged=(*plan.unchanged, *without))

    def _start(
        self, plan: Plan, initiator: Initiator, *, dry_run: bool, prepare: Callable[[], None] | None = None
    ) -> Run | RunPreview:
        if dry_run:
            return self.runs.preview(plan, viewer=initiator.actor)
        return self.runs.start(plan, prepare=prepare)


def _require_closed(accounts: Iterable[Account]) -> None:
    """Check that no unit below one that closes is left open.

    Raises:

        DeniedError: Some are; all of them are named.
    """
    still_open = sorted({account.unit for account in accounts if account.state in OPEN_STATES})
    if still_open:
        raise DeniedError(
            "units below are still open: {codes}",
            cure="close them too with --with-subtree, or move them below another unit first",
            codes=", ".join(still_open),
        )


@contextmanager
def located(listed: Manifest[Unit]) -> Iterator[None]:
    """Add to each problem of a unit, or of its custodian, where the unit stands."""
    try:
        yield
    except InputError as error:
        raise InputError([place for problem in error.problems for place in _places(problem, listed)]) from None


def _places(problem: Problem, listed: Manifest[Unit]) -> Sequence[Problem]:
    if problem.subject and problem.subject in listed.lines:
        return [attrs.evolve(problem, file=listed.file, line=listed.lines[problem.subject], subject=None)]
    held = [
        attrs.evolve(problem, file=listed.file, line=listed.lines[unit.code], field="custodian")
        for unit in listed.items
        if unit.custodian and unit.custodian == problem.subject
    ]
    return held or [problem]
