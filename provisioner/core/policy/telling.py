"""Who is told in a sweep, and when.

A person gets one message about all due accounts. Who is told of one account only is told with its page, and the others
after the last page, when all their due accounts are known: the groups of persons are whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter

import attrs

from provisioner.core.api.errors import UnknownOutcomeError
from provisioner.core.api.events import DeadlineMet
from provisioner.core.api.fencing import Lease
from provisioner.core.api.rules import Action, Deadline
from provisioner.core.model import Account, Unit
from provisioner.core.policy.due import DueAction, basis, met
from provisioner.core.policy.failures import Failures
from provisioner.core.policy.notice_messages import Notice
from provisioner.core.policy.notifier import Notifier, Purpose
from provisioner.core.policy.outlook import Outlook, is_stuck_in_renewal
from provisioner.core.policy.quiet_hours import QuietHours

#: The number of accounts about which people are told together; more, if the last person is told of several.
PAGE = 500


@attrs.frozen(kw_only=True)
class Postponed:
    """Notices that the next sweep after the quiet hours sends."""

    count: int
    #: When the quiet hours end.
    until: datetime


@attrs.define(eq=False, kw_only=True)
class Telling:
    """The notices of one sweep.

    Args:

        outlook: Determines what is due.

        notifier: Sends the notices.

        quiet_hours: When no warnings and reminders are sent; ``None`` if they always are.

        is_stopped: Whether the program was stopped, so that the next sweep has to do the rest.

        failures: Takes the errors at sending.
    """

    outlook: Outlook
    notifier: Notifier
    quiet_hours: QuietHours | None
    is_stopped: Callable[[], bool]
    failures: Failures
    #: The logins of accounts that another process is renewing. Their holders are not warned.
    in_other_hands: set[str] = attrs.field(factory=set, init=False)
    #: The notices that wait for the end of the quiet hours.
    postponed: Postponed | None = attrs.field(default=None, init=False)
    #: Whether somebody is told about accounts after the last page.
    _has_notices: bool = attrs.field(default=False, init=False)
    #: The logins of accounts without a holder about which somebody else is told, by the ID of that person.
    _of_others: dict[str | None, list[str]] = attrs.field(factory=lambda: defaultdict(list), init=False)
    #: The logins of due accounts whose holders were told with a page, or couldn't be.
    _told: set[str] = attrs.field(factory=set, init=False)

    def tell(
        self, notices: Sequence[Notice], based_on: Mapping[str, int], checked: Lease | None = None
    ) -> Iterator[Notice]:
        """Send notices.

        Args:

            notices: The notices.

            based_on: What the notices about an account are based on, by its login.

            checked: A lease that starts when the accounts were read; ``None`` to read them now.
        """
        if notices and not self.is_stopped():
            purpose = Purpose(met=self._met_by, still_due=lambda some: self._still_due(some, based_on))
            yield from self.notifier.tell(notices, purpose, checked=checked)

    def find_others(self, now: datetime) -> None:
        """Find who is told of accounts that nobody holds, before anybody is told.

        Args:

            now: When the sweep began.
        """
        for accounts in self.outlook.agenda.schedule.due_without_holder(now):
            units = self.outlook.agenda.units.get_many({account.unit for account in accounts})
            for account in accounts:
                self._of_others[self._responsible(account, units[account.unit])].append(account.login)

    def told_of_nothing_else(self, demands: Iterable[DueAction], now: datetime) -> Mapping[str, DueAction]:
        """Return the due actions of which people are told who are told of no other account in this sweep, by login.

        Args:

            demands: Due actions that are carried out on no account.

            now: When the sweep began.
        """
        told = [demand for demand in demands if demand.duties or demand.warnings]
        holders = {demand.account.holder for demand in told if demand.account.holder}
        several = self.outlook.agenda.schedule.with_several(now, holders) if holders else ()
        alone = holders.difference(several, self._of_others)
        return {demand.account.login: demand for demand in told if demand.account.holder in alone}

    def tell_with_page(self, alone: Mapping[str, DueAction], closures: list[str], checked: Lease) -> Iterator[Notice]:
        """Send the notices about accounts whose holders are told of nothing else.

        Args:

            alone: The due actions, by login.

            closures: Is given the logins of the accounts to close because their holders can't be told.

            checked: A lease that starts when the accounts were read.
        """
        self._told.update(alone)
        told = [(demand, (*demand.duties, *demand.warnings)) for demand in alone.values()]
        for start in range(0, len(told), PAGE):
            yield from self._tell_of(told[start : start + PAGE], closures, checked)

    def forget(self, settled: Iterable[str]) -> None:
        """Forget who was told of accounts that are no longer due: after the last page, they aren't read again.

        Args:

            settled: The logins of these accounts.
        """
        self._told.difference_update(settled)

    def note(self) -> None:
        """Note that somebody is told about accounts after the last page. They are read again then."""
        self._has_notices = True

    def tell_everybody(self, now: datetime, closures: list[str]) -> Iterator[Notice]:
        """Send the other notices about accounts, person after person.

        Args:

            now: When the sweep began.

            closures: Is given the logins of the accounts to close because their holders can't be told.
        """
        if not self._has_notices:
            return
        some: list[str] = []
        for logins in self._by_recipient(now):
            some += logins
            if len(some) >= PAGE:
                yield from self._tell_some(some, now, closures)
                some = []
        yield from self._tell_some(some, now, closures)

    def is_postponed(self, deadline: Deadline) -> bool:
        """Whether one more notice waits for the end of the quiet hours; counts it.

        One that was due before the last day doesn't: if sweeps run at night only, it would wait for ever.
        """
        until = self._quiet_until()
        if until is None or self._has_missed_a_day(deadline):
            return False
        count = self.postponed.count + 1 if self.postponed else 1
        self.postponed = Postponed(count=count, until=until)
        return True

    def _by_recipient(self, now: datetime) -> Iterator[list[str]]:
        """Yield the logins of all due accounts about which the same person may be told."""
        for holder, held in groupby(self.outlook.agenda.schedule.due_by_holder(now), key=itemgetter(0)):
            own = (login for _, login in held if login not in self._told)
            yield [*own, *self._of_others.pop(holder, ())]
        yield from self._of_others.values()
        self._of_others.clear()

    def _tell_some(self, logins: Sequence[str], now: datetime, closures: list[str]) -> Iterator[Notice]:
        """Send the notices about these accounts, as they are now and not as they were when others were told."""
        if self.is_stopped() or not logins:
            return
        checked = Lease.of(self.notifier.good_for)
        yield from self._tell_of(self._to_tell(self.outlook.accounts(logins), now), closures, checked)

    def _tell_of(
        self, told: Sequence[tuple[DueAction, Sequence[Deadline]]], closures: list[str], checked: Lease
    ) -> Iterator[Notice]:
        """Send the notices about these deadlines of due actions, and collect the accounts of those who get none."""
        notices = [notice for demand, deadlines in told for notice in self._notices(demand, deadlines)]
        based_on = {demand.account.login: demand.basis for demand, _ in told}
        last_calls = {
            (demand.account.login, demand.closure.rule_set) for demand, _ in told if demand.closure and demand.warnings
        }
        unreachable = dict[str, None]()
        for notice in self.failures.trying(self.tell(notices, based_on, checked)):
            if _is_in_vain(notice) and (notice.login, notice.deadline.rule_set) in last_calls:
                unreachable[notice.login] = None  # the closure is reported
            else:
                yield notice
        closures += unreachable
        self.outlook.reschedule([demand.account for demand, _ in told])

    def _to_tell(self, accounts: Sequence[Account], now: datetime) -> list[tuple[DueAction, Sequence[Deadline]]]:
        """Return the due actions of which people are told, each with the deadlines."""
        waiting, found = self.outlook.waiting(accounts), list[tuple[DueAction, Sequence[Deadline]]]()
        for demand in self.outlook.demands(accounts, now)[0]:
            login = demand.account.login
            deadlines = list(demand.duties if login not in waiting else ())
            if is_stuck_in_renewal(waiting.get(login)) or (login not in waiting and login not in self.in_other_hands):
                deadlines += demand.warnings
            if deadlines:
                found.append((demand, deadlines))
        return found

    def _notices(self, demand: DueAction, deadlines: Iterable[Deadline]) -> Iterator[Notice]:
        login, recipient = demand.account.login, self._responsible(demand.account, demand.unit)
        for deadline in deadlines:
            if self._is_urgent(demand) or not self.is_postponed(deadline):
                yield Notice(subject=login, login=login, deadline=deadline, recipient=recipient)

    def _is_urgent(self, demand: DueAction) -> bool:
        """Whether an account is closed before the quiet hours end. A closure that is overdue waits for the warning."""
        until = self._quiet_until()
        return bool(until and demand.closes_at and self.outlook.now() < demand.closes_at < until)

    def _quiet_until(self) -> datetime | None:
        """Return when the quiet hours end; ``None`` if there are none now."""
        zone = self.outlook.policy.time_zone
        return self.quiet_hours.until(self.outlook.now(), zone) if self.quiet_hours else None

    def _has_missed_a_day(self, deadline: Deadline) -> bool:
        hours, zone = self.quiet_hours, self.outlook.policy.time_zone
        return hours is not None and deadline.at <= hours.ended_before(self.outlook.now(), zone)

    def _still_due(self, notices: Sequence[Notice], based_on: Mapping[str, int]) -> list[Notice]:
        """Return the notices that were neither sent nor made unnecessary since the accounts were read."""
        agenda, policy = self.outlook.agenda, self.outlook.policy
        marks = agenda.marks.get_many({notice.subject for notice in notices})
        accounts = agenda.accounts.get_many({notice.login for notice in notices if notice.login})
        units = agenda.units.get_many({account.unit for account in accounts.values()})
        due = {}
        for login, account in accounts.items():
            unit, known = units[account.unit], marks.get(login, ())
            if basis(account, unit, known) != based_on.get(login):
                due[login] = policy.deadlines(account, unit, known)
        return [
            notice
            for notice in notices
            if (
                notice.deadline in due.get(notice.login, (notice.deadline,))
                if notice.login in accounts
                else policy.unmet([notice.deadline], marks.get(notice.subject, ()))
            )
        ]

    def _met_by(self, notice: Notice) -> DeadlineMet:
        return met(
            notice.deadline, notice.subject, at=self.outlook.now(), login=notice.login, reference=notice.reference
        )

    def _responsible(self, account: Account, unit: Unit) -> str | None:
        """Return the holder of the account, or the custodian of the nearest unit above that has one."""
        above: Unit | None = unit
        while account.holder is None and above and above.custodian is None:
            above = self.outlook.agenda.units.get_many([above.parent]).get(above.parent) if above.parent else None
        return account.holder or (above.custodian if above else None)


def _is_in_vain(notice: Notice) -> bool:
    """Whether a warning was tried, and certainly did not arrive."""
    is_failed = notice.error is not None and notice.tried and not isinstance(notice.error, UnknownOutcomeError)
    return is_failed and notice.deadline.action is Action.WARN
