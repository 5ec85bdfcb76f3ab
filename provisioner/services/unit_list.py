"""The list of units as it shall be: how the store and the accounts differ from it, and the run that changes that."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

import attrs

from provisioner.core.api.errors import InputError, Problem, StoppedError
from provisioner.core.api.kinds import KINDS
from provisioner.core.engine.plan import Initiator, Plan, PlannedOperation
from provisioner.core.engine.planner import Planner
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.roles import Role
from provisioner.core.governance.separation import SeparationOfDuties
from provisioner.core.model import Account, AccountKind, AccountState, OperationKind, Unit
from provisioner.core.model.canonical import sha256
from provisioner.core.model.text import Text
from provisioner.services.attribute_updates import affected, codes_affected_below, is_followed, planned_updates
from provisioner.services.runs import Run, RunPreview, Runs
from provisioner.services.units import OPEN_STATES, located
from provisioner.store import Store

if TYPE_CHECKING:
    from provisioner.manifest import Manifest

_OFFICERS = frozenset({Role.OFFICER, Role.ADMINISTRATOR})


class ChangeKind(StrEnum):
    """How one unit, or its account, differs from the list."""

    #: The unit is new, and its account isn't opened in this run.
    ADD = "add"
    #: The account is opened for the first time.
    OPEN = "open"
    #: A closed account is opened again.
    REOPEN = "reopen"
    #: An unfinished operation of the account is continued.
    RESUME = "resume"
    #: Fields of the unit change.
    UPDATE = "update"
    #: The unit moves below another one.
    MOVE = "move"
    #: Another person than the custodian holds the account.
    HANDOVER = "handover"
    #: The unit isn't in the list.
    CLOSE = "close"


@attrs.frozen(kw_only=True)
class FieldChange:
    """The old and the new value of one field of a unit."""

    name: str
    old: str | None
    new: str | None


@attrs.frozen(kw_only=True)
class UnitChange:
    """One difference between the list and what there is."""

    kind: ChangeKind
    #: The unit as it is in the list; one that isn't in the list, as it is in the store.
    unit: Unit
    #: The login of its account, if it has one or gets one.
    login: str | None = None
    #: The person who holds the account before the change.
    holder: str | None = None
    #: The changed fields of the unit.
    fields: tuple[FieldChange, ...] = ()
    #: Whether the run makes the change. A handover is made only on request.
    is_planned: bool = True


@attrs.frozen(kw_only=True)
class UnitListPlan:
    """What changes when a list is applied."""

    #: The list.
    listed: Manifest[Unit]
    #: The differences, in the order of the list; units that aren't in the list come last.
    changes: tuple[UnitChange, ...]
    #: The operations on accounts, as one run.
    plan: Plan
    #: The units that are new, in the order of the list.
    added: tuple[Unit, ...]
    #: The known units that change, in the order of the list.
    changed: tuple[Unit, ...]
    #: How many units of the list differ in nothing.
    unchanged: int
    #: How many units have an open account and aren't in the list.
    missing: int
    #: How many accounts are updated only because units above theirs change.
    below: int = 0

    @property
    def does_nothing(self) -> bool:
        """Whether there is nothing to change. Differences that are only shown may be left."""
        return not (self.plan.work or self.plan.refused or self.added or self.changed)

    @property
    def digest(self) -> str:
        """A hash over everything that it changes: a plan made again is the same as long as its digest is."""
        work = [
            (
                item.operation.kind.value,
                item.account.login,
                item.operation.holder,
                item.unit,
                sorted(item.targets or ()),
            )
            for item in self.plan.work
        ]
        refused = [(item.login, str(item.reason)) for item in self.plan.refused]
        return sha256(repr((self.changes, self.added, self.changed, work, refused)))

    def require_seen(self, digest: str) -> None:
        """Check that this is the plan that somebody has agreed to.

        Args:

            digest: The digest of that plan.

        Raises:

            StoppedError: Something has changed since. Nothing was changed by the list.
        """
        if self.digest != digest:
            raise StoppedError(
                "units or accounts have changed since the question; nothing was changed", cure="run the command again"
            )


@attrs.frozen
class _Known:
    """What the store knows, each read once."""

    units: Mapping[str, Unit]
    #: The account of each unit, by code; one that isn't closed, if there are several.
    accounts: Mapping[str, Account]
    #: All open accounts of each unit, by code.
    open_accounts: Mapping[str, Sequence[Account]]


@attrs.frozen(kw_only=True)
class UnitList:
    """Makes the store and the accounts agree with a list of units.

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

    def plan(
        self, listed: Manifest[Unit], *, close_missing: bool = False, hand_over: bool = False, initiator: Initiator
    ) -> UnitListPlan:
        """Return what changes when a list is applied.

        Args:

            listed: The list.

            close_missing: Whether to close the accounts of units that aren't in the list. Units above those of the list
                stay open, and so do units that the initiator may not change.

            hand_over: Whether to hand open accounts over to the custodians of the list.

            initiator: Who requests it, and why.

        Raises:

            DeniedError: The initiator may not change units of the list.

            NotAuthorizedError: The initiator may not do something to an account.

            InputError: *close_missing* is set and the list is empty or may be truncated, or units can't be opened; all
                of them are named, with their lines in the list.

            TargetError: The personnel system as a whole can't be used.
        """
        if close_missing:
            _require_whole(listed)
        self.authority.require_for_units(initiator.actor, listed.items)
        known = self._known()
        added = [unit for unit in listed.items if unit.code not in known.units]
        changed = [unit for unit in listed.items if known.units.get(unit.code, unit) != unit]
        SeparationOfDuties(self.authority).require_for_units(initiator.actor, known.units, [*added, *changed])
        missing = self._missing(listed.items, known, initiator.actor)
        with located(listed):
            joined = Plan.joined(
                self._plans(listed.items, missing if close_missing else (), known, hand_over, initiator)
            )
        plan = _moving(joined, known)
        changes = tuple(_changes(listed.items, known, plan.work))
        closing = tuple(_closing(missing, known, plan.work)) if close_missing else ()
        return UnitListPlan(
            listed=listed,
            changes=(*changes, *closing),
            plan=plan,
            added=tuple(added),
            changed=tuple(changed),
            unchanged=len(listed.items) - len({change.unit.code for change in changes}),
            missing=len(missing),
            below=sum(_only_follows(item, known) for item in plan.work),
        )

    def preview(self, plan: UnitListPlan, *, viewer: str) -> RunPreview:
        """Return what the run would do.

        Args:

            plan: What changes.

            viewer: Who reads the answer. Personal data that this person may not read are masked.

        Raises:

            NotReadyError: Targets or channels cannot be used now, and the run cannot do without them.

            InputError: A person who is to receive a password cannot be reached.
        """
        with located(plan.listed):
            return self.runs.preview(plan.plan, viewer=viewer)

    def start(self, plan: UnitListPlan, initiator: Initiator) -> Run:
        """Carry a plan out as one run, while the run is iterated.

        New units are written when it is certain that the run can begin, because their accounts belong to them. Changed
        units are written when the run is in the journal: after a crash before that, the next run finds them changed.

        Args:

            plan: What changes.

            initiator: Who applies the list, and why.

        Raises:

            NotReadyError: Targets or channels cannot be used now. Nothing was changed.

            InputError: A person who is to receive a password cannot be reached. Nothing was changed.

            StoppedError: The program was asked to stop. Nothing was changed.

            StoreError: The store failed.
        """
        write = partial(self.write, actor=initiator.actor)
        with located(plan.listed):
            return self.runs.start(plan.plan, prepare=partial(write, plan.added), complete=partial(write, plan.changed))

    def _known(self) -> _Known:
        accounts: dict[str, Account] = {}
        open_accounts: dict[str, list[Account]] = {}
        for account in self.store.accounts.find():
            is_open = account.state in OPEN_STATES
            if account.kind is AccountKind.UNIT and (is_open or account.unit not in accounts):
                accounts[account.unit] = account
            if is_open:
                open_accounts.setdefault(account.unit, []).append(account)
        return _Known({unit.code: unit for unit in self.store.units.all()}, accounts, open_accounts)

    def _missing(self, units: Collection[Unit], known: _Known, actor: str) -> list[str]:
        """Return the codes of units that have an open account and should have none."""
        kept = _with_all_above({unit.code: unit for unit in units}, known.units)
        missing = sorted(known.open_accounts.keys() - kept)
        may_change = self.authority.covered(actor, _OFFICERS, missing) if missing else ()
        return [code for code in missing if code in may_change]

    def _plans(
        self,
        units: Collection[Unit],
        closing: Collection[str],
        known: _Known,
        hand_over: bool,
        initiator: Initiator,
    ) -> Iterator[Plan]:
        """Yield the plans for the accounts, which have no account in common."""
        planner = self.planner.knowing(units)
        not_open = [unit for unit in units if not _is_open(known.accounts.get(unit.code))]
        yield planner.open_units(not_open, initiator)
        held = [(known.accounts[unit.code], unit) for unit in units if _is_held_by_another(unit, known)]
        handed_over = held if hand_over else []
        yield planner.hand_over_to_custodians(handed_over, initiator)
        followed = [unit for unit in units if is_followed(known.units.get(unit.code), unit)]
        others = [account for unit in followed for account in known.open_accounts.get(unit.code, ())]
        codes = codes_affected_below(followed, known.units) - set(closing)
        below = [account for code in sorted(codes) for account in known.open_accounts.get(code, ())]
        others += affected(planner, self.planner, [account for account in below if _is_open(account)])
        left = _without(others, [account for account, _ in handed_over])
        yield planned_updates(planner, left, initiator)
        yield planner.close([account for code in closing for account in known.open_accounts[code]], initiator)


