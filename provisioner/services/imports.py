"""Lists of units and staff that are imported, and what they change in the attributes of open accounts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice

import attrs

from provisioner.core.api.errors import TargetError
from provisioner.core.engine.plan import Initiator, Plan, Refused
from provisioner.core.engine.planner import Planner
from provisioner.core.governance.authority import Authority
from provisioner.core.model import Account, Person, Unit
from provisioner.core.model.text import Text
from provisioner.services.attribute_updates import affected, codes_affected_below, is_followed, planned_updates
from provisioner.services.persons import changed_persons
from provisioner.services.runs import Run, RunPreview, Runs
from provisioner.services.units import changed_units
from provisioner.spool import Spool
from provisioner.store import Store

#: How many persons are looked at together.
_PAGE = 500


@attrs.frozen(kw_only=True)
class Import:
    """What the import of a list changes."""

    #: The units or persons that are new or changed.
    units: tuple[Unit, ...] = ()
    persons: Collection[Person] = ()
    #: The operations that bring the open accounts of changed ones up to date.
    plan: Plan = attrs.Factory(Plan)

    @property
    def size(self) -> int:
        """How many units and persons are new or changed."""
        return len(self.units) + len(self.persons)


@attrs.frozen(kw_only=True)
class Imports:
    """Imports lists, and brings the open accounts of changed units and persons up to date.

    Args:

        store: The stored data.

        authority: Decides who may do it.

        planner: Makes the plans.

        runs: Carries them out.

        write_units: Writes units that are new or changed for an ``actor``, and tells the observers.

        write_persons: The same for persons.
    """

    store: Store
    authority: Authority
    planner: Planner
    runs: Runs
    write_units: Callable[..., None]
    write_persons: Callable[..., None]

    def of_units(self, units: Iterable[Unit], initiator: Initiator) -> Import:
        """Return what the import of units changes.

        Args:

            units: The units.

            initiator: Who imports them, and why.

        Raises:

            DeniedError: The initiator may not; the cure says who may.
        """
        changed = changed_units(self.store, self.authority, units, actor=initiator.actor)
        known = self.store.units.get_many([unit.code for unit in changed])
        followed = [unit for unit in changed if is_followed(known.get(unit.code), unit)]
        planner = self.planner.knowing(changed)
        accounts = self.store.accounts.open_in([unit.code for unit in followed])
        below = affected(planner, self.planner, self._below(followed))
        return Import(units=tuple(changed), plan=self._updates(planner, [*accounts, *below], initiator))

    def of_persons(self, persons: Iterable[Person], initiator: Initiator) -> Import:
        """Return what the import of staff changes.

        If a personnel system is connected, accounts get its data and not that of the list.

        Args:

            persons: The persons, each once. There can be any number of them.

            initiator: Who imports them, and why.

        Raises:

            DeniedError: The initiator may not; the cure says who may.
        """
        changed, accounts, followed = Spool[Person](), list[Account](), dict[str, Person]()
        changes = changed_persons(self.store, self.authority, persons, actor=initiator.actor)
        while page := list(islice(changes, _PAGE)):
            changed.extend(after for _, after in page)
            known = {after.id: after for before, after in page if is_followed(before, after)}
            found = self.store.accounts.open_with(known)
            accounts += found
            followed |= {account.holder: known[account.holder] for account in found if account.holder}
        return Import(persons=changed, plan=self._updates(self._planner_with(followed), accounts, initiator))

    def preview(self, found: Import, *, viewer: str) -> RunPreview:
        """Return what the run would do, and raise what :meth:`~provisioner.services.runs.Runs.preview` raises.

        Args:

            found: What the import changes.

            viewer: Who reads the answer. Personal data that this person may not read are masked.
        """
        return self.runs.preview(found.plan, viewer=viewer)

    def start(self, found: Import, initiator: Initiator) -> Run:
        """Import the list, and bring the accounts up to date while the run is iterated.

        The list is written when the run is in the journal: after a crash before that, it is still to be imported. On
        targets that can't be used, the operations wait.

        Args:

            found: What the import changes.

            initiator: Who imports the list, and why.

        Raises:

            StoppedError: The program was asked to stop. Nothing was changed.

            StoreError: The store failed.
        """

        def write() -> None:
            self.write_units(found.units, actor=initiator.actor)
            self.write_persons(found.persons, actor=initiator.actor)

        return self.runs.start(found.plan, complete=write)

    def _below(self, followed: Sequence[Unit]) -> Sequence[Account]:
        """Return the open accounts of units below changed ones that may be affected."""
        if not followed:
            return ()
        units = {unit.code: unit for unit in self.store.units.all()}
        known = [unit for unit in followed if unit.code in units]
        return self.store.accounts.open_in(sorted(codes_affected_below(known, units)))

    def _planner_with(self, persons: Mapping[str, Person]) -> Planner:
        """Return a planner that knows persons as they will be in the store."""
        people = self.planner.people

        def stored(ids: Iterable[str]) -> Mapping[str, Person]:
            wanted = set(ids)
            return {**people.stored(wanted), **{id_: persons[id_] for id_ in wanted & persons.keys()}}

        return attrs.evolve(self.planner, people=attrs.evolve(people, stored=stored))

    def _updates(self, planner: Planner, accounts: Sequence[Account], initiator: Initiator) -> Plan:
        """Return the plan for the accounts. A personnel system that can't be used doesn't prevent the import."""
        try:
            return planned_updates(planner, accounts, initiator)
        except TargetError as error:
            cure = Text("run 'provisioner reconcile' later to find the accounts that differ")
            return Plan(
                refused=tuple(Refused(login=account.login, reason=error.text, cure=cure) for account in accounts)
            )
