"""What the rules want: what is due, what would become due, sweeps, and duties that somebody confirms."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

import attrs

from provisioner.core.api.errors import InputError, Problem
from provisioner.core.api.events import DutyConfirmed
from provisioner.core.api.kinds import KIND_OF_ACTION
from provisioner.core.api.messages import AuthorizeOperation
from provisioner.core.api.rules import Action, Deadline, Observation
from provisioner.core.engine.plan import POLICY_ACTOR
from provisioner.core.engine.planner import Planner
from provisioner.core.engine.ports import Recorder
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.privacy import Privacy
from provisioner.core.governance.roles import Role
from provisioner.core.model import Account, Operation, Unit
from provisioner.core.model.text import Text
from provisioner.core.policy.evaluation import Evaluation, RuleFailure
from provisioner.core.policy.notice_messages import Notice
from provisioner.core.policy.policy import Policy
from provisioner.core.policy.policy_run import Refusal
from provisioner.core.policy.simulation import Day, Simulation
from provisioner.core.policy.sweep import Sweep, Swept
from provisioner.core.policy.telling import Postponed
from provisioner.core.reconcile.verification import VerifiedAccount
from provisioner.services.account_lookup import known_accounts
from provisioner.services.parts import Clock
from provisioner.services.runs import Run
from provisioner.services.units import require_unit
from provisioner.store import Store

#: What a sweep reports besides operations.
Report = Notice | Refusal | Observation | RuleFailure | VerifiedAccount | Postponed

#: How many notices are passed on together.
_TOGETHER = 500


@attrs.frozen
class DueList:
    """What is due."""

    #: The accounts, each with what is due; the most urgent comes first.
    items: Sequence[tuple[Account, Deadline]]
    #: The rules that could not say what they want.
    failures: Sequence[RuleFailure]


@attrs.frozen
class Forecast:
    """What would happen in the days to come."""

    days: Sequence[Day]
    #: The rules that could not say what they want.
    failures: Collection[RuleFailure]


@attrs.define(eq=False)
class SweepRun:
    """A sweep that is under way. Its operations are a run; what it reports besides is known once they have ended.

    Args:

        sweep: The sweep.

        authority: Decides who may read personal data.

        store: The stored data.
    """

    _sweep: Sweep
    _authority: Authority
    _store: Store
    _reports: list[Report] = attrs.field(factory=list, init=False)
    #: Takes notices as they are sent, if they are not kept for :meth:`reports`; and those that wait for it.
    _take: Callable[[Iterable[Notice]], None] | None = attrs.field(default=None, init=False)
    _notices: list[Notice] = attrs.field(factory=list, init=False)
    _all_told: bool = attrs.field(default=True, init=False)
    #: The operations. Iterate over it, or wait for it: the work is done meanwhile.
    run: Run = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.run = Run(self._operations(self._sweep.run()))

    def pass_on_notices(self, take: Callable[[Iterable[Notice]], None], *, viewer: str) -> None:
        """Pass notices on as they are sent, instead of keeping them for :meth:`reports`: there can be very many.

        Args:

            take: Takes some notices, without personal data that the viewer may not read.

            viewer: The ID of the person who reads them.
        """
        privacy, accounts = Privacy(self._authority, viewer), self._store.accounts.get_many
        self._take = lambda some: take(privacy.shown_notices(some, accounts))

    def reports(self, *, viewer: str) -> Iterator[Report]:
        """Yield what the sweep reported so far, without personal data that the viewer may not read."""
        privacy, accounts = Privacy(self._authority, viewer), self._store.accounts.get_many
        notices = privacy.shown_notices((found for found in self._reports if isinstance(found, Notice)), accounts)
        refusals = privacy.shown_refusals((found for found in self._reports if isinstance(found, Refusal)), accounts)
        for found in self._reports:
            if isinstance(found, Notice):
                yield next(notices)
            else:
                yield next(refusals) if isinstance(found, Refusal) else found

    @property
    def is_stopped(self) -> bool:
        """Whether the sweep was asked to stop; the next one does what is left."""
        return self._sweep.is_stopped

    @property
    def is_complete(self) -> bool:
        """Whether the sweep was not stopped, everything was done that was due, and no account differs.

        What waits for the end of the quiet hours is not due.
        """
        return not self.is_stopped and self._all_told and all(map(_is_well, self._reports))

    def _operations(self, swept: Iterable[Swept]) -> Iterator[Operation]:
        try:
            for found in swept:
                if isinstance(found, Operation):
                    yield found
                elif isinstance(found, Notice) and self._take:
                    self._pass_on(found)
                else:
                    self._reports.append(found)
        finally:
            self._pass_on_rest()

    def _pass_on(self, notice: Notice) -> None:
        self._all_told = self._all_told and not notice.error
        self._notices.append(notice)
        if len(self._notices) >= _TOGETHER:
            self._pass_on_rest()

    def _pass_on_rest(self) -> None:
        if self._take and self._notices:
            self._take(self._notices)
        self._notices = []


def _is_well(report: Report) -> bool:
    return isinstance(report, Postponed) or (isinstance(report, Notice) and not report.error)


@attrs.frozen(kw_only=True)
class Deadlines:
    """Tells what the rules want, does it, and takes the confirmation of duties.

    Args:

        policy: The rules.

        planner: Knows what is protected.

        store: The stored data.

        authority: Tells who may confirm a duty.

        record: Writes events into the audit log, and tells the observers.

        make_sweep: Returns a sweep; the argument is who says that the clock is right.

        now: The clock.
    """

    policy: Policy
    planner: Planner
    store: Store
    authority: Authority
    record: Recorder
    make_sweep: Callable[[str | None], Sweep]
    now: Clock

    def due(self, *, before: datetime | None = None, unit: str | None = None) -> DueList:
        """Return what is due.

        Args:

            before: Also what is due before this time; by default, what is due now.

            unit: Only accounts of this unit and of the units below it.

        Raises:

            InputError: There is no such unit.
        """
        end = before or self.now() + timedelta(microseconds=1)
        require_unit(self.store, unit or None)
        evaluated = list(self._evaluated(list(self.store.accounts.find(due_before=end, under=unit))))
        items = [(account, deadline) for account, found in evaluated for deadline in found.deadlines]
        due = sorted(
            (item for item in items if item[1].at < end),
            key=lambda item: (item[1].at, item[0].login),
        )
        return DueList(due, [failure for _, found in evaluated for failure in found.failures])

    def of_account(self, account: Account) -> Sequence[Deadline]:
        """Return what the rules require of an account next, the earliest first."""
        [(_, found)] = self._evaluated([account])
        return sorted(found.deadlines, key=lambda deadline: deadline.at)

    def within(self, period: timedelta, *, viewer: str, limit: int) -> Sequence[Account]:
        """Return accounts with a deadline before the end of a period, the most urgent first.

        Args:

            period: The period, from now.

            viewer: Who reads the answer. Accounts whose holder this person may not read are left out.

            limit: How many accounts are returned at most.
        """
        found = self.store.schedule.due(self.now() + period)
        return list(islice(Privacy(self.authority, viewer).readable(found), limit))

    def sweep(self, *, clock_confirmed_by: str | None = None) -> SweepRun:
        """Do what is due.

        Args:

            clock_confirmed_by: Who says that the clock is right, whatever the store remembers.

        Raises:

            ClockError: The clock cannot be believed, and nobody has confirmed it.

            StoreError: The store lacks its last changes, so that a password may go to a former holder.
        """
        self.store.expect_current()
        sweep = self.make_sweep(clock_confirmed_by)
        sweep.require_clock()
        return SweepRun(sweep, self.authority, self.store)

    def preview_sweep(self, *, clock_confirmed_by: str | None = None) -> Forecast:
        """Return what a sweep would do now.

        Args:

            clock_confirmed_by: Who says that the clock is right, whatever the store remembers.

        Raises:

            ClockError: The clock cannot be believed, and nobody has confirmed it.
        """
        self.make_sweep(clock_confirmed_by).require_clock()
        return self.simulate(days=1)

    def simulate(self, *, days: int) -> Forecast:
        """Return what one sweep a day would do, if every action succeeded. Nothing is changed.

        Args:

            days: How many days, today included.
        """
        return self._simulated(self.store.schedule.accounts_after(""), days)

    def calendar(self, *, days: int, viewer: str, pace: Callable[[], object] | None = None) -> Forecast:
        """Return the forecast for the accounts that one person may read.

        Args:

            days: How many days, today included.

            viewer: Who reads it.

            pace: Is called before each account, if it is given. What it raises ends the calculation.
        """
        privacy = Privacy(self.authority, viewer)
        readable = (list(privacy.readable(page)) for page in self.store.schedule.accounts_after(""))
        return self._simulated(readable, days, pace)

    def _simulated(
        self, pages: Iterable[Sequence[Account]], days: int, pace: Callable[[], object] | None = None
    ) -> Forecast:
        simulation = Simulation(policy=self.policy, time_zone=self.policy.time_zone, may=self._may)
        simulation.pace = pace or simulation.pace
        for accounts in pages:
            units = self.store.units.get_many({account.unit for account in accounts})
            simulation.add(accounts, units, self.store.marks.get_many([account.login for account in accounts]))
        found = list(simulation.days(self.now(), days))
        return Forecast(found, simulation.failures.values())

    def confirm(self, login: str, rule_set: str, *, actor: str, dry_run: bool = False) -> Account:
        """Confirm that the duty was done which a rule set has for an account.

        Args:

            login: The login of the account.

            rule_set: The name of the rule set.

            actor: Who confirms it: the holder of the account, or an officer.

            dry_run: Only check whether it can be done.

        Returns:

            The account, with what is due next.

        Raises:

            DeniedError: The actor is neither.

            InputError: There is no such rule set or account, or the rule set has no duty for the account.
        """
        if rule_set not in {known.name for known in self.policy.rule_sets}:
            raise _wrong(Text("there is no rule set {name}", {"name": rule_set}))
        [account] = known_accounts(self.store, self.planner.naming, [login])
        if actor != account.holder:
            self.authority.require(actor, {Role.OFFICER}, account.unit)
        self._require_duty(account, rule_set)
        return account if dry_run else self._confirmed(account, rule_set, actor)

    def _require_duty(self, account: Account, rule_set: str) -> None:
        """Check that a rule set has a duty for an account, now or later."""
        [(_, found)] = self._evaluated([account])
        if not any((deadline.action, deadline.rule_set) == (Action.DUTY, rule_set) for deadline in found.deadlines):
            values = {"name": rule_set, "login": account.login}
            raise _wrong(Text("rule set {name} has no duty for {login} to confirm", values))

    def _confirmed(self, account: Account, rule_set: str, actor: str) -> Account:
        login = account.login
        self.record(DutyConfirmed(at=self.now(), actor=actor, login=login, subject=login, rule_set=rule_set))
        self.make_sweep(None).outlook.plan_ahead([login])
        return self.store.accounts.get_many([login])[login]

    def _evaluated(self, accounts: Sequence[Account]) -> Iterator[tuple[Account, Evaluation]]:
        units = self.store.units.get_many({account.unit for account in accounts})
        marks = self.store.marks.get_many([account.login for account in accounts])
        for account in accounts:
            yield account, self.policy.evaluate(account, units[account.unit], marks.get(account.login, ()))

    def _may(self, account: Account, unit: Unit, action: Action) -> bool:
        """Return whether a policy may do this at all: protected accounts are never changed."""
        if action not in KIND_OF_ACTION:
            return True
        question = AuthorizeOperation(
            kind=KIND_OF_ACTION[action],
            account=account,
            unit=unit,
            actor=POLICY_ACTOR,
            by_policy=True,
            at=self.now(),
        )
        return not self.planner.authorize(question)


def _wrong(message: Text) -> InputError:
    return InputError([Problem(field="rule-set", message=message)])
