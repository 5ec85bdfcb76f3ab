"""The desired state of accounts on targets: on which of them an account belongs, and with which entitlements."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import attrs

from provisioner.core.api.kinds import KINDS
from provisioner.core.api.messages import Entitlements
from provisioner.core.model import Account, OperationKind, TargetState, Unit
from provisioner.core.model.scope import TargetScope
from provisioner.core.model.unit_paths import UnitLookup, with_all_above

#: The states of an account on a target on which it may be open.
MAY_BE_OPEN = frozenset({TargetState.OPEN, TargetState.INCOMPLETE, TargetState.UNPROVED})


@attrs.frozen(kw_only=True)
class EntitlementRule:
    """Which accounts have an entitlement on a target."""

    target: str
    #: The target's name of the entitlement, for example the DN of a group.
    name: str
    scope: TargetScope = attrs.Factory(TargetScope)


@attrs.frozen(kw_only=True)
class Desired:
    """The desired state of one account while it is open."""

    #: The names of the targets on which it belongs.
    targets: frozenset[str]
    #: Its entitlements, by target. Targets without any that is managed are left out.
    entitlements: Mapping[str, Entitlements] = attrs.field(factory=dict)
    #: The names of the targets that hold no accounts and whose sessions it may have.
    sessions: frozenset[str] = frozenset()
    #: The names of the channels that may deliver its password; ``None`` for all.
    channels: frozenset[str] | None = None

    def may_use(self, channel: str) -> bool:
        """Whether a channel may deliver its password."""
        return self.channels is None or channel in self.channels

    def targets_of(
        self, kind: OperationKind, known: Mapping[str, TargetState], *, again: bool = False
    ) -> frozenset[str]:
        """Return the names of the targets that an operation concerns.

        An open account that left the scope of a target is renewed there until it is withdrawn: its former password
        must not stay valid. Where it is missing, there is nothing to update.

        Args:

            kind: The kind of the operation.

            known: The known state of the account, by target.

            again: Whether a withdrawal also concerns targets on which the account is closed already, as far as it is
                known.
        """
        spec = KINDS[kind]
        if kind is OperationKind.WITHDRAW:
            return (_there(known) if again else _present(known)) - self.targets
        if kind is OperationKind.UPDATE:
            return _present(known)
        if spec.opens:
            return self.targets
        return self.targets | (_present(known) if spec.renews else known.keys())

    def ended_by(self, kind: OperationKind, known: Collection[str]) -> frozenset[str]:
        """Return the names of the targets that hold no accounts and on which an operation ends sessions.

        Where sessions were ended before, they may have been opened again, also if the account left the scope.

        Args:

            kind: The kind of the operation.

            known: The names of the targets on which sessions of the account were ended before.
        """
        if kind is OperationKind.WITHDRAW:
            return frozenset(known) - self.sessions
        return self.sessions.union(known)

    def missing(self, known: Mapping[str, TargetState]) -> frozenset[str]:
        """Return the names of the targets on which an open account belongs and isn't open.

        Args:

            known: The known state of the account, by target.
        """
        return self.targets - _present(known)

    def left(self, known: Mapping[str, TargetState]) -> frozenset[str]:
        """Return the names of the targets on which an open account no longer belongs and may be open.

        Args:

            known: The known state of the account, by target.
        """
        return _present(known) - self.targets

    def joins(self, kind: OperationKind, known: Mapping[str, TargetState]) -> frozenset[str]:
        """Return the names of the targets that an open account joins again with its renewal, after it was withdrawn.

        Args:

            kind: The kind of the operation.

            known: The known state of the account, by target.
        """
        if not KINDS[kind].renews:
            return frozenset()
        return frozenset(target for target in self.targets if known.get(target) is TargetState.CLOSED)

    def entitlements_after(self, kind: OperationKind) -> Mapping[str, Entitlements]:
        """Return the entitlements after an operation, by target: none after the account is closed."""
        if not KINDS[kind].closes:
            return self.entitlements
        return {
            target: Entitlements(withdrawn=managed.granted | managed.withdrawn)
            for target, managed in self.entitlements.items()
        }


@attrs.frozen(kw_only=True)
class DesiredState:
    """Determines the desired state of accounts from the configuration and the tree of units.

    Args:

        scopes: The scope of each target that holds accounts, by its name.

        session_scopes: The scope of each target that holds none and ends their sessions, by its name.

        channel_scopes: For which accounts each channel delivers passwords, by its name; without it, for all.

        rules: Who has which entitlement.

        units: The units as they are, or will be, in the store.
    """

    scopes: Mapping[str, TargetScope]
    session_scopes: Mapping[str, TargetScope] = attrs.field(factory=dict)
    channel_scopes: Mapping[str, TargetScope] = attrs.field(factory=dict)
    rules: Sequence[EntitlementRule] = ()
    units: UnitLookup

    @property
    def is_uniform(self) -> bool:
        """Whether every account belongs on every target and may use every channel, without entitlements."""
        scopes = (*self.scopes.values(), *self.session_scopes.values(), *self.channel_scopes.values())
        return not self.rules and all(scope.is_everywhere for scope in scopes)

    def of(self, accounts: Sequence[tuple[Account, Unit]]) -> Mapping[str, Desired]:
        """Return the desired state of accounts, by login.

        Args:

            accounts: The accounts, each with its unit as it is, or will be, in the store.
        """
        if self.is_uniform:
            everywhere = Desired(targets=frozenset(self.scopes), sessions=frozenset(self.session_scopes))
            return {account.login: everywhere for account, _ in accounts}
        given = {unit.code: unit for _, unit in accounts}
        above = {unit.parent for unit in given.values() if unit.parent} - given.keys()
        units = {**with_all_above(above, self.units, apart_from=given.keys()), **given}
        return {account.login: self._desired(account, unit, _path(unit, units)) for account, unit in accounts}

    def _desired(self, account: Account, unit: Unit, path: Sequence[str]) -> Desired:
        granted: dict[str, set[str]] = {}
        withdrawn: dict[str, set[str]] = {}
        for rule in self.rules:
            side = granted if rule.scope.includes(account, unit, path) else withdrawn
            side.setdefault(rule.target, set()).add(rule.name)

        def within(scopes: Mapping[str, TargetScope]) -> frozenset[str]:
            return frozenset(name for name, scope in scopes.items() if scope.includes(account, unit, path))

        return Desired(
            targets=within(self.scopes),
            sessions=within(self.session_scopes),
            channels=within(self.channel_scopes) if self.channel_scopes else None,
            entitlements={
                target: Entitlements(
                    granted=frozenset(granted.get(target, ())),
                    withdrawn=frozenset(withdrawn.get(target, ())) - granted.get(target, set()),
                )
                for target in granted.keys() | withdrawn.keys()
            },
        )


def _present(known: Mapping[str, TargetState]) -> frozenset[str]:
    return frozenset(target for target, state in known.items() if state in MAY_BE_OPEN)


def _there(known: Mapping[str, TargetState]) -> frozenset[str]:
    return frozenset(target for target, state in known.items() if state is not TargetState.ABSENT)


def _path(unit: Unit, units: Mapping[str, Unit]) -> Sequence[str]:
    """Return the codes from a unit up to the top."""
    path = [unit.code]
    while (above := units[path[-1]].parent if path[-1] in units else None) and above not in path:
        path.append(above)
    return path
