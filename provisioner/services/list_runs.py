"""Lists of units that are being applied: how far each has come, what did not work, and trying that again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from provisioner.core.engine.plan import Initiator, Plan, Refused
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.roles import Role
from provisioner.core.model import Operation, OperationKind, OperationState, StepError, Unit
from provisioner.services.accounts import Accounts
from provisioner.services.parts import Clock
from provisioner.services.runs import Run, Runs
from provisioner.services.unit_list import UnitList, UnitListPlan
from provisioner.store import Store

if TYPE_CHECKING:
    from provisioner.manifest import Manifest

#: What takes an account from somebody.
_TAKING = frozenset({OperationKind.CLOSE, OperationKind.HANDOVER})

#: The states that need nobody: the operation is done, or waits for a release.
_SETTLED = frozenset({OperationState.DONE, OperationState.STAGED})


@attrs.frozen(kw_only=True)
class ListItem:
    """One operation of a list."""

    #: The ID of the operation.
    id: str
    kind: OperationKind
    login: str
    #: The unit as it is in the list.
    unit: Unit


@attrs.frozen(kw_only=True)
class ListRun:
    """A list that is being applied, or was."""

    #: The list; after another try, the part of it that was planned again.
    listed: Manifest[Unit] = attrs.field(repr=False)
    began_at: datetime
    initiator: Initiator
    hand_over: bool
    items: Sequence[ListItem]
    #: The accounts that could have no operation.
    refused: Sequence[Refused] = ()
    #: The units of these accounts, by login.
    units: Mapping[str, Unit] = attrs.field(factory=dict, repr=False)
    #: What is carried out.
    runs: Sequence[Run] = attrs.field(default=(), repr=False)


@attrs.frozen(kw_only=True)
class ListTrouble:
    """An account of a list with which something did not work."""

    login: str
    unit: str | None
    #: What became of the operation; ``None`` if there is none.
    state: OperationState | None
    error: StepError


@attrs.frozen(kw_only=True)
class ListProgress:
    """How far a list has come, as one person may read it."""

    #: How many operations are in each state. Those that the journal doesn't have yet count as planned.
    states: Mapping[OperationState, int]
    total: int
    #: The accounts with which something did not work, in the order of the list.
    troubles: Sequence[ListTrouble]
    #: Whether something can be tried again once the list isn't being applied any more.
    can_retry: bool
    #: Whether another try plans again to close accounts or to hand them over, so that a person has to confirm it.
    takes_again: bool

    @property
    def ended(self) -> int:
        """How many operations are not planned or running any more."""
        return self.total - sum(self.states.get(state, 0) for state in (OperationState.PLANNED, OperationState.RUNNING))

    @property
    def done(self) -> int:
        """How many operations are done."""
        return self.states.get(OperationState.DONE, 0)

    @property
    def held(self) -> int:
        """How many operations wait for a release."""
        return self.states.get(OperationState.STAGED, 0)


@attrs.frozen(kw_only=True)
class ListRuns:
    """Applies lists of units, and tells how far each list has come.

    Args:

        unit_list: Plans and starts them.

        accounts: Plans what is closed again.

        runs: Carries them out.

        store: The stored data.

        authority: Decides who may do it.

        now: The clock.
    """

    unit_list: UnitList
    accounts: Accounts
    runs: Runs
    store: Store
    authority: Authority
    now: Clock

    def start(self, plan: UnitListPlan, initiator: Initiator, *, hand_over: bool) -> ListRun:
        """Begin to apply a list. Its operations are carried out while its run is iterated.

        Args:

            plan: What is done.

            initiator: Who requested it, and why.

            hand_over: Whether accounts are handed over, also when something is tried again.

        Raises:

            NotReadyError: Targets or channels cannot be used now. Nothing was changed.

            InputError: A person who is to receive a password cannot be reached. Nothing was changed.

            StoppedError: The program was asked to stop. Nothing was changed.

            StoreError: The store failed.
        """
        run = self.unit_list.start(plan, initiator)
        return ListRun(
            listed=plan.listed,
            began_at=self.now(),
            initiator=initiator,
            hand_over=hand_over,
            items=tuple(_items(plan.plan)),
            refused=plan.plan.refused,
            units=self._units(plan),
            runs=(run,),
        )

    def progress(self, list_run: ListRun, *, viewer: str) -> ListProgress:
        """Return how far a list has come.

        Args:

            list_run: The list.

            viewer: Who reads it. Personal data that this person may not read are masked.

        Raises:

            StoreError: The store failed.
        """
        found = self._operations(list_run)
        shown = {operation.id: operation for operation in self.runs.shown(found.values(), viewer=viewer)}
        states = Counter(
            found[item.id].state if item.id in found else OperationState.PLANNED for item in list_run.items
        )
        return ListProgress(
            states=states,
            total=len(list_run.items),
            troubles=[
                *(_refusal(refused, list_run.units.get(refused.login)) for refused in list_run.refused),
                *(_trouble(shown[item.id], item) for item in list_run.items if _is_trouble(found.get(item.id))),
            ],
            can_retry=bool(list_run.refused) or any(_is_left(found.get(item.id)) for item in list_run.items),
            takes_again=_takes_again(list_run, found),
        )

    def retry(self, list_run: ListRun, *, actor: str) -> ListRun:
        """Try again what did not work: what is not finished goes on, and what was refused is planned again.

        Args:

            list_run: The list. Its runs have ended.

            actor: Who wants it.

        Raises:

            DeniedError: The actor may not do this to all of these accounts any more.

            NotAuthorizedError: The actor may not do something to an account.

            InputError: Units can't be opened; all of them are named.

            NotReadyError: Targets or channels cannot be used now.

            StoreError: The store failed.
        """
        found = self._operations(list_run)
        left = [item for item in list_run.items if _is_left(found.get(item.id))]
        self._require(actor, [item.unit for item in left])
        unfinished = [found[item.id] for item in left if item.id in found and not found[item.id].state.ended]
        again = [item for item in left if _is_planned_again(found.get(item.id))]
        plan = self._planned_again(list_run, again, actor)
        runs = [self.runs.retry(unfinished, actor=actor)] if unfinished else []
        if not plan.does_nothing:
            runs.append(self.unit_list.start(plan, attrs.evolve(list_run.initiator, actor=actor)))
        replaced = {item.id for item in again}
        kept = [item for item in list_run.items if item.id not in replaced]
        return attrs.evolve(
            list_run,
            listed=plan.listed,
            items=(*kept, *_items(plan.plan)),
            refused=plan.plan.refused,
            units=self._units(plan),
            runs=tuple(runs),
        )

    def _planned_again(self, list_run: ListRun, again: Iterable[ListItem], actor: str) -> UnitListPlan:
        initiator = attrs.evolve(list_run.initiator, actor=actor)
        closing = [item.login for item in again if item.kind is OperationKind.CLOSE]
        units = {item.unit.code: item.unit for item in again if item.kind is not OperationKind.CLOSE}
        units |= {unit.code: unit for refused in list_run.refused if (unit := list_run.units.get(refused.login))}
        listed = attrs.evolve(list_run.listed, items=tuple(units.values()), warnings=())
        plan = self.unit_list.plan(listed, hand_over=list_run.hand_over, initiator=initiator)
        closed = self.accounts.plan_closing(closing, initiator)
        return attrs.evolve(plan, plan=Plan.joined([plan.plan, closed]))

    def _operations(self, list_run: ListRun) -> Mapping[str, Operation]:
        """Return what became of the operations: what the journal says, and else what the run says, by ID.

        A run that is held again because another one asked for the same has the operations of that one.
        """
        known = self.store.operations.get_many(item.id for item in list_run.items)
        ended = {operation.login: operation for run in list_run.runs for operation in list(run.ended)}
        others = {item.id: ended[item.login] for item in list_run.items if item.login in ended}
        return {**others, **known}

    def _units(self, plan: UnitListPlan) -> Mapping[str, Unit]:
        """Return the units of the accounts that can have no operation, by login."""
        refused = [item.login for item in plan.plan.refused]
        by_code = {unit.code: unit for unit in plan.listed.items}
        by_login = {unit.login: unit for unit in plan.listed.items if unit.login}
        accounts = self.store.accounts.get_many(refused)
        found = {
            login: by_login.get(login) or by_code.get(accounts[login].unit if login in accounts else "")
            for login in refused
        }
        return {login: unit for login, unit in found.items() if unit}

    def _require(self, actor: str, units: Iterable[Unit]) -> None:
        codes = {unit.code for unit in units}
        for code in sorted(codes - set(self.authority.covered(actor, {Role.OFFICER}, codes))):
            self.authority.require(actor, {Role.OFFICER}, code)


def _items(plan: Plan) -> Iterator[ListItem]:
    for work in plan.work:
        operation = work.operation
        yield ListItem(id=operation.id, kind=operation.kind, login=operation.login, unit=work.unit)


def _is_left(operation: Operation | None) -> bool:
    """Whether an operation of a run that has ended can be tried again."""
    return operation is None or operation.state not in _SETTLED


def _is_planned_again(operation: Operation | None) -> bool:
    """Whether another try begins a new operation instead of this one."""
    return _is_left(operation) and (operation is None or operation.state.ended)


def _takes_again(list_run: ListRun, found: Mapping[str, Operation]) -> bool:
    planned = {item.kind for item in list_run.items if _is_planned_again(found.get(item.id))}
    return bool(planned & _TAKING) or bool(list_run.hand_over and list_run.refused)


def _is_trouble(operation: Operation | None) -> bool:
    return operation is not None and operation.state is not OperationState.DONE and operation.error is not None


def _trouble(operation: Operation, item: ListItem) -> ListTrouble:
    error = operation.error or StepError(name="", message="")
    return ListTrouble(login=item.login, unit=item.unit.name, state=operation.state, error=error)


def _refusal(refused: Refused, unit: Unit | None) -> ListTrouble:
    error = StepError(name="", message=refused.reason, cure=refused.cure)
    return ListTrouble(login=refused.login, unit=unit.name if unit else None, state=None, error=error)
