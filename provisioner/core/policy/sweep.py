"""Carries out the due actions of the rules.

The cost of a sweep depends on what is due, not on the number of accounts: deadlines are stored, and only accounts with
a due deadline are read. Failed actions stay due, so that the next sweep tries again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby, islice
from typing import TypeVar, cast

import attrs

from provisioner.core.api.errors import (
    BusyError,
    LeaseLostError,
    StoreError,
    UnknownOutcomeError,
)
from provisioner.core.api.events import ClockConfirmed, DeadlineMet, NoticeReopened, RulesChanged, TimesCorrected
from provisioner.core.api.fencing import Lease
from provisioner.core.api.kinds import KINDS
from provisioner.core.api.rules import Deadline, Observation, Reports
from provisioner.core.engine.engine import Engine
from provisioner.core.engine.plan import POLICY_ACTOR, Unchanged, only_sessions_left
from provisioner.core.model import Account, Operation, OperationState, Unit
from provisioner.core.model.routines import Routine
from provisioner.core.policy.due import DueAction, basis, latest
from provisioner.core.policy.evaluation import RuleFailure
from provisioner.core.policy.follow_up import FollowUp
from provisioner.core.policy.notice_messages import Notice
from provisioner.core.policy.notifier import Notifier, Purpose
from provisioner.core.policy.policy import Policy
from provisioner.core.policy.policy_run import Changes, PolicyRun, Refusal
from provisioner.core.policy.ports import Agenda
from provisioner.core.policy.quiet_hours import QuietHours
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


@attrs.frozen(kw_only=True)
class Postponed:
    """Notices that the next sweep after the quiet hours sends."""

    count: int
    #: When the quiet hours end.
    until: datetime


Swept = Operation | Notice | Refusal | Observation | RuleFailure | VerifiedAccount | Postponed
SweptT = TypeVar("SweptT", bound=Swept)
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
    _failures: list[Exception] = attrs.field(factory=list, init=False)
    #: The IDs of unfinished operations that have been yielded.
    _driven_on: set[str] = attrs.field(factory=set, init=False)
    #: Whether somebody is told about accounts after the last page.
    _has_notices: bool = attrs.field(default=False, init=False)
    #: The logins of accounts without a holder about which somebody else is told, by the ID of that person.
    _of_others: dict[str | None, list[str]] = attrs.field(factory=lambda: defaultdict(list), init=False)
    #: The logins of accounts whose holders were told with the page.
    _told_with_page: set[str] = attrs.field(factory=set, init=False)
    #: The logins of accounts that another process is renewing.
    _in_other_hands: set[str] = attrs.field(factory=set, init=False)
    #: The notices that wait for the end of the quiet hours.
    _postponed: Postponed | None = attrs.field(default=None, init=False)

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
        yield from self._trying(self._left())
        yield from self._trying(self.follow_up.run())
        self._reopen_undelivered()
        yield from self._trying(self._watch())
        closures: list[DueAction] = []
        began_at = self._now()
        further = SHARED_PAGE if self.engine.distribution else PAGE
        for page in _pages(_each_once(self.agenda.schedule.due(began_at)), PAGE, further):
            if self.is_stopped:
                return
            yield from self._on_page(page, began_at, closures)
        yield from self._tell_everybody(began_at, closures)
        yield from self._trying(self._close(closures))
        self.plan_ahead([demand.account.login for demand in closures])
        if not self.is_stopped:
            self.agenda.routines.end(Routine.SWEEP, self._now())
        if self._postponed:
            yield self._postponed
        if self._failures:
            raise self._failures[0]

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
            self.agenda.schedule.save(self._rescheduled(accounts), reached=accounts[-1].login)
        self.agenda.schedule.finish()

    def demands(
        self, accounts: Sequence[Account], now: datetime | None = None
    ) -> tuple[list[DueAction], list[RuleFailure]]:
        """Return the due actions on each of these accounts, and the rules that failed.

        Args:

            accounts: The accounts.

            now: When the actions are due; by default, now.
        """
        now, units = now or self._now(), self.agenda.units.get_many({account.unit for account in accounts})
        marks = self.agenda.marks.get_many([account.login for account in accounts])
        demands: list[DueAction] = []
        failures: list[RuleFailure] = []
        for account in accounts:
            unit, met = units[account.unit], marks.get(account.login, ())
            found = self.policy.evaluate(account, unit, met)
            demands.append(DueAction.at(now, account, unit, found.deadlines, met))
            failures += found.failures
        return demands, failures

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
            yield from self._told(
                [
                    Notice(subject=observation.subject, deadline=each, recipient=observation.tell or custodian)
                    for each in latest(each for each in unmet if each.at <= self._now())
                    if each.at == last or not self._is_postponed(each)
                ],
                {},
            )

    def _quiet_until(self) -> datetime | None:
        """Return when the quiet hours end; ``None`` if there are none now."""
        return self.quiet_hours.until(self._now(), self.policy.time_zone) if self.quiet_hours else None

    def _is_postponed(self, deadline: Deadline) -> bool:
        """Whether one more notice waits for the end of the quiet hours; counts it.

        One that was due before the last day doesn't: if sweeps run at night only, it would wait for ever.
        """
        until = self._quiet_until()
        if until is None or self._has_missed_a_day(deadline):
            return False
        count = self._postponed.count + 1 if self._postponed else 1
        self._postponed = Postponed(count=count, until=until)
        return True

    def _has_missed_a_day(self, deadline: Deadline) -> bool:
        hours, zone = self.quiet_hours, self.policy.time_zone
        return hours is not None and deadline.at <= hours.ended_before(self._now(), zone)

    def _custodian(self, code: str) -> str | None:
        unit = self.agenda.units.get_many([code]).get(code) if code else None
        return unit.custodian if unit else None

    def _on_page(self, accounts: Sequence[Account], now: datetime, closures: list[DueAction]) -> Iterator[Swept]:
        """Carry out the due actions on these accounts, and collect the accounts to close."""
        checked = Lease.of(self.notifier.good_for)
        waiting = self._waiting(accounts)
        yield from (operation for operation in waiting.values() if operation.id not in self._driven_on)
        demands, failures = self.demands(accounts)
        yield from failures
        stuck = [demand for demand in demands if _is_stuck_in_renewal(waiting.get(demand.account.login))]
        demands = [demand for demand in demands if demand.account.login not in waiting]
        settled = set()
        due = {demand.account.login: (demand, demand.rotate) for demand in demands if demand.rotate}
        for item in self._trying(self._change(due)):
            if isinstance(item, Operation) and _is_in_other_hands(item):
                self._in_other_hands.add(item.login)
            if isinstance(item, Operation) and (_is_renewed(item) or _is_in_other_hands(item)):
                settled.add(item.login)
            yield item
        left = [*stuck, *(demand for demand in demands if demand.account.login not in settled)]
        told = [demand for demand in demands if demand.duties] + [demand for demand in left if demand.warnings]
        unchanged = [demand for demand in demands if demand.account.login not in due and not demand.verify]
        alone = self._told_of_nothing_else(unchanged, now)
        self._note_whom_to_tell(demand for demand in told if demand.account.login not in alone)
        yield from self._trying(self._verify(left))
        self._told_with_page.update(alone)
        for some in _pages(iter(alone.values()), PAGE):
            yield from self._tell_of(
                [(demand, (*demand.duties, *demand.warnings)) for demand in some], closures, checked
            )
        closures += [demand for demand in left if demand.closure and not demand.warnings]
        planned = {account.login for account in accounts} - {demand.account.login for demand in told}
        self.plan_ahead(sorted(planned))

    def _told_of_nothing_else(self, demands: Iterable[DueAction], now: datetime) -> Mapping[str, DueAction]:
        """Return the due actions of which people are told who are told of no other account in this sweep, by login."""
        told = [demand for demand in demands if demand.duties or demand.warnings]
        holders = {demand.account.holder for demand in told if demand.account.holder}
        others = self.agenda.schedule.with_several(now, holders) if holders else ()
        return {demand.account.login: demand for demand in told if demand.account.holder in holders.difference(others)}

    def _note_whom_to_tell(self, demands: Iterable[DueAction]) -> None:
        """Note that somebody is told about these accounts after the last page. They are read again then."""
        for demand in demands:
            self._has_notices = True
            if demand.account.holder is None:
                recipient, login = self._responsible(demand.account, demand.unit), demand.account.login
                self._of_others[recipient] = list(dict.fromkeys([*self._of_others[recipient], login]))

    def _tell_everybody(self, now: datetime, closures: list[DueAction]) -> Iterator[Notice]:
        """Send the notices about accounts, person after person, and collect the accounts of those who have none."""
        if not self._has_notices:
            return
        some: list[Account] = []
        for accounts in self._by_recipient(now):
            some += accounts
            if len(some) >= PAGE:
                yield from self._tell_some(some, now, closures)
                some = []
        yield from self._tell_some(some, now, closures)

    def _by_recipient(self, now: datetime) -> Iterator[list[Account]]:
        """Yield all due accounts about which the same person may be told."""
        for holder, held in groupby(self.agenda.schedule.due_by_holder(now), key=lambda account: account.holder):
            others = self.agenda.accounts.get_many(self._of_others.pop(holder, ()))
            yield [*(account for account in held if account.login not in self._told_with_page), *others.values()]
        for logins in self._of_others.values():
            yield list(self.agenda.accounts.get_many(logins).values())
        self._of_others.clear()

    def _tell_some(self, accounts: Sequence[Account], now: datetime, closures: list[DueAction]) -> Iterator[Notice]:
        if self.is_stopped or not accounts:
            return
        checked = Lease.of(self.notifier.good_for)
        yield from self._tell_of(self._to_tell(accounts, now), closures, checked)

    def _tell_of(
        self, told: Sequence[tuple[DueAction, Sequence[Deadline]]], closures: list[DueAction], checked: Lease
    ) -> Iterator[Notice]:
        """Send the notices about these deadlines of due actions, and collect the accounts of those who get none."""
        notices = [notice for demand, deadlines in told for notice in self._notices(demand, deadlines)]
        based_on = {demand.account.login: demand.basis for demand, _ in told}
        last_calls = {demand.account.login: demand for demand, _ in told if demand.closure and demand.warnings}
        unreachable = set()
        for notice in self._trying(self._told(notices, based_on, checked)):
            if notice.error is not None and notice.tried and not isinstance(notice.error, UnknownOutcomeError):
                unreachable.add(notice.login)
            if notice.login not in last_calls.keys() & unreachable:  # for these, the closure is reported
                yield notice
        closures += [last_calls[login] for login in last_calls.keys() & unreachable]
        self.plan_ahead(based_on)

    def _to_tell(self, accounts: Sequence[Account], now: datetime) -> list[tuple[DueAction, Sequence[Deadline]]]:
        """Return the due actions of which people are told, each with the deadlines."""
        waiting, found = self._waiting(accounts), list[tuple[DueAction, Sequence[Deadline]]]()
        for demand in self.demands(accounts, now)[0]:
            login = demand.account.login
            deadlines = list(demand.duties if login not in waiting else ())
            if _is_stuck_in_renewal(waiting.get(login)) or (login not in waiting and login not in self._in_other_hands):
                deadlines += demand.warnings
            if deadlines:
                found.append((demand, deadlines))
        return found

    def _notices(self, demand: DueAction, deadlines: Iterable[Deadline]) -> Iterator[Notice]:
        login, recipient = demand.account.login, self._responsible(demand.account, demand.unit)
        for deadline in deadlines:
            if self._is_urgent(demand) or not self._is_postponed(deadline):
                yield Notice(subject=login, login=login, deadline=deadline, recipient=recipient)

    def _is_urgent(self, demand: DueAction) -> bool:
        """Whether an account is closed before the quiet hours end. A closure that is overdue waits for the warning."""
        until = self._quiet_until()
        return bool(until and demand.closes_at and self._now() < demand.closes_at < until)

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
            *(self._met(login, due[login], login=login) for login in sorted(answered)),
        )
        yield from different
        yield from (answer for answer in unanswered if not answer.is_left_out)

    def _unexplained(self, found: Sequence[VerifiedAccount], since: datetime) -> Sequence[VerifiedAccount]:
        """Return what differs, without the accounts that an operation was changing meanwhile."""
        different = [answer for answer in found if answer.difference]
        changing = self.agenda.last_seen.at_work([answer.login for answer in different], since)
        return [answer for answer in different if answer.login not in changing]

    def _close(self, demands: Sequence[DueAction]) -> Iterator[Swept]:
        """Close or delete in one run, so that a mass change is detected before the first closure.

        The held run of an earlier sweep still waits, and doesn't hold the rest.
        """
        unended = self.agenda.operations.unended([demand.account.login for demand in demands])
        held = {login: one for login, one in unended.items() if one.state is OperationState.STAGED}
        yield from held.values()
        due = {
            demand.account.login: (demand, demand.closure)
            for demand in demands
            if demand.closure and demand.account.login not in held
        }
        yield from self._change(due)

    def _waiting(self, accounts: Sequence[Account]) -> Mapping[str, Operation]:
        """Return the operations that must not be changed now, by login.

        Held operations of a sweep are not among them: a rotation that succeeds now makes the closure unnecessary.
        """
        now, unended = self._now(), self.agenda.operations.unended([account.login for account in accounts])
        return {
            login: one
            for login, one in unended.items()
            if (one.state is OperationState.STAGED and not one.actor.startswith(POLICY_ACTOR))
            or (one.next_try_at and one.next_try_at > now)
        }

    def _told(
        self, notices: Sequence[Notice], based_on: Mapping[str, int], checked: Lease | None = None
    ) -> Iterator[Notice]:
        """Send notices.

        Args:

            notices: The notices.

            based_on: What the notices about an account are based on, by its login.

            checked: A lease that starts when the accounts were read; ``None`` to read them now.
        """
        if notices and not self.is_stopped:
            purpose = Purpose(met=self._met_by, still_due=lambda some: self._still_due(some, based_on))
            yield from self.notifier.tell(notices, purpose, checked=checked)

    def _still_due(self, notices: Sequence[Notice], based_on: Mapping[str, int]) -> list[Notice]:
        """Return the notices that were neither sent nor made unnecessary since the accounts were read."""
        marks = self.agenda.marks.get_many({notice.subject for notice in notices})
        accounts = self.agenda.accounts.get_many({notice.login for notice in notices if notice.login})
        units = self.agenda.units.get_many({account.unit for account in accounts.values()})
        due = {}
        for login, account in accounts.items():
            unit, met = units[account.unit], marks.get(login, ())
            if basis(account, unit, met) != based_on.get(login):
                due[login] = self.policy.deadlines(account, unit, met)
        return [
            notice
            for notice in notices
            if (
                notice.deadline in due.get(notice.login, (notice.deadline,))
                if notice.login in accounts
                else self.policy.unmet([notice.deadline], marks.get(notice.subject, ()))
            )
        ]

    def _met_by(self, notice: Notice) -> DeadlineMet:
        return self._met(notice.subject, notice.deadline, login=notice.login, reference=notice.reference)

    def _responsible(self, account: Account, unit: Unit) -> str | None:
        """Return the holder of the account, or the custodian of the nearest unit above that has one."""
        above: Unit | None = unit
        while account.holder is None and above and above.custodian is None:
            above = self.agenda.units.get_many([above.parent]).get(above.parent) if above.parent else None
        return account.holder or (above.custodian if above else None)

    def _change(self, changes: Changes) -> Iterator[Operation | Refusal]:
        """Carry out the actions of these deadlines in one run."""
        run = PolicyRun(engine=self.engine, changes=changes)
        for outcome in run.carry_out():
            if isinstance(outcome, Unchanged):
                self._meet(outcome.login, changes[outcome.login][1], login=outcome.login)
                continue
            if isinstance(outcome, Operation) and outcome.state is OperationState.DONE:
                self._meet(outcome.login, changes[outcome.login][1], login=outcome.login, operation_id=outcome.id)
            yield outcome

    def _meet(self, subject: str, deadline: Deadline, *, login: str, operation_id: str = "") -> None:
        self.engine.context.record(self._met(subject, deadline, login=login, operation_id=operation_id))

    def _met(
        self, subject: str, deadline: Deadline, *, login: str, operation_id: str = "", reference: str | None = None
    ) -> DeadlineMet:
        return DeadlineMet(
            at=self._now(),
            actor=f"{POLICY_ACTOR}{deadline.rule_set}",
            login=login,
            operation_id=operation_id,
            subject=subject,
            deadline=deadline,
            reference=reference,
        )

    def plan_ahead(self, logins: Iterable[str]) -> None:
        """Store the current next deadlines of accounts."""
        if known := self.agenda.accounts.get_many(logins):
            self.agenda.schedule.save(self._rescheduled(list(known.values())))

    def _rescheduled(self, accounts: Sequence[Account]) -> list[Account]:
        """Return the accounts whose deadlines have changed, with the new ones."""
        units = self.agenda.units.get_many({account.unit for account in accounts})
        marks = self.agenda.marks.get_many([account.login for account in accounts])
        moved = []
        for account in accounts:
            planned = self.policy.planned(account, units[account.unit], marks.get(account.login, ()))
            if planned != account:
                moved.append(planned)
        return moved

    def _left(self) -> Iterator[Operation]:
        for operation in self.engine.iter_resume():
            self._driven_on.add(operation.id)
            yield operation

    def _trying(self, work: Iterator[SweptT]) -> Iterator[SweptT]:
        """Continue the sweep if this part of it fails, unless the store fails."""
        try:
            yield from work
        except StoreError:
            raise
        except Exception as error:
            self._failures.append(error)


def _difference_found(verified: VerifiedAccount, deadline: Deadline, at: datetime) -> DifferenceFound:
    return DifferenceFound(
        at=at,
        actor=f"{POLICY_ACTOR}{deadline.rule_set}",
        login=verified.login,
        target=verified.target,
        difference=cast("Difference", verified.difference).kind,
    )


def _is_stuck_in_renewal(operation: Operation | None) -> bool:
    """Whether the rotation of an account has stopped. That is no renewal, and doesn't postpone a closure."""
    return operation is not None and operation.state is OperationState.INCOMPLETE and KINDS[operation.kind].renews


def _is_renewed(operation: Operation) -> bool:
    """Whether the new password is delivered, also if sessions are left to end."""
    return operation.state is OperationState.DONE or only_sessions_left(operation)


def _is_in_other_hands(operation: Operation) -> bool:
    """Whether another process was faster, and may have renewed the password."""
    return operation.error is not None and operation.error.name in _FASTER


def _each_once(accounts: Iterator[Account]) -> Iterator[Account]:
    """Yield each account once, even if its new deadline is due as well: the next sweep handles that."""
    seen: set[str] = set()
    for account in accounts:
        if account.login not in seen:
            seen.add(account.login)
            yield account


def _pages(items: Iterator[ItemT], size: int, further: int | None = None) -> Iterator[list[ItemT]]:
    """Yield items in pages. Those after the first one may have another size."""
    while page := list(islice(items, size)):
        yield page
        size = further or size
