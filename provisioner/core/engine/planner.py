"""Turns an intent into a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

import attrs

from provisioner.core.api.errors import Denial, InputError, Problem, TargetError
from provisioner.core.api.messages import AuthorizeOperation
from provisioner.core.engine.authorization import Authorization
from provisioner.core.engine.desired import DesiredState
from provisioner.core.engine.intents import Intent, Place, may_change_hands
from provisioner.core.engine.people import People
from provisioner.core.engine.placing import Placing
from provisioner.core.engine.plan import Initiator, Plan, PlannedOperation, Unchanged
from provisioner.core.engine.plan_builder import PlanBuilder, unchanged_account
from provisioner.core.engine.ports import Records
from provisioner.core.engine.resumption import Resumption
from provisioner.core.engine.unit_accounts import UnitAccounts
from provisioner.core.gateways.gateway import Channel, Target
from provisioner.core.model import Account, AccountState, Operation, OperationKind, Unit
from provisioner.core.model.naming import Naming
from provisioner.core.model.text import Text, marked
from provisioner.core.model.unit_paths import ListedUnits

#: Why nothing but an opening can be done to an account in these states.
_NOT_OPEN = {
    AccountState.PLANNED: marked("it was never opened; create it"),
    AccountState.CLOSED: marked("it is closed; reopen it"),
}


@attrs.define(eq=False, kw_only=True)
class Planner:
    """Turns an intent into a plan. It reads, and changes nothing.

    All problems of the input are reported together in one :class:`~provisioner.core.api.errors.InputError`. A problem
    of one account in the store refuses that account, and the rest of the plan is kept.

    Args:

        records: The stored data.

        people: Looks up persons.

        targets: The targets that hold accounts, in the order in which they are changed.

        session_targets: The targets that end sessions, in the order in which they do so.

        channels: The channels, in the order in which they are tried.

        desired: Determines on which targets an account belongs.

        choose_login: Chooses the login of a unit's account if the list names none.

        authorize: Returns why something may not be done; nothing if it may.
    """

    records: Records
    people: People
    targets: Sequence[Target]
    session_targets: Sequence[Target] = ()
    channels: Sequence[Channel]
    desired: DesiredState
    naming: Naming
    choose_login: Callable[[Unit], str]
    now: Callable[[], datetime]
    authorize: Callable[[AuthorizeOperation], Sequence[Denial]] = lambda _: ()

    def knowing(self, units: Iterable[Unit]) -> Planner:
        """Return a planner that knows units as they will be in the store.

        Args:

            units: All units of a list that is not stored yet. A unit decides the containers and the entitlements of the
                accounts below it, also if its own account needs nothing.
        """
        listed = ListedUnits({unit.code: unit for unit in units}, self.desired.units)
        return attrs.evolve(self, desired=attrs.evolve(self.desired, units=listed))

    def places(self, accounts: Sequence[Account]) -> Mapping[str, Place]:
        """Return where an update changes accounts, by login. Units above the account's unit decide about it too.

        Args:

            accounts: The accounts.
        """
        intents = self._placing.place(self._as_they_are(OperationKind.UPDATE, accounts))
        return {intent.account.login: intent.place for intent in intents}

    def open_units(self, units: Sequence[Unit], initiator: Initiator) -> Plan:
        """Plan to open the accounts of units, or to reopen them if they were closed (000 m.5/h).

        Args:

            units: Units as they are, or will be, in the store.

            initiator: Who requests it, and why.

        Raises:

            InputError: A unit has no valid login, shares one with another unit, or has no custodian.

            TargetError: The personnel system as a whole can't be used.
        """
        problems: list[Problem] = []
        unit_accounts = UnitAccounts(records=self.records, naming=self.naming, choose_login=self.choose_login)
        accounts = unit_accounts.find(units, problems)
        wanted = []
        for unit in units:
            account = accounts.get(unit.code)
            if account is None:
                continue
            kind = OperationKind.REOPEN if account.state is AccountState.CLOSED else OperationKind.CREATE
            wanted.append(Intent(kind, account, unit, unit.custodian, names_holder=True))
        return self._builder.plan(wanted, problems, already=AccountState.OPEN, initiator=initiator)

    def create(self, accounts: Sequence[Account], initiator: Initiator) -> Plan:
        """Plan to open accounts that have a login and were never opened, or whose opening did not finish.

        Raises:

            InputError: An account is closed.

            TargetError: The personnel system as a whole can't be used.
        """
        problems = [
            _problem(account, _NOT_OPEN[AccountState.CLOSED])
            for account in accounts
            if account.state is AccountState.CLOSED
        ]
        wanted = self._as_they_are(OperationKind.CREATE, accounts)
        return self._builder.plan(wanted, problems, already=AccountState.OPEN, initiator=initiator)

    def reopen(self, accounts: Sequence[Account], initiator: Initiator, *, again: bool = False) -> Plan:
        """Plan to open closed accounts again, with a new password.

        Args:

            accounts: The accounts.

            initiator: Who requests it, and why.

            again: Open accounts also if they are open already, because somebody may have disabled them on a target.

        Raises:

            InputError: An account was never opened.

            TargetError: The personnel system as a whole can't be used.
        """
        problems = [
            _problem(account, _NOT_OPEN[AccountState.PLANNED])
            for account in accounts
            if account.state is AccountState.PLANNED
        ]
        wanted = self._as_they_are(OperationKind.REOPEN, accounts, again=again)
        return self._builder.plan(wanted, problems, already=None if again else AccountState.OPEN, initiator=initiator)

    def close(self, accounts: Sequence[Account], initiator: Initiator, *, again: bool = False) -> Plan:
        """Plan to close accounts, so that nobody can log in (000 m.5/h; 001 ¶2).

        An unfinished operation of another kind is replaced by the closure.

        Args:

            accounts: The accounts.

            initiator: Who requests it, and why.

            again: Close accounts also if they are closed already, because somebody may have enabled them on a target.

        Raises:

            NotAuthorizedError: The actor may not do it.
        """
        wanted = self._as_they_are(OperationKind.CLOSE, accounts, again=again)
        return self._builder.plan(wanted, [], already=None if again else AccountState.CLOSED, initiator=initiator)

    def update(self, accounts: Sequence[Account], initiator: Initiator) -> Plan:
        """Plan to bring the attributes and entitlements of open accounts up to date. The passwords stay.

        Accounts that are not open, or that no target can update, are unchanged.

        Args:

            accounts: The accounts.

            initiator: Who requests it, and why.

        Raises:

            NotAuthorizedError: The actor may not do it.

            TargetError: The personnel system as a whole can't be used.
        """
        return self._adapt(OperationKind.UPDATE, accounts, initiator)

    def withdraw(self, accounts: Sequence[Account], initiator: Initiator, *, again: bool = False) -> Plan:
        """Plan to close open accounts on the targets whose scope no longer includes them. They stay open elsewhere.

        Accounts that are not open, or that are on no other target than they should be, are unchanged.

        Args:

            accounts: The accounts.

            initiator: Who requests it, and why.

            again: Close accounts also on targets on which they are closed already, because somebody may have enabled
                them there.

        Raises:

            NotAuthorizedError: The actor may not do it.
        """
        return self._adapt(OperationKind.WITHDRAW, accounts, initiator, again=again)

    def _adapt(
        self, kind: OperationKind, accounts: Sequence[Account], initiator: Initiator, *, again: bool = False
    ) -> Plan:
        opened = [account for account in accounts if account.state is AccountState.OPEN]
        intents = self._as_they_are(kind, opened, again=again)
        plan = self._builder.plan(intents, [], already=None, initiator=initiator)
        others = [unchanged_account(account) for account in accounts if account.state is not AccountState.OPEN]
        return attrs.evolve(plan, unchanged=(*plan.unchanged, *others))

    def delete(self, accounts: Sequence[Account], initiator: Initiator) -> Plan:
        """Plan to delete closed accounts from the targets permanently.

        Raises:

            InputError: An account is not closed.

            NotAuthorizedError: The actor may not do it.
        """
        logins = [account.login for account in accounts]
        deleted, unended = self.records.accounts.deleted(logins), self.records.operations.unended(logins)
        left = [account for account in accounts if account.login not in deleted]
        problems = [
            _problem(account, marked("it is not closed")) for account in left if not _may_be_deleted(account, unended)
        ]
        wanted = self._as_they_are(OperationKind.DELETE, left)
        plan = self._builder.plan(wanted, problems, already=None, initiator=initiator)
        nothing = Text("it was deleted already")
        return attrs.evolve(plan, unchanged=tuple(Unchanged(login=login, reason=nothing) for login in sorted(deleted)))

    def rotate(self, accounts: Sequence[Account], initiator: Initiator) -> Plan:
        """Plan a new password for each of these open accounts (001 ¶2).

        Raises:

            InputError: An account is not open.

            TargetError: The personnel system as a whole can't be used.
        """
        problems = [_problem(account, _NOT_OPEN[account.state]) for account in accounts if account.state in _NOT_OPEN]
        wanted = self._as_they_are(OperationKind.ROTATE, accounts)
        return self._builder.plan(wanted, problems, already=None, initiator=initiator)

    def complete(self, accounts: Sequence[Account], initiator: Initiator) -> Plan:
        """Plan a new password for open accounts that are missing on a target, which creates them there.

        Raises:

            InputError: An account is not open.

            TargetError: The personnel system as a whole can't be used.
        """
        units = self.records.units.get_many([account.unit for account in accounts])
        desired = self.desired.of([(account, units[account.unit]) for account in accounts])
        known = self.records.accounts.all_target_states([account.login for account in accounts])
        missing = [
            account
            for account in accounts
            if account.state is not AccountState.OPEN or desired[account.login].missing(known.get(account.login, {}))
        ]
        everywhere = Text("it is on every target on which it belongs")
        plan = self.rotate(missing, initiator)
        others = [Unchanged(login=account.login, reason=everywhere) for account in accounts if account not in missing]
        return attrs.evolve(plan, unchanged=(*plan.unchanged, *others))

    def hand_over(self, account: Account, *, to: str, outgoing: str | None = None, initiator: Initiator) -> Plan:
        """Plan to hand an open account over to another person, with a new password (000 m.5/e; 003 m.12/4).

        Args:

            account: The account.

            to: The ID of the receiver.

            outgoing: The ID of the current holder, if the caller wants to check it.

            initiator: Who requests it, and why.

        Raises:

            InputError: The account is not open, another person holds it, or the person is unknown.

            TargetError: The personnel system as a whole can't be used.
        """
        problems = []
        if account.state in _NOT_OPEN:
            problems.append(_problem(account, _NOT_OPEN[account.state]))
        if outgoing and outgoing != account.holder:
            text = Text("it is held by {holder}", {"holder": account.holder or "nobody"})
            problems.append(Problem(subject=account.login, field="from", message=text))
        units = self.records.units.get_many([account.unit])
        stuck = self.records.operations.unended([account.login]).get(account.login)
        if account.holder == to and not may_change_hands(stuck) and not problems:
            text = Text("{person} holds it already", {"person": to})
            return Plan(unchanged=(Unchanged(login=account.login, reason=text),))
        intent = Intent(
            OperationKind.HANDOVER, account, units[account.unit], to, outgoing=account.holder, names_holder=True
        )
        return self._builder.plan_handover(intent, stuck, problems, initiator)

    def hand_over_to_custodians(self, held: Sequence[tuple[Account, Unit]], initiator: Initiator) -> Plan:
        """Plan to hand open accounts over to the custodians of their units.

        The rules are asked about the units as they are in the store: a custodian that the initiator has not yet written
        is not one that another person has named.

        Args:

            held: The accounts, each with its unit as it will be, which has a custodian.

            initiator: Who requests it, and why.

        Raises:

            InputError: A custodian is unknown.

            NotAuthorizedError: The initiator may not do it.

            TargetError: The personnel system as a whole can't be used.
        """
        intents = [
            Intent(OperationKind.HANDOVER, account, unit, unit.custodian, outgoing=account.holder, names_holder=True)
            for account, unit in held
        ]
        stored = self.records.units.get_many([unit.code for _, unit in held])
        self._authorization.require(
            (attrs.evolve(intent, unit=stored[intent.unit.code]) for intent in intents), initiator
        )
        return self._builder.plan(intents, [], already=None, initiator=initiator)

    def plan(self, kind: OperationKind, accounts: Sequence[Account], initiator: Initiator) -> Plan:
        """Plan operations of a kind that needs only the accounts: each kind except a handover.

        Raises:

            InputError: The state of an account does not allow it.

            NotAuthorizedError: The actor may not do it.

            TargetError: The personnel system as a whole can't be used.
        """
        plans = {
            OperationKind.CREATE: self.create,
            OperationKind.REOPEN: self.reopen,
            OperationKind.CLOSE: self.close,
            OperationKind.ROTATE: self.rotate,
            OperationKind.DELETE: self.delete,
        }
        return plans[kind](accounts, initiator)

    def again(self, operation: Operation) -> PlannedOperation:
        """Plan an operation from the journal again, with the current people and accounts.

        Raises:

            InputError: Its account, unit or holder is no longer known.

            UnsupportedError: A target has no hook for it, and the configuration doesn't say so.

            TargetError: The personnel system can't be asked about the person.
        """
        [planned] = self.all_again([operation])
        if isinstance(planned, PlannedOperation):
            return planned
        raise planned

    def all_again(self, operations: Sequence[Operation]) -> list[PlannedOperation | InputError | TargetError]:
        """Plan operations from the journal again, with a few queries for all; see
        :meth:`Resumption.plan() <provisioner.core.engine.resumption.Resumption.plan>`.
        """
        return self._resumption.plan(operations)

    def with_current_people(
        self, work: Sequence[PlannedOperation]
    ) -> list[PlannedOperation | InputError | TargetError]:
        """Look up the people of planned operations again; see :meth:`Resumption.with_current_people()
        <provisioner.core.engine.resumption.Resumption.with_current_people>`.
        """
        return self._resumption.with_current_people(work)

    def require_release(self, operations: Sequence[Operation], actor: str) -> None:
        """Check that an actor may release held operations.

        This looks up nobody. If an account is no longer known, nothing can be done to it.

        Raises:

            NotAuthorizedError: The actor may not release some of them; the error names all of them.
        """
        accounts = self.records.accounts.get_many([operation.login for operation in operations])
        units = self.records.units.get_many({account.unit for account in accounts.values()})
        found = [
            (operation, account, unit)
            for operation in operations
            if (account := accounts.get(operation.login)) and (unit := units.get(account.unit))
        ]
        self._authorization.require_release(found, actor)

    @property
    def _resumption(self) -> Resumption:
        return Resumption(records=self.records, people=self.people, placing=self._placing)

    @property
    def _placing(self) -> Placing:
        return Placing(
            records=self.records,
            targets=self.targets,
            session_targets=self.session_targets,
            channels=self.channels,
            desired=self.desired,
        )

    @property
    def _builder(self) -> PlanBuilder:
        return PlanBuilder(
            records=self.records,
            people=self.people,
            placing=self._placing,
            authorization=self._authorization,
            now=self.now,
        )

    @property
    def _authorization(self) -> Authorization:
        return Authorization(authorize=self.authorize, now=self.now)

    def _as_they_are(self, kind: OperationKind, accounts: Sequence[Account], *, again: bool = False) -> list[Intent]:
        units = self.desired.units.get_many([account.unit for account in accounts])
        return [Intent(kind, account, units[account.unit], account.holder, again=again) for account in accounts]


def _may_be_deleted(account: Account, unended: Mapping[str, Operation]) -> bool:
    """Whether it is closed, or its deletion is not finished."""
    stuck = unended.get(account.login)
    return account.state is AccountState.CLOSED or (stuck is not None and stuck.kind is OperationKind.DELETE)


def _problem(account: Account, message: str) -> Problem:
    return Problem(subject=account.login, field="login", message=Text(message))
