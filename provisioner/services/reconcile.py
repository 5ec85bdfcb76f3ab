"""Compares what is known of accounts with what is really on the targets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, islice

import attrs

from provisioner.core.api.errors import OmittedError, StoppedError, TargetError, step_error
from provisioner.core.engine.desired import DesiredState
from provisioner.core.engine.people import People
from provisioner.core.engine.ports import Recorder
from provisioner.core.gateways.gateway import Target
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.gateways.retrying import Retry
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.privacy import Privacy
from provisioner.core.governance.roles import Role
from provisioner.core.model import StepError
from provisioner.core.model.differences import DifferenceKind
from provisioner.core.reconcile.comparison import Comparison
from provisioner.core.reconcile.differences import Difference, TargetCompared
from provisioner.core.reconcile.expectations import Expectations
from provisioner.core.reconcile.history import PastComparison
from provisioner.services.last_seen import not_seen
from provisioner.services.parts import Clock, chosen_targets
from provisioner.services.reconcile_report import TREND, ComparisonReport, ReportMaker
from provisioner.services.units import codes_under, known_units
from provisioner.store import Store

#: How many accounts are read together.
_BATCH = 100


@attrs.frozen(kw_only=True)
class ComparedTarget:
    """How the comparison of one target ended."""

    name: str
    #: The number of accounts that it listed.
    listed: int = 0
    #: The number of differences, by kind.
    differences: Mapping[DifferenceKind, int] = attrs.field(factory=dict)
    #: Why it was not compared, or not completely; ``None`` if it was.
    error: StepError | None = None
    #: Whether the configuration says that it can't list its accounts.
    is_omitted: bool = False

    @property
    def total(self) -> int:
        """The number of differences."""
        return sum(self.differences.values())

    @property
    def is_clean(self) -> bool:
        """Whether nothing is left to do for a person."""
        return not self.differences and (self.error is None or self.is_omitted)


@attrs.frozen(kw_only=True)
class ComparisonResult:
    """What a comparison found."""

    differences: Sequence[Difference]
    targets: Sequence[ComparedTarget]


@attrs.frozen(kw_only=True)
class Reconcile:
    """Compares targets with the journal.

    Args:

        plugins: The targets.

        store: The stored data.

        authority: Tells who may read it.

        desired: Determines on which targets accounts belong.

        people: Knows the names of holders.

        retry: Repeats probes that failed.

        record: Writes events into the audit log, and tells the observers.

        now: The clock.
    """

    plugins: Plugins
    store: Store
    authority: Authority
    desired: DesiredState
    people: People
    retry: Retry
    record: Recorder
    now: Clock

    def compare(
        self, *, actor: str, target: str | None = None, unit: str | None = None
    ) -> Iterator[Difference | ComparedTarget]:
        """Compare targets one after the other. On the targets, nothing is changed.

        Args:

            actor: Who asks.

            target: The only target to compare; all by default.

            unit: The code of a unit: only differences of its accounts and of those below it. Unknown accounts belong to
                no unit.

        Yields:

            The differences of a target, then how its comparison ended. After all targets, the accounts that somebody
            else holds than the custodian, and those that were left out because an operation waits.

        Raises:

            DeniedError: The actor is neither an administrator nor an officer of the unit.

            InputError: There is no such target or unit.

            StoreError: The store failed.
        """
        self.authority.require(actor, {Role.OFFICER}, unit)
        units = codes_under(self.store, unit)
        found = self._compare(chosen_targets(self.plugins, target), units, unit=unit, actor=actor)
        return chain(found, () if target else self._of_custodians(units), self._unfinished(units))

    def gather(self, found: Iterable[Difference | ComparedTarget]) -> ComparisonResult:
        """Carry a comparison out, and return what it found.

        Args:

            found: What :meth:`compare` yields.

        Raises:

            StoppedError: The program was asked to stop meanwhile.

            StoreError: The store failed.
        """
        differences: list[Difference] = []
        targets: list[ComparedTarget] = []
        for item in found:
            if self.retry.stop.is_set():
                raise StoppedError("the program was stopped during the comparison", cure="run the command again")
            if isinstance(item, Difference):
                differences.append(item)
            else:
                targets.append(item)
        return ComparisonResult(differences=differences, targets=targets)

    def past(self, *, actor: str) -> Mapping[str, Sequence[PastComparison]]:
        """Return the last complete comparisons of each target, the latest last.

        Args:

            actor: Who reads it.

        Raises:

            DeniedError: The actor is neither an administrator nor an officer of all units.
        """
        self.authority.require(actor, {Role.OFFICER})
        return {name: self.store.comparisons.trend(name, TREND) for name in self.plugins.targets}

    def report(
        self, differences: Sequence[Difference], targets: Collection[str], *, viewer: str, unit: str | None = None
    ) -> ComparisonReport:
        """Return what people need to understand a comparison: names, and the comparisons before.

        Args:

            differences: The differences.

            targets: The targets that were compared.

            viewer: Who reads it. Personal data that the viewer may not read is masked.

            unit: The code of the unit to which the comparison was restricted.

        Raises:

            DeniedError: The viewer may not compare this, or may not do so any more.

            InputError: There is no such unit.

            StoreError: The store failed.
        """
        self.authority.require(viewer, {Role.OFFICER}, unit)
        maker = ReportMaker(store=self.store, people=self.people, privacy=Privacy(self.authority, viewer))
        only = None if unit is None else known_units(self.store, [unit], field="unit")[0]
        return maker.make(differences, targets=targets, unit=only, at=self.now())

    def _of_custodians(self, units: frozenset[str] | None) -> Iterator[Difference]:
        """Yield the accounts that somebody else holds than the custodian of the unit."""
        for account, custodian in self.store.accounts.not_held_by_custodians():
            if units is None or account.unit in units:
                yield Difference(
                    kind=DifferenceKind.CUSTODIAN,
                    target="",
                    login=account.login,
                    unit=account.unit,
                    known=account.holder or "",
                    actual=custodian,
                )

    def _unfinished(self, units: frozenset[str] | None) -> Iterator[Difference]:
        """Yield the accounts that comparisons leave out, because an operation was interrupted and waits."""
        waiting = self.store.operations.interrupted(self.now())
        while batch := {operation.login: operation for operation in islice(waiting, _BATCH)}:
            for login, account in self.store.accounts.get_many(batch).items():
                if units is None or account.unit in units:
                    yield Difference(
                        kind=DifferenceKind.UNFINISHED,
                        target="",
                        login=login,
                        unit=account.unit,
                        known=account.state.value,
                        operation=batch[login].id,
                    )

    def _comparison(self, target: Target) -> Comparison:
        return Comparison(
            target=target,
            inventory=self.store,
            expectations=Expectations(target=target, inventory=self.store, desired=self.desired, people=self.people),
            retry=self.retry,
            now=self.now,
        )

    def _differences(self, comparison: Comparison, failures: list[TargetError]) -> Iterator[Difference]:
        """Yield the differences of a target. If it fails, note why, and yield the accounts not seen for long."""
        try:
            yield from comparison.differences()
        except TargetError as error:
            failures.append(error)
            yield from self._not_seen(comparison.target)

    def _not_seen(self, target: Target) -> Iterator[Difference]:
        for account in not_seen(self.store, target, self.now()):
            yield Difference(
                kind=DifferenceKind.NOT_SEEN,
                target=target.name,
                login=account.login,
                unit=account.unit,
                known=account.state.value,
            )

    def _compare(
        self, targets: list[Target], units: frozenset[str] | None, *, unit: str | None, actor: str
    ) -> Iterator[Difference | ComparedTarget]:
        for target in targets:
            comparison = self._comparison(target)
            shown: Counter[DifferenceKind] = Counter()
            failures: list[TargetError] = []
            for difference in self._differences(comparison, failures):
                if units is None or difference.unit in units:
                    shown[difference.kind] += 1
                    yield difference
            failure = next(iter(failures), None)
            compared = ComparedTarget(
                name=target.name,
                listed=comparison.listed,
                differences=shown,
                error=step_error(failure) if failure else None,
                is_omitted=isinstance(failure, OmittedError),
            )
            self.record(_event(compared, started_at=comparison.started_at, at=self.now(), unit=unit, actor=actor))
            yield compared


def _event(
    compared: ComparedTarget, *, started_at: datetime, at: datetime, unit: str | None, actor: str
) -> TargetCompared:
    return TargetCompared(
        at=at,
        actor=actor,
        target=compared.name,
        started_at=started_at,
        listed=compared.listed,
        differences={kind.value: count for kind, count in sorted(compared.differences.items())},
        unit=unit,
        error=compared.error,
    )
