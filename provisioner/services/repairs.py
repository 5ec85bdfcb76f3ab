"""Brings targets back to what they should be, after a comparison has shown the differences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

import attrs

from provisioner.config.heads import Join
from provisioner.core.api.errors import DeniedError
from provisioner.core.engine.plan import Initiator, Plan, Refused, Unchanged
from provisioner.core.engine.planner import Planner
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.governance.authority import Authority
from provisioner.core.model import Account, Operation
from provisioner.core.reconcile.differences import Difference
from provisioner.core.reconcile.repair import Phase, Repair, RepairPlan, plan_repairs
from provisioner.services.runs import Run, RunPreview, Runs
from provisioner.store import Store


@attrs.frozen(kw_only=True)
class Repairs:
    """Plans repairs, and carries them out.

    Args:

        plugins: The targets.

        store: The stored data.

        planner: Makes the plans.

        runs: Carries them out.

        authority: Decides who may do it.

        joins: When accounts join each target, by its name.
    """

    plugins: Plugins
    store: Store
    planner: Planner
    runs: Runs
    authority: Authority
    joins: Mapping[str, Join]

    def plan(self, differences: Iterable[Difference], *, actor: str, handover: bool = False) -> RepairPlan:
        """Return what repairs these differences.

        If a backup was restored, and ``check`` tells that the store lacks what happened last, only what takes access
        away is repaired.

        Args:

            differences: The differences, as a comparison has shown them.

            actor: Who wants it.

            handover: Whether accounts are handed over to the custodians of their units.

        Raises:

            DeniedError: The actor is not an administrator.
        """
        self.authority.require(actor, set())
        join_now = [name for name, join in self.joins.items() if join is Join.NOW]
        hooks = {name: target.hooks for name, target in self.plugins.targets.items()}
        return plan_repairs(
            differences,
            hooks=hooks,
            join_now=join_now,
            handover=handover,
            is_outdated=self.store.lost_tail() is not None,
        )

    def by_difference(self, differences: Sequence[Difference], *, viewer: str) -> Mapping[Difference, Sequence[Repair]]:
        """Return what would be repaired of these differences, for those who may repair them: nothing for others.

        Args:

            differences: The differences, as a comparison has shown them.

            viewer: Who reads it.

        Returns:

            What is done with the account of each difference that is repaired, in this order.
        """
        try:
            plan = self.plan(differences, actor=viewer)
        except DeniedError:
            return {}
        done: dict[str, list[Repair]] = {}
        for phase in plan.phases:
            for repair, logins in phase.logins.items():
                for login in logins:
                    done.setdefault(login, []).append(repair)
        left = set(plan.left)
        return {
            difference: done[difference.login]
            for difference in differences
            if difference not in left and difference.login in done
        }

    def preview(self, repairs: RepairPlan, initiator: Initiator) -> RunPreview:
        """Return what the run would do, and raise what :meth:`~provisioner.services.runs.Runs.preview` raises.

        Args:

            repairs: What to repair.

            initiator: Who would repair it, and reads the answer.
        """
        plan = Plan.joined(self._operations(phase, initiator) for phase in repairs.phases)
        return self.runs.preview(plan, viewer=initiator.actor)

    def start(self, repairs: RepairPlan, initiator: Initiator) -> Run:
        """Carry the phases out one after the other, while the run is iterated.

        The mass-change limit holds for each phase. Operations of a phase are planned when the one before has ended,
        because an account has one operation at a time.

        Args:

            repairs: What to repair. After a run that broke off, compare and plan again.

            initiator: Who repairs it, and why.

        Raises:

            ProvisionerError: While the run is iterated, what :meth:`~provisioner.services.runs.Runs.start` raises for
                a phase.
        """
        unchanged: list[Unchanged] = []
        refused: list[Refused] = []

        def operations() -> Iterator[Operation]:
            for phase in repairs.phases:
                run = self.runs.start(self._operations(phase, initiator))
                unchanged.extend(run.unchanged)
                refused.extend(run.refused)
                yield from run

        return Run(operations(), unchanged=unchanged, refused=refused)

    def _operations(self, phase: Phase, initiator: Initiator) -> Plan:
        accounts = self.store.accounts.get_many(set(chain.from_iterable(phase.logins.values())))
        return Plan.joined(
            self._plan(repair, [accounts[login] for login in logins if login in accounts], phase.receivers, initiator)
            for repair, logins in phase.logins.items()
        )

    def _plan(
        self, repair: Repair, accounts: Sequence[Account], receivers: Mapping[str, str], initiator: Initiator
    ) -> Plan:
        match repair:
            case Repair.CLOSE:
                return self.planner.close(accounts, initiator, again=True)
            case Repair.ENABLE:
                return self.planner.reopen(accounts, initiator, again=True)
            case Repair.ROTATE:
                return self.planner.rotate(accounts, initiator)
            case Repair.WITHDRAW:
                return self.planner.withdraw(accounts, initiator, again=True)
            case Repair.UPDATE:
                return self.planner.update(accounts, initiator)
            case Repair.HAND_OVER:
                return Plan.joined(
                    self.planner.hand_over(account, to=receivers[account.login], initiator=initiator)
                    for account in accounts
                )
