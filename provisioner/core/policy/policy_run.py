"""Carries out the actions of deadlines, without the accounts for which that isn't possible now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs

from provisioner.core.api.errors import InputError, NotAuthorizedError
from provisioner.core.api.kinds import KIND_OF_ACTION
from provisioner.core.api.rules import Action, Deadline
from provisioner.core.engine.engine import Engine
from provisioner.core.engine.plan import POLICY_ACTOR, Initiator, Plan, PlannedOperation, Unchanged
from provisioner.core.model import Operation, OperationKind
from provisioner.core.model.text import Text
from provisioner.core.policy.due import DueAction

#: The requested actions, by login.
Changes = Mapping[str, tuple[DueAction, Deadline]]


@attrs.frozen(kw_only=True)
class Refusal:
    """A due action that can't be done at present."""

    login: str
    deadline: Deadline
    reason: Text
    #: The ID of the account's holder.
    holder: str | None = None


@attrs.frozen(kw_only=True)
class PolicyRun:
    """One run for many deadlines. A problem with one account doesn't stop the others.

    Args:

        engine: Carries out the plan of its planner.

        changes: The requested actions.

        undelivered: The IDs of the messages that were not delivered, and whose passwords are replaced, by login.
    """

    engine: Engine
    changes: Changes
    undelivered: Mapping[str, str] = attrs.field(factory=dict)

    def carry_out(self) -> Iterator[Operation | Refusal | Unchanged]:
        """Plan everything, then carry it out as one run. Yields the result for each account.

        Raises:

            NotReadyError: Targets or channels can't be used now. Nothing was changed.

            TargetError: The personnel system can't be used. Nothing was changed.

            StoreError: The store can't be read or written.
        """
        work: list[PlannedOperation] = []
        for (action, initiator), demands in self._by_initiator().items():
            plan, refused = self._planned(KIND_OF_ACTION[action], demands, initiator)
            work += [attrs.evolve(item, undelivered=self.undelivered.get(item.account.login)) for item in plan.work]
            yield from plan.unchanged
            yield from self._refusals(refused)
        yield from self._applied(work)

    def _by_initiator(self) -> Mapping[tuple[Action, Initiator], Sequence[DueAction]]:
        groups: dict[tuple[Action, Initiator], list[DueAction]] = defaultdict(list)
        for demand, deadline in self.changes.values():
            actor = f"{POLICY_ACTOR}{deadline.rule_set}"
            groups[deadline.action, Initiator(actor=actor, reason=deadline.source, by_policy=True)].append(demand)
        return groups

    def _planned(
        self, kind: OperationKind, demands: Sequence[DueAction], initiator: Initiator
    ) -> tuple[Plan, Mapping[str, Text]]:
        """Plan a change. Return the plan, and for the other accounts why they can't be planned, by login."""
        refused: dict[str, Text] = {}
        while left := [demand.account for demand in demands if demand.account.login not in refused]:
            try:
                plan = self.engine.planner.plan(kind, left, initiator)
                return plan, refused | {refusal.login: refusal.reason for refusal in plan.refused}
            except (InputError, NotAuthorizedError) as error:
                more = _refused(demands, error)
                if not more:
                    raise
                refused |= more
        return Plan(), refused

    def _applied(self, work: Sequence[PlannedOperation]) -> Iterator[Operation | Refusal]:
        """Carry out a plan, without the accounts of people who can't be reached."""
        while work and not self.engine.context.retry.stop.is_set():
            try:
                operations = self.engine.iter_apply(Plan(work=tuple(work)))
            except InputError as error:
                reasons = {problem.subject: problem.message for problem in error.problems}
                beyond = {
                    planned.account.login: reasons[planned.holder.id]
                    for planned in work
                    if planned.holder and planned.holder.id in reasons
                }
                if not beyond:
                    raise
                yield from self._refusals(beyond)
                work = [planned for planned in work if planned.account.login not in beyond]
            else:
                yield from operations
                return

    def _refusals(self, reasons: Mapping[str, Text]) -> Iterator[Refusal]:
        for login, reason in reasons.items():
            demand, deadline = self.changes[login]
            yield Refusal(login=login, deadline=deadline, reason=reason, holder=demand.account.holder)


def _refused(demands: Iterable[DueAction], error: InputError | NotAuthorizedError) -> dict[str, Text]:
    """Return why something can't be done, by the login of the account."""
    if isinstance(error, NotAuthorizedError):
        reasons = {denial.login: denial.denial.reason for denial in error.denials}
    else:
        reasons = {problem.subject or "": problem.message for problem in error.problems}
    logins = (demand.account.login for demand in demands)
    return {login: reasons[login] for login in logins if login in reasons}
