"""Carries out the due actions of the rules.

The cost of a sweep depends on what is due, not on the number of accounts: deadlines are stored, and only accounts with
a due deadline are read. Failed actions stay due, so that the next sweep tries again.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import TypeVar, cast

import attrs

from provisioner.core.api.errors import BusyError, LeaseLostError
from provisioner.core.api.events import ClockConfirmed, NoticeReopened, RulesChanged, TimesCorrected
from provisioner.core.api.fencing import Lease
from provisioner.core.api.rules import Deadline, Observation, Reports
from provisioner.core.engine.engine import Engine
from provisioner.core.engine.plan import POLICY_ACTOR, Unchanged, only_sessions_left
from provisioner.core.model import Account, Operation, OperationState
from provisioner.core.model.routines import Routine
from provisioner.core.policy.due import DueAction, latest, met
from provisioner.core.policy.evaluation import RuleFailure
from provisioner.core.policy.failures import Failures
from provisioner.core.policy.follow_up import FollowUp
from provisioner.core.policy.notice_messages import Notice
from provisioner.core.policy.notifier import Notifier
from provisioner.core.policy.outlook import Outlook, is_stuck_in_renewal
from provisioner.core.policy.policy import Policy
from provisioner.core.policy.policy_run import Changes, PolicyRun, Refusal
from provisioner.core.policy.ports import Agenda
from provisioner.core.policy.quiet_hours import QuietHours
from provisioner.core.policy.telling import Postponed, Telling
from provisioner.core.reconcile.differences import Difference, DifferenceFound
from provisioner.core.reconcile.verification import VerifiedAccount, Verifier

#: The number of due accounts that are read together.
PAGE = 500

#: The same after the first page, if workers share the operations: enough of them for all workers, because a page ends
#: with its last operation.
SHARED_PAGE = 4000

#: The number of accounts that are verified before the sweep can be stopped.
VERIFIED_TOGETHER = 50

#: The errors of operations that another process has started, or made unnecessary.
_FASTER = frozenset({BusyError.__name__, LeaseLostError.__name__})


Swept = Operation | Notice | Refusal | Observation | RuleFailure | VerifiedAccount | Postponed
ItemT = TypeVar("ItemT")


@attrs.define(eq=False, kw_only=True)
class Sweep:
    """One sweep over everything that is due. Used once.

    Args:

        agenda: The stored deadlines and the other stored data.

        policy: The rules.

        engine: Carries out the actions, with its own planner, clock and journal.

        notifier: Sends notices.

        verifier: Verifies accounts on their targets.

        reports: Returns the report of a target; for monitors.

        follow_up: Follows up messages with passwords.

        it_unit: The code of the IT unit, whose custodian receives notices that concern nobody else.

        quiet_hours: When no warnings and reminders are sent; ``None`` if they always are.

        clock_confirmed_by: Who confirms that the clock is right; ``None`` if nobody does.
    """

    agenda: Agenda
    policy: Policy
    engine: Engine
    notifier: Notifier
    verifier: Verifier
    reports: Reports
    follow_up: FollowUp
    it_unit: str = ""
    quiet_hours: QuietHours | None = None
    clock_confirmed_by: str | None = None
    #: Determines what is due.
    outlook: Outlook = attrs.field(init=False)
    _telling: Telling = attrs.field(init=False)
    _failures: Failures = attrs.field(factory=Failures, init=False)
    #: The IDs of unfinished operations that have been yielded.
    _driven_on: set[str] = attrs.field(factory=set, init=False)

    def __attrs_post_init__(self) -> None:
        self.outlook = Outlook(agenda=self.agenda, policy=self.policy, now=self.engine.context.now)
        self._telling = Telling(
            outlook=self.outlook,
            notifier=self.notifier,
            quiet_hours=self.quiet_hours,
            is_stopped=self.engine.context.retry.stop.is_set,
            failures=self._failures,
        )

    def run(self) -> Iterator[Swept]:
        """Resume unfinished operations, follow up messages with passwords, then carry out what is due.

        Each result is yielded when it is known.

        Raises:

            NotReadyError: Targets or channels couldn't be used; everything that doesn't need them was done.

            TargetError: The personnel system couldn't be used; the same applies.

            Exception: The program failed at a part of the sweep; the same applies.

            ClockError: The clock contradicts the last use of the store. Nothing was done.

            StoreError: The store can't be read or written.
        """
        self._settle_clock()
        self.agenda.routines.begin(Routine.SWEEP, self._now())
        self.reschedule()
        yield from self._failures.trying(self._left())
        yield from self._failures.trying(self.follow_up.run())
        self._reopen_undelivered()
        yield from self._failures.trying(self._watch())
        closures: list[str] = []
        began_at = self._now()
        self._telling.find_others(began_at)
        for page in self._due_pages(began_at):
            if self.is_stopped:
                return
            yield from self._on_page(page, began_at, closures)
        yield from self._telling.tell_everybody(began_at, closures)
        yield from self._failures.trying(self._close(closures))
        self.outlook.plan_ahead(closures)
        if not self.is_stopped:
            self.agenda.routines.end(Routine.SWEEP, self._now())
        if self._telling.postponed:
            yield self._telling.postponed
        self._failures.raise_first()

    def require_clock(self) -> None:
        """Check that the clock is plausible. Changes nothing.

        Raises:

            ClockError: It is not, and nobody has confirmed it.
        """
        known = self.agenda.clock.known_times()
        if known and self.clock_confirmed_by is None and (error := known.objection(self._now())):
            raise error

    def _settle_clock(self) -> None:
        """Continue only if the clock is plausible, and correct times that were stored while it was ahead."""
        self.require_clock()
        now, known, record = self._now(), self.agenda.clock.known_times(), self.engine.context.record
        if known and self.clock_confirmed_by is not None and known.objection(now):
            record(ClockConfirmed(at=now, actor=self.clock_confirmed_by, trusted_at=known.trusted_at))
        if known and known.has_future(now):
            actor = self.clock_confirmed_by or POLICY_ACTOR.removesuffix(":")
            record(TimesCorrected(at=now, actor=actor, latest_at=known.latest_at))
            self.policy.since = self.agenda.schedule.rule_sets_since()
        self.agenda.clock.note(now)

    def reschedule(self) -> None:
        """Recalculate all deadlines if the rule sets differ from those of the stored deadlines.

        Works page by page, and continues after a crash.
        """
        schedule = self.agenda.schedule.state()
        if schedule.fingerprint != self.policy.fingerprint:
            self._note_rules()
            schedule = self.agenda.schedule.state()
        if schedule.cursor is None:
            return
        for accounts in self.agenda.schedule.accounts_after(schedule.cursor):
            if self.is_stopped:
                return
            self.agenda.schedule.save(self.outlook.rescheduled(accounts), reached=accounts[-1].login)
        self.agenda.schedule.finish()

    def _now(self) -> datetime:
        return self.engine.context.now()

    @property
    def is_stopped(self) -> bool:
        """Whether the program was stopped, so that the next sweep has to do the rest."""
        return self.engine.context.retry.stop.is_set()

    def _note_rules(self) -> None:
        names = {rules.name for rules in self.policy.rule_sets}
        known = self.agenda.schedule.rule_sets_since()
        event = RulesChanged(
            at=self._now(),
            fingerprint=self.policy.fingerprint,
            rule_sets=tuple(sorted(names)),
            gone=tuple(sorted(known.keys() - names)),
        )
        self.engine.context.record(event)
        self.policy.since = self.agenda.schedule.rule_sets_since()

    def _reopen_undelivered(self) -> None:
        """Make deadlines due again whose notices were accepted and not delivered, if there is an attempt left."""
        for notice in self.agenda.notices.to_repeat():
            with suppress(BusyError):  # another sweep was quicker, or a report that it was delivered
                self.engine.context.record(NoticeReopened(at=self._now(), notice=notice))

    def _watch(self) -> Iterator[Notice | Observation]:
        """Call the monitors, and send the due notices."""
        observations = self.policy.observations(self.reports)
        marks = self.agenda.marks.get_many([observation.subject for observation in observations])
        custodian = self._custodian(self.it_unit)
        for observation in observations:
            if observation.error:
                yield observation
            unmet = self.policy.unmet(observation.deadlines, marks.get(observation.subject, ()))
            last = max((each.at for each in observation.deadlines), default=None)
            yield from self._telling.tell(
                [
                    Notice(subject=observation.subject, deadline=each, recipient=observation.tell or custodian)
                    for each in latest(each for each in unmet if each.at <= self._now())
                    if each.at == last or not self._telling.is_postponed(each)
                ],
                {},
            )

    def _custodian(self, code: str) -> str | None:
        unit = self.agenda.units.get_many([code]).get(code) if code else None
        return unit.custodian if unit else None

    def _due_pages(self, now: datetime) -> Iterator[list[Account]]:
        """Yield the due accounts, each once, even if its new deadline is due as well: the next sweep handles that."""
        again: set[str] = set()
        due = (account for account in self.agenda.schedule.due(now) if account.login not in again)
        size = PAGE
        while page := {account.login: account for account in islice(due, size)}:
            yield list(page.values())
            still_due = self.agenda.schedule.still_due(page, now)
            again.update(login for login, deadline in still_due.items() if deadline != page[login].next_deadline)
            self._telling.forget(page.keys() - still_due.keys())
            size = SHARED_PAGE if self.engine.distribution else PAGE

    def _on_page(self, accounts: Sequence[Account], now: datetime, closures: list[str]) -> Iterator[Swept]:
        """Carry out the due actions on these accounts, and collect the logins of the accounts to close."""
        checked = Lease.of(self.notifier.good_for)
        waiting = self.outlook.waiting(accounts)
        yield from (operation for operation in waiting.values() if operation.id not in self._driven_on)
        demands, failures = self.outlook.demands(accounts)
        yield from failures
        stuck = [demand for demand in demands if is_stuck_in_renewal(waiting.get(demand.account.login))]
        demands = [demand for demand in demands if demand.account.login not in waiting]
        due = {demand.account.login: (demand, demand.rotate) for demand in demands if demand.rotate}
        settled = yield from self._rotate(due)
        left = [*stuck, *(demand for demand in demands if demand.account.login not in settled)]
        told = [demand for demand in demands if demand.duties] + [demand for demand in left if demand.warnings]
        unchanged = [demand for demand in demands if demand.account.login not in due and not demand.verify]
        alone = self._telling.told_of_nothing_else(unchanged, now)
        if any(demand.account.login not in alone for demand in told):
            self._telling.note()
        yield from self._failures.trying(self._verify(left))
        yield from self._telling.tell_with_page(alone, closures, checked)
        closures += [demand.account.login for demand in left if demand.closure and not demand.warnings]
        planned = {account.login for account in accounts} - {demand.account.login for demand in told}
        self.outlook.plan_ahead(sorted(planned))

    def _rotate(self, due: Changes) -> Generator[Swept, None, set[str]]:
        """Renew passwords, and return the logins of the accounts that this or another process has renewed."""
        settled = set()
        for item in self._failures.trying(self._change(due)):
            if isinstance(item, Operation) and _is_in_other_hands(item):
                self._telling.in_other_hands.add(item.login)
                settled.add(item.login)
            elif isinstance(item, Operation) and _is_renewed(item):
                settled.add(item.login)
            yield item
        return settled

    def _verify(self, demands: Iterable[DueAction]) -> Iterator[VerifiedAccount]:
        """Verify the accounts of which that is due. An account that a target didn't show stays due."""
        due = ((demand.account.login, demand.verify) for demand in demands if demand.verify)
        for some in _pages(due, VERIFIED_TOGETHER):
            if not self.is_stopped:
                yield from self._verify_some(dict(some))

    def _verify_some(self, due: Mapping[str, Deadline]) -> Iterator[VerifiedAccount]:
        started_at, since = self._now(), {login: deadline.at for login, deadline in due.items()}
        accounts = self.agenda.accounts.get_many(due)
        found = list(self.verifier.verify(list(accounts.values()), due_since=since))
        different = self._unexplained(found, started_at)
        unanswered = [answer for answer in found if answer.error]
        answered = due.keys() - {answer.login for answer in unanswered}
        self.engine.context.record(
            *(_difference_found(answer, due[answer.login], self._now()) for answer in different),
            *(met(due[login], login, at=self._now(), login=login) for login in sorted(answered)),
        )
        yield from different
        yield from (answer for answer in unanswered if not answer.is_left_out)

    def _unexplained(self, found: Sequence[VerifiedAccount], since: datetime) -> Sequence[VerifiedAccount]:
        """Return what differs, without the accounts that an operation was changing meanwhile."""
        different = [answer for answer in found if answer.difference]
        changing = self.agenda.last_seen.at_work([answer.login for answer in different], since)
        return [answer for answer in different if answer.login not in changing]

    def _close(self, logins: Sequence[str]) -> Iterator[Swept]:
        """Close or delete in one run, so that a mass change is detected before the first closure.

        The accounts are read again: a password may have been renewed, or a unit moved, since the page with the account.
        The held run of an earlier sweep still waits, and doesn't hold the rest.
        """
        demands = self.outlook.demands(self.outlook.accounts(logins))[0]
        unended = self.agenda.operations.unended([demand.account.login for demand in demands])
        held = {login: one for login, one in unended.items() if one.state is OperationState.STAGED}
        yield from held.values()
        due = {
            demand.account.login: (demand, demand.closure)
            for demand in demands
            if demand.closure and demand.account.login not in held
        }
        yield from self._change(due)

    def _change(self, changes: Changes) -> Iterator[Operation | Refusal]:
        """Carry out the actions of these deadlines in one run."""
        run = PolicyRun(engine=self.engine, changes=changes)
        for outcome in run.carry_out():
            if isinstance(outcome, Unchanged):
                self._meet(outcome.login, changes[outcome.login][1])
                continue
            if isinstance(outcome, Operation) and outcome.state is OperationState.DONE:
                self._meet(outcome.login, changes[outcome.login][1], operation_id=outcome.id)
            yield outcome

    def _meet(self, login: str, deadline: Deadline, *, operation_id: str = "") -> None:
        self.engine.context.record(met(deadline, login, at=self._now(), login=login, operation_id=operation_id))

    def _left(self) -> Iterator[Operation]:
        for operation in self.engine.iter_resume():
            self._driven_on.add(operation.id)
            yield operation


def _difference_found(verified: VerifiedAccount, deadline: Deadline, at: datetime) -> DifferenceFound:
    return DifferenceFound(
        at=at,
        actor=f"{POLICY_ACTOR}{deadline.rule_set}",
        login=verified.login,
        target=verified.target,
        difference=cast("Difference", verified.difference).kind,
    )


def _is_renewed(operation: Operation) -> bool:
    """Whether the new password is delivered, also if sessions are left to end."""
    return operation.state is OperationState.DONE or only_sessions_left(operation)


def _is_in_other_hands(operation: Operation) -> bool:
    """Whether another process was faster, and may have renewed the password."""
    return operation.error is not None and operation.error.name in _FASTER


def _pages(items: Iterator[ItemT], size: int) -> Iterator[list[ItemT]]:
    while page := list(islice(items, size)):
        yield page
