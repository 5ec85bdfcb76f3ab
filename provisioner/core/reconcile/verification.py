"""Verifies single accounts: compares what their targets show with what they should be. Nothing is changed there."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

import attrs

from provisioner.core.api.errors import CircuitOpenError, TargetError, step_error
from provisioner.core.api.messages import Presence, ProbeAccount
from provisioner.core.engine.desired import DesiredState
from provisioner.core.engine.people import People
from provisioner.core.gateways.gateway import PROBE, Target
from provisioner.core.gateways.retrying import Retry
from provisioner.core.model import Account, StepError
from provisioner.core.reconcile.differences import Difference
from provisioner.core.reconcile.expectations import Expectation, Expectations
from provisioner.core.reconcile.ports import Inventory, LastAnswer, LastSeen


@attrs.frozen(kw_only=True)
class VerifiedAccount:
    """What one target showed of one account."""

    login: str
    target: str
    #: Whether the account is there; ``None`` if the target could not answer.
    presence: Presence | None = None
    #: How many sessions are open there; ``None`` if the target was not asked for them, or could not answer.
    sessions: int | None = None
    #: The names with which it can log in, as the target stores them.
    spellings: tuple[str, ...] = ()
    difference: Difference | None = None
    #: Why the target could not answer.
    error: StepError | None = None
    #: Whether it was not asked, because its circuit is open or it is in maintenance.
    is_left_out: bool = False


@attrs.frozen(kw_only=True)
class Verifier:
    """Verifies single accounts.

    Args:

        targets: The targets.

        inventory: The stored data.

        desired: Determines on which targets accounts belong.

        people: Looks up the holders.

        retry: Repeats probes that failed.

        now: The clock.
    """

    targets: Collection[Target]
    inventory: Inventory
    desired: DesiredState
    people: People
    retry: Retry
    now: Callable[[], datetime]

    def verify(
        self, accounts: Sequence[Account], *, due_since: Mapping[str, datetime] | None = None
    ) -> Iterator[VerifiedAccount]:
        """Verify accounts on every target on which they belong, or have been.

        Args:

            accounts: The accounts.

            due_since: Since when the verification is due, by login. A target that has answered since then is not asked.

        Yields:

            What each target showed of each account.

        Raises:

            StoreError: The store failed.
        """
        for target in self.targets:
            if PROBE in target.hooks:
                due = self._due(target, accounts, due_since or {})
                yield from self._noted(
                    target, [self._verified(target, expectation) for expectation in self._expected(target, due)]
                )

    def _due(self, target: Target, accounts: Sequence[Account], since: Mapping[str, datetime]) -> Sequence[Account]:
        now, answered = self.now(), self.inventory.verifications.times(target.name, since)
        current = {login for login, at in answered.items() if since[login] <= at <= now}
        return [account for account in accounts if account.login not in current]

    def _expected(self, target: Target, accounts: Iterable[Account]) -> Sequence[Expectation]:
        expectations = Expectations(target=target, inventory=self.inventory, desired=self.desired, people=self.people)
        concerned = [
            expectation
            for expectation in expectations.of(accounts).values()
            if expectation.belongs or expectation.known
        ]
        if concerned and "target_check" in target.hooks:
            with suppress(TargetError):  # its probes tell it, for each account
                target.check()
        return concerned

    def _verified(self, target: Target, expectation: Expectation) -> VerifiedAccount:
        login = expectation.account.login
        planned = expectation.planned() if target.foresees and expectation.is_describable else None
        probe = ProbeAccount(account=expectation.account, planned=planned)
        try:
            report = self.retry.call(lambda _: target.probe(probe))
        except TargetError as error:
            is_left_out = isinstance(error, CircuitOpenError)
            return VerifiedAccount(login=login, target=target.name, error=step_error(error), is_left_out=is_left_out)
        difference = expectation.of_report(report)
        return VerifiedAccount(
            login=login,
            target=target.name,
            presence=report.presence,
            spellings=report.spellings,
            difference=difference,
        )

    def _noted(self, target: Target, verified: Sequence[VerifiedAccount]) -> Sequence[VerifiedAccount]:
        """Store what the target has answered."""
        at, run = self.now(), str(uuid.uuid4())
        answered = [answer for answer in verified if answer.error is None]
        there = [
            LastSeen(login=answer.login, at=at, run=run)
            for answer in answered
            if answer.presence is not Presence.ABSENT
        ]
        self.inventory.last_seen.note(target.name, there)
        self.inventory.verifications.note(target.name, [_answer(answer, at) for answer in answered])
        return verified


def _answer(verified: VerifiedAccount, at: datetime) -> LastAnswer:
    difference = verified.difference.kind if verified.difference else None
    return LastAnswer(login=verified.login, at=at, difference=difference)
