"""Looks at single accounts on their targets now, and compares them with what they should be."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress

import attrs

from provisioner.core.api.errors import TargetError, step_error
from provisioner.core.api.messages import Presence, ProbeAccount
from provisioner.core.engine.desired import DesiredState
from provisioner.core.engine.people import People
from provisioner.core.gateways.gateway import PROBE, Target
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.gateways.retrying import Retry
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.roles import Role
from provisioner.core.model import Account, StepError
from provisioner.core.reconcile.differences import Difference
from provisioner.core.reconcile.expectations import Expectation, Expectations
from provisioner.core.reconcile.ports import LastSeen
from provisioner.services.parts import Clock
from provisioner.store import Store


@attrs.frozen(kw_only=True)
class VerifiedAccount:
    """What one target showed of one account."""

    login: str
    target: str
    #: Whether the account is there; ``None`` if the target could not answer.
    presence: Presence | None = None
    difference: Difference | None = None
    #: Why the target could not answer.
    error: StepError | None = None


@attrs.frozen(kw_only=True)
class AccountVerification:
    """Looks at single accounts.

    Args:

        plugins: The targets.

        store: The stored data.

        authority: Decides who may do it.

        desired: Determines on which targets accounts belong.

        people: Looks up the holders.

        retry: Repeats probes that failed.

        now: The clock.
    """

    plugins: Plugins
    store: Store
    authority: Authority
    desired: DesiredState
    people: People
    retry: Retry
    now: Clock

    def verify(self, accounts: Iterable[Account], *, actor: str) -> Iterator[VerifiedAccount]:
        """Look at accounts on every target on which they belong, or have been. Nothing is changed on the targets.

        Args:

            accounts: The accounts.

            actor: Who asks.

        Yields:

            What each target showed of each account.

        Raises:

            DeniedError: The actor is neither an administrator nor an officer of the unit of each account.

            StoreError: The store failed.
        """
        wanted = list(accounts)
        for account in wanted:
            self.authority.require(actor, {Role.OFFICER}, account.unit)
        return self._verify(wanted)

    def _verify(self, accounts: list[Account]) -> Iterator[VerifiedAccount]:
        for target in self.plugins.targets.values():
            if PROBE not in target.hooks:
                continue
            expectations = Expectations(target=target, inventory=self.store, desired=self.desired, people=self.people)
            expected = expectations.of(accounts)
            concerned = [one for one in expected.values() if one.belongs or one.known]
            if concerned and "target_check" in target.hooks:
                with suppress(TargetError):  # its probes tell it, for each account
                    target.check()
            for expectation in concerned:
                yield self._verified(target, expectation)

    def _verified(self, target: Target, expectation: Expectation) -> VerifiedAccount:
        login = expectation.account.login
        planned = expectation.planned() if target.foresees and expectation.is_describable else None
        probe = ProbeAccount(account=expectation.account, planned=planned)
        try:
            report = self.retry.call(lambda _: target.probe(probe))
        except TargetError as error:
            return VerifiedAccount(login=login, target=target.name, error=step_error(error))
        if report.presence is not Presence.ABSENT:
            self.store.last_seen.note(target.name, [LastSeen(login=login, at=self.now(), run=str(uuid.uuid4()))])
        difference = expectation.of_report(report)
        return VerifiedAccount(login=login, target=target.name, presence=report.presence, difference=difference)
