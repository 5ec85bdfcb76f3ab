"""Builds plans: turns what is wanted of accounts into operations, or into the reasons why there are none."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

import attrs

from provisioner.core.api.errors import InputError, Problem
from provisioner.core.api.kinds import KINDS
from provisioner.core.engine.authorization import Authorization
from provisioner.core.engine.intents import (
    Intent,
    Place,
    concerned,
    impossible,
    is_changing,
    is_under_way,
    nobody_to_receive,
    not_looked_up,
    of_removed_unit,
    unanswered,
    unended_before,
    without_recipient,
)
from provisioner.core.engine.people import LookUp, People
from provisioner.core.engine.placing import Placing
from provisioner.core.engine.plan import Initiator, Plan, PlannedOperation, Refused, Unchanged
from provisioner.core.engine.ports import Records
from provisioner.core.model import Account, AccountState, Operation
from provisioner.core.model.text import Text


@attrs.frozen(kw_only=True)
class PlanBuilder:
    """Builds plans. It reads, and changes nothing.

    Args:

        records: The stored data.

        people: Looks up persons.

        placing: Determines where operations change accounts.

        authorization: Makes sure that the actor may do what is planned.

        now: The clock.
    """

    records: Records
    people: People
    placing: Placing
    authorization: Authorization
    now: Callable[[], datetime]

    def plan(
        self, intents: Sequence[Intent], problems: list[Problem], *, already: AccountState | None, initiator: Initiator
    ) -> Plan:
        """Plan what was requested of some accounts.

        Args:

            intents: What is wanted, at most one for each account.

            problems: What was found wrong with the input.

            already: The state in which an account needs nothing; ``None`` if each needs something.

            initiator: Who requests it, and why.

        Raises:

            InputError: There are problems, or a receiver is unknown.

            NotAuthorizedError: The actor may not do it.

            TargetError: The personnel system as a whole can't be used.
        """
        unended = self.records.operations.unended([intent.account.login for intent in intents])
        settled = [intent.account.login for intent in intents if intent.account.state is already]
        left_open = self.placing.left_open(settled) if already is AccountState.CLOSED else set()
        idle = {login for login in settled if login not in left_open and not is_changing(unended.get(login))}
        intents = self.placing.place(intents)
        idle |= {intent.account.login for intent in intents if not intent.place.targets}
        active = [(intent, unended.get(intent.account.login)) for intent in intents if intent.account.login not in idle]
        people = self._people(active)
        planned = [self._intended(intent, stuck, people, problems, initiator) for intent, stuck in active]
        self.authorization.require([intent for intent, _ in active], initiator)
        if problems:  # they name persons, so they come after the denials
            raise InputError(problems)
        return Plan(
            work=self._marked(item for item in planned if isinstance(item, PlannedOperation)),
            unchanged=tuple(
                unchanged_account(intent.account, intent.place) for intent in intents if intent.account.login in idle
            ),
            refused=tuple(item for item in planned if isinstance(item, Refused)),
        )

    def plan_handover(
        self, intent: Intent, stuck: Operation | None, problems: list[Problem], initiator: Initiator
    ) -> Plan:
        """Plan one handover.

        Args:

            intent: The handover.

            stuck: The unfinished operation of the account.

            problems: What was found wrong with the input.

            initiator: Who requests it, and why.

        Raises:

            InputError: There are problems, or the receiver is unknown.

            NotAuthorizedError: The actor may not do it.

            TargetError: The personnel system as a whole can't be used.
        """
        # First, because other problems may depend on who holds it, and who is known.
        self.authorization.require([intent], initiator)
        [intent] = self.placing.place([intent])
        work = self._intended(intent, stuck, self._people([(intent, stuck)]), problems, initiator)
        if problems:
            raise InputError(problems)
        if not intent.place.targets:
            return Plan(unchanged=(unchanged_account(intent.account, intent.place),))
        return Plan(refused=(work,)) if isinstance(work, Refused) else Plan(work=self._marked([work]))

    def _people(self, intents: Sequence[tuple[Intent, Operation | None]]) -> LookUp:
        """Look up all who receive or hand over an account. An error for one doesn't affect the others.

        Raises:

            TargetError: The personnel system as a whole can't be used.
        """
        found = self.people.look_up(concerned(intents))
        found.raise_for_all()
        return found

    def _intended(
        self,
        intent: Intent,
        stuck: Operation | None,
        people: LookUp,
        problems: list[Problem],
        initiator: Initiator,
    ) -> PlannedOperation | Refused:
        """Return the planned operation, or why there is none for this account. Adds problems of the input to
        *problems*.
        """
        if missing := self.placing.lacks(intent.kind, intent.place):
            return impossible(intent, missing)
        if intent.unit.removed_at and KINDS[intent.kind].delivers:
            return of_removed_unit(intent.unit, intent.account.login)
        operation = self._operation(intent, stuck, initiator)
        mine = operation is stuck
        if stuck and not mine and is_under_way(stuck) and not intent.supersedes(stuck):
            return unended_before(stuck)
        if error := unanswered(operation, people):
            return not_looked_up(operation, error)
        if problem := without_recipient(operation, intent.unit, people):
            if mine or not intent.names_holder:
                return nobody_to_receive(operation, stuck if mine else None)
            problems.append(problem)
        work = intent.planned(operation, people)
        return attrs.evolve(work, recorded=mine, superseded=None if mine else stuck) if stuck else work

    def _marked(self, work: Iterable[PlannedOperation]) -> tuple[PlannedOperation, ...]:
        work = list(work)
        marks = self.records.marks.get_many([item.account.login for item in work])
        return tuple(
            attrs.evolve(item, marks=tuple(met)) if (met := marks.get(item.account.login)) else item for item in work
        )

    def _operation(self, intent: Intent, stuck: Operation | None, initiator: Initiator) -> Operation:
        if stuck and intent.is_served_by(stuck):
            return stuck
        return Operation(
            id=str(uuid.uuid4()),
            kind=intent.kind,
            login=intent.account.login,
            actor=initiator.actor,
            reason=initiator.reason,
            request=initiator.request,
            created_at=self.now(),
            holder=intent.recipient,
            outgoing=intent.outgoing,
            steps=self.placing.steps(intent.kind, intent.place),
        )


def unchanged_account(account: Account, place: Place | None = None) -> Unchanged:
    """Return that an account needs no change, and why.

    Args:

        account: The account.

        place: Where it would be changed.
    """
    if place and not place.targets:
        return Unchanged(login=account.login, reason=Text("there is no target on which to do it"))
    return Unchanged(login=account.login, reason=Text("it is {state} already", {"state": account.state.value}))