def _require_whole(listed: Manifest[Unit]) -> None:
    """Check that units that aren't in a list are missing indeed."""
    if not listed.items:
        message = Text("the list has no units, so every account would be closed")
    elif listed.may_be_truncated:
        message = Text(
            "the list may be truncated, so accounts would be closed by mistake; if it is complete, end its last line "
            "with a line break"
        )
    else:
        return
    raise InputError([Problem(file=listed.file, field="file", message=message)])


def _moving(plan: Plan, known: _Known) -> Plan:
    """Return a plan whose operations move the accounts of units that change: only one operation can do so."""
    work = [attrs.evolve(item, unit_moves=_may_move(item, known)) for item in plan.work]
    return attrs.evolve(plan, work=tuple(work))


def _only_follows(item: PlannedOperation, known: _Known) -> bool:
    """Whether an account is updated because of the units above its own."""
    is_update = item.operation.kind is OperationKind.UPDATE
    return is_update and not is_followed(known.units.get(item.unit.code), item.unit)


def _may_move(item: PlannedOperation, known: _Known) -> bool:
    units = [unit for unit in (item.unit, item.parent) if unit]
    return any(is_followed(known.units.get(unit.code), unit) for unit in units)


def _without(accounts: Iterable[Account], others: Iterable[Account]) -> list[Account]:
    """Return the open accounts that no other operation of the run brings up to date."""
    logins = {account.login for account in others}
    return [account for account in accounts if account.login not in logins and _is_open(account)]


