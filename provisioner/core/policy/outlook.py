"""The due actions and the next deadlines of accounts, as the rules and the stored data say."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import attrs

from provisioner.core.api.kinds import KINDS
from provisioner.core.engine.plan import POLICY_ACTOR
from provisioner.core.model import Account, Operation, OperationState
from provisioner.core.policy.due import DueAction
from provisioner.core.policy.evaluation import RuleFailure
from provisioner.core.policy.policy import Policy
from provisioner.core.policy.ports import Agenda


@attrs.frozen(kw_only=True)
class Outlook:
    """Determines what is due, and when something is due next.

    Args:

        agenda: The stored deadlines and the other stored data.

        policy: The rules.

        now: The clock.
    """

    agenda: Agenda
    policy: Policy
    now: Callable[[], datetime]

    def accounts(self, logins: Sequence[str]) -> list[Account]:
        """Return the accounts with these logins as they are now, in this order."""
        known = self.agenda.accounts.get_many(logins)
        return [known[login] for login in logins if login in known]

    def demands(
        self, accounts: Sequence[Account], now: datetime | None = None
    ) -> tuple[list[DueAction], list[RuleFailure]]:
        """Return the due actions on each of these accounts, and the rules that failed.

        Args:

            accounts: The accounts.

            now: When the actions are due; by default, now.
        """
        now, units = now or self.now(), self.agenda.units.get_many({account.unit for account in accounts})
        marks = self.agenda.marks.get_many([account.login for account in accounts])
        demands: list[DueAction] = []
        failures: list[RuleFailure] = []
        for account in accounts:
            unit, met = units[account.unit], marks.get(account.login, ())
            found = self.policy.evaluate(account, unit, met)
            demands.append(DueAction.at(now, account, unit, found.deadlines, met))
            failures += found.failures
        return demands, failures

    def waiting(self, accounts: Sequence[Account]) -> Mapping[str, Operation]:
        """Return the operations that must not be changed now, by login.

        Held operations of a sweep are not among them: a rotation that succeeds now makes the closure unnecessary.
        """
        now, unended = self.now(), self.agenda.operations.unended([account.login for account in accounts])
        return {
            login: one
            for login, one in unended.items()
            if (one.state is OperationState.STAGED and not one.actor.startswith(POLICY_ACTOR))
            or (one.next_try_at and one.next_try_at > now)
        }

    def plan_ahead(self, logins: Sequence[str]) -> None:
        """Store the current next deadlines of accounts."""
        self.reschedule(self.accounts(logins))

    def reschedule(self, accounts: Sequence[Account]) -> None:
        """Store the current next deadlines of these accounts, unless they were changed since they were read."""
        if accounts:
            self.agenda.schedule.save(self.rescheduled(accounts))

    def rescheduled(self, accounts: Sequence[Account]) -> list[tuple[Account, Account]]:
        """Return the accounts whose deadlines have changed, each with the same account and the new deadlines."""
        units = self.agenda.units.get_many({account.unit for account in accounts})
        marks = self.agenda.marks.get_many([account.login for account in accounts])
        planned = (
            (account, self.policy.planned(account, units[account.unit], marks.get(account.login, ())))
            for account in accounts
        )
        return [(account, moved) for account, moved in planned if moved != account]


def is_stuck_in_renewal(operation: Operation | None) -> bool:
    """Whether the rotation of an account has stopped. That is no renewal, and doesn't postpone a closure."""
    return operation is not None and operation.state is OperationState.INCOMPLETE and KINDS[operation.kind].renews
