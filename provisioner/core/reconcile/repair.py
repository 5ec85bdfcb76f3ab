"""What brings an account back to what it should be, for each kind of difference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum

import attrs

from provisioner.core.model.differences import DifferenceKind
from provisioner.core.reconcile.differences import Difference


class Repair(StrEnum):
    """What is done with an account. Each comes before the ones below it: an account gets one at a time."""

    #: Close it again on every target.
    CLOSE = "close"
    #: Hand it over to the custodian of its unit.
    HAND_OVER = "handover"
    #: Enable it with a new password, which its holder receives.
    ENABLE = "reopen"
    #: Set a new password, which its holder receives. This creates it where it is missing, and ends most locks.
    ROTATE = "rotate"
    #: Close it on the targets on which it doesn't belong.
    WITHDRAW = "withdraw"
    #: Write attributes and entitlements.
    UPDATE = "update"


#: What ends a difference, and the hook that the target needs for it.
_REPAIRS: Mapping[DifferenceKind, tuple[Repair, str]] = {
    DifferenceKind.ENABLED: (Repair.CLOSE, "account_close"),
    DifferenceKind.DISABLED: (Repair.ENABLE, "account_create"),
    DifferenceKind.LOCKED: (Repair.ROTATE, "account_rotate"),
    DifferenceKind.MISSING: (Repair.ROTATE, "account_create"),
    DifferenceKind.OUT_OF_SCOPE: (Repair.WITHDRAW, "account_close"),
    DifferenceKind.HOLDER: (Repair.UPDATE, "account_update"),
    DifferenceKind.ATTRIBUTES: (Repair.UPDATE, "account_update"),
    DifferenceKind.MISPLACED: (Repair.UPDATE, "account_rename"),
    DifferenceKind.ENTITLEMENTS: (Repair.UPDATE, "account_update"),
}

#: The same for a store that has lost what happened last, because a backup was restored. An account may have been closed
#: or handed over since then, so a repair takes access away and gives none; the rest is left to a person.
_REPAIRS_OF_OUTDATED: Mapping[DifferenceKind, tuple[Repair, str]] = {
    DifferenceKind.ENABLED: (Repair.CLOSE, "account_close"),
    DifferenceKind.DISABLED: (Repair.CLOSE, "account_close"),
    DifferenceKind.OUT_OF_SCOPE: (Repair.WITHDRAW, "account_close"),
}

#: The repairs that are carried out together, and those that follow, because an account has one operation at a time.
_PHASES: Sequence[Collection[Repair]] = (
    frozenset({Repair.CLOSE, Repair.HAND_OVER, Repair.ENABLE, Repair.ROTATE}),
    frozenset({Repair.WITHDRAW}),
    frozenset({Repair.UPDATE}),
)


@attrs.frozen(kw_only=True)
class Phase:
    """Repairs that are carried out together: the logins for each."""

    logins: Mapping[Repair, Sequence[str]]
    #: The receivers of handovers, by login.
    receivers: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class RepairPlan:
    """What repairs differences, and the differences that a person has to resolve."""

    phases: Sequence[Phase] = ()
    left: Sequence[Difference] = ()
    #: Whether the store has lost what happened last, so that less is repaired.
    is_of_outdated: bool = False

    @property
    def count(self) -> int:
        """The number of accounts."""
        return len({login for phase in self.phases for logins in phase.logins.values() for login in logins})


def plan_repairs(
    differences: Iterable[Difference],
    *,
    hooks: Mapping[str, Collection[str]],
    join_now: Collection[str] = (),
    handover: bool = False,
    is_outdated: bool = False,
) -> RepairPlan:
    """Return what repairs these differences.

    Args:

        differences: The differences.

        hooks: The hooks of each target, by its name. What a target can't do is left to a person.

        join_now: The names of the targets that accounts join at once, and not with their next renewal.

        handover: Whether accounts are handed over to the custodians of their units.

        is_outdated: Whether the store has lost what happened last. Then accounts are closed, and nothing else is done.
    """
    known = _REPAIRS_OF_OUTDATED if is_outdated else _REPAIRS
    join_now, handover = (() if is_outdated else join_now), handover and not is_outdated
    wanted: dict[str, set[Repair]] = defaultdict(set)
    receivers: dict[str, str] = {}
    left = []
    for difference in differences:
        repair = _repair_of(difference, known, hooks, join_now, handover=handover)
        if repair is None:
            left.append(difference)
            continue
        wanted[difference.login].add(repair)
        if repair is Repair.HAND_OVER:
            receivers[difference.login] = difference.actual
    phases = [_phase(repairs, wanted, receivers) for repairs in _PHASES]
    return RepairPlan(phases=[phase for phase in phases if phase.logins], left=left, is_of_outdated=is_outdated)


def _repair_of(
    difference: Difference,
    known: Mapping[DifferenceKind, tuple[Repair, str]],
    hooks: Mapping[str, Collection[str]],
    join_now: Collection[str],
    *,
    handover: bool,
) -> Repair | None:
    if difference.kind is DifferenceKind.NOT_JOINED:
        return Repair.ROTATE if difference.target in join_now else None
    if difference.kind is DifferenceKind.CUSTODIAN:
        return Repair.HAND_OVER if handover else None
    if difference.kind not in known:
        return None
    repair, hook = known[difference.kind]
    return repair if hook in hooks[difference.target] else None


def _phase(repairs: Collection[Repair], wanted: Mapping[str, set[Repair]], receivers: Mapping[str, str]) -> Phase:
    chosen: dict[Repair, list[str]] = defaultdict(list)
    for login in sorted(wanted):
        first = next((repair for repair in Repair if repair in wanted[login] and repair in repairs), None)
        if first:
            chosen[first].append(login)
    return Phase(logins=chosen, receivers=receivers)
