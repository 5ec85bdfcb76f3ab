"""How accounts should be on one target, and how an account that was seen there differs from that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from provisioner.core.api.messages import (
    CONTAINER,
    ENTITLEMENTS,
    AccountReport,
    AttributeChange,
    CompareAccount,
    Entitlements,
    ListedAccount,
    PlannedChange,
    Presence,
)
from provisioner.core.engine.desired import DesiredState
from provisioner.core.engine.people import People
from provisioner.core.gateways.gateway import COMPARE, Target
from provisioner.core.model import Account, AccountState, OperationKind, Person, TargetState, Unit
from provisioner.core.model.differences import DifferenceKind
from provisioner.core.reconcile.differences import Difference
from provisioner.core.reconcile.ports import Inventory


@attrs.frozen(kw_only=True)
class Expectation:
    """How one account should be on one target."""

    target: str
    account: Account
    unit: Unit
    #: The holder; ``None`` if there is none, or the personnel system can't say who it is.
    holder: Person | None
    #: Whether the account belongs on the target while it is open.
    belongs: bool
    #: The known state there; ``None`` if the account has never been there.
    known: TargetState | None
    entitlements: Entitlements
    #: The unit above the unit; ``None`` at the top.
    parent: Unit | None = None

    def difference(self, presence: Presence | None, lock: str = "", holder: str | None = None) -> Difference | None:
        """Return how the account differs, apart from its attributes, if it does.

        Args:

            presence: Whether it is there and enabled; ``None`` if the target can't determine it.

            lock: What prevents it from logging in.

            holder: The ID of the holder that the target names; empty or ``None`` if it names nobody.
        """
        if self.account.state is AccountState.CLOSED and presence is Presence.ENABLED:
            return self._made(DifferenceKind.ENABLED, actual=presence)
        if self.account.state is not AccountState.OPEN:
            return None
        if not self.belongs:
            enabled = presence is Presence.ENABLED
            return self._made(DifferenceKind.OUT_OF_SCOPE, actual=Presence.ENABLED) if enabled else None
        return self._of_open(presence, lock, holder)

    def of_attributes(self, changes: tuple[AttributeChange, ...]) -> Difference | None:
        """Return how the attributes or entitlements differ, if they do.

        Args:

            changes: What an update would change.
        """
        if not changes:
            return None
        if moves := [change for change in changes if change.name == CONTAINER]:
            known, actual = ", ".join(moves[0].adds), ", ".join(moves[0].removes)
            return self._made(DifferenceKind.MISPLACED, known=known, actual=actual, changes=changes)
        only_entitlements = all(change.name == ENTITLEMENTS for change in changes)
        kind = DifferenceKind.ENTITLEMENTS if only_entitlements else DifferenceKind.ATTRIBUTES
        return self._made(kind, known="", actual="", changes=changes)

    def of_report(self, report: AccountReport) -> Difference | None:
        """Return how the account differs from what a probe with :meth:`planned` has seen, if it does."""
        seen = self.difference(report.presence, report.lock, report.attributes.get("holder"))
        return seen or self.of_attributes(report.changes if self.is_describable else ())

    def duplicate(self, references: str) -> Difference:
        """Return that the target has several accounts with this login."""
        return self._made(DifferenceKind.DUPLICATE, actual=references)

    @property
    def is_describable(self) -> bool:
        """Whether it is known what the attributes should be."""
        is_open = self.account.state is AccountState.OPEN and self.belongs
        return is_open and (self.account.holder is None) is (self.holder is None)

    def planned(self) -> PlannedChange:
        """Return the update that would bring the account up to date."""
        return PlannedChange(
            kind=OperationKind.UPDATE,
            unit=self.unit,
            parent=self.parent,
            holder=self.holder,
            entitlements=self.entitlements,
        )

    def comparing(self, listed: ListedAccount) -> CompareAccount:
        """Return the message by which a listed account is compared."""
        return CompareAccount(
            listed=listed,
            account=self.account,
            unit=self.unit,
            parent=self.parent,
            holder=self.holder,
            entitlements=self.entitlements,
        )

    def _of_open(self, presence: Presence | None, lock: str, holder: str | None) -> Difference | None:
        if presence is Presence.ABSENT:
            kind = DifferenceKind.NOT_JOINED if self.known is None else DifferenceKind.MISSING
            return self._made(kind, actual=presence)
        if presence is Presence.DISABLED:
            return self._made(DifferenceKind.DISABLED, actual=lock or presence)
        if lock:
            return self._made(DifferenceKind.LOCKED, actual=lock)
        if holder and holder != self.account.holder:
            return self._made(DifferenceKind.HOLDER, known=self.account.holder or "", actual=holder)
        return None

    def _made(
        self,
        kind: DifferenceKind,
        *,
        actual: str,
        known: str | None = None,
        changes: tuple[AttributeChange, ...] = (),
    ) -> Difference:
        return Difference(
            kind=kind,
            target=self.target,
            login=self.account.login,
            unit=self.account.unit,
            known=self.account.state.value if known is None else known,
            actual=actual,
            changes=changes,
        )


@attrs.frozen(kw_only=True)
class Expectations:
    """Determines how accounts should be on one target.

    Args:

        target: The target.

        inventory: The stored data.

        desired: Determines on which targets accounts belong.

        people: Looks up the holders, if the target can compare attributes.
    """

    target: Target
    inventory: Inventory
    desired: DesiredState
    people: People

    def of(self, accounts: Iterable[Account]) -> dict[str, Expectation]:
        """Return how accounts should be, by login.

        Raises:

            StoreError: The store failed.
        """
        pairs = self._with_units(list(accounts))
        known = self.inventory.accounts.all_target_states([account.login for account, _ in pairs])
        desired = self.desired.of(pairs)
        holders = self._holders(account for account, _ in pairs)
        parents = self.inventory.units.get_many({unit.parent for _, unit in pairs if unit.parent})
        name = self.target.name
        return {
            account.login: Expectation(
                target=name,
                account=account,
                unit=unit,
                parent=parents.get(unit.parent or ""),
                holder=holders.get(account.holder or ""),
                belongs=name in desired[account.login].targets,
                known=known.get(account.login, {}).get(name),
                entitlements=desired[account.login].entitlements.get(name, Entitlements()),
            )
            for account, unit in pairs
        }

    def _with_units(self, accounts: list[Account]) -> list[tuple[Account, Unit]]:
        units = self.inventory.units.get_many({account.unit for account in accounts})
        return [(account, units[account.unit]) for account in accounts]

    def _holders(self, accounts: Iterable[Account]) -> Mapping[str, Person]:
        if COMPARE not in self.target.hooks:
            return {}
        wanted = {account.holder for account in accounts if account.holder and account.state is AccountState.OPEN}
        return self.people.look_up(wanted).persons