def _with_all_above(listed: Mapping[str, Unit], known: Mapping[str, Unit]) -> set[str]:
    """Return the codes of a list, and of all units above them as they will be."""
    kept = set(listed)
    for unit in listed.values():
        code = unit.parent
        while code and code not in kept:
            kept.add(code)
            code = known[code].parent if code in known else None
    return kept


def _is_open(account: Account | None) -> bool:
    return account is not None and account.state is AccountState.OPEN


def _is_held_by_another(unit: Unit, known: _Known) -> bool:
    """Whether another person than the custodian holds the open account of a unit."""
    account = known.accounts.get(unit.code)
    return account is not None and _is_open(account) and unit.custodian not in {None, account.holder}


def _changes(units: Iterable[Unit], known: _Known, work: Iterable[PlannedOperation]) -> Iterator[UnitChange]:
    planned = {item.account.unit: item for item in work if _alters_account_of_unit(item)}
    for unit in units:
        item = planned.get(unit.code)
        if item:
            yield _operation_change(unit, item, known)
        elif unit.code not in known.units:
            yield UnitChange(kind=ChangeKind.ADD, unit=unit)
        yield from _field_changes(unit, known)
        if item is None and _is_held_by_another(unit, known):
            account = known.accounts[unit.code]
            yield UnitChange(
                kind=ChangeKind.HANDOVER, unit=unit, login=account.login, holder=account.holder, is_planned=False
            )


def _alters_account_of_unit(item: PlannedOperation) -> bool:
    """Whether an operation is a difference by itself. An update only follows the fields that differ."""
    return item.account.kind is AccountKind.UNIT and KINDS[item.operation.kind].alters


_KINDS: Mapping[OperationKind, ChangeKind] = {
    OperationKind.CREATE: ChangeKind.OPEN,
    OperationKind.REOPEN: ChangeKind.REOPEN,
    OperationKind.HANDOVER: ChangeKind.HANDOVER,
}


def _operation_change(unit: Unit, item: PlannedOperation, known: _Known) -> UnitChange:
    before = known.accounts.get(unit.code)
    kind = ChangeKind.RESUME if item.recorded else _KINDS[item.operation.kind]
    return UnitChange(kind=kind, unit=unit, login=item.account.login, holder=before.holder if before else None)


def _field_changes(unit: Unit, known: _Known) -> Iterator[UnitChange]:
    """Yield how a known unit changes: its place, and its other fields."""
    before = known.units.get(unit.code, unit)
    if before == unit:
        return
    account = known.accounts.get(unit.code)
    login = account.login if account else None
    fields = [
        FieldChange(name=field.name, old=getattr(before, field.name), new=getattr(unit, field.name))
        for field in attrs.fields(Unit)
        if getattr(before, field.name) != getattr(unit, field.name)
    ]
    for kind, is_move in ((ChangeKind.MOVE, True), (ChangeKind.UPDATE, False)):
        if chosen := tuple(field for field in fields if (field.name == "parent") is is_move):
            yield UnitChange(kind=kind, unit=unit, login=login, fields=chosen)


def _closing(missing: Iterable[str], known: _Known, work: Iterable[PlannedOperation]) -> Iterator[UnitChange]:
    planned = {item.account.login for item in work}
    for code in missing:
        for account in known.open_accounts[code]:
            yield UnitChange(
                kind=ChangeKind.CLOSE,
                unit=known.units[code],
                login=account.login,
                holder=account.holder,
                is_planned=account.login in planned,
            )
