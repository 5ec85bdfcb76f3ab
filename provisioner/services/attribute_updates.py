"""Attributes follow: what a list changes is written to the open accounts of its units and persons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import attrs

from provisioner.core.api.errors import NotAuthorizedError
from provisioner.core.engine.plan import Initiator, Plan, Refused
from provisioner.core.engine.planner import Planner
from provisioner.core.model import Account, Person, Unit
from provisioner.core.model.unit_paths import codes_below

#: The fields of units and persons that no target has.
_ONLY_HERE = frozenset(
    {
        "login",
        "custodian",
        "supervisor",
        "removed_at",
        "other_mobile",
        "other_mobile_confirmed_by",
        "other_mobile_confirmed_at",
    }
)


def is_followed(before: Unit | Person | None, after: Unit | Person) -> bool:
    """Whether targets may have something of a known unit or person that changes."""
    return before is not None and any(
        getattr(before, field.name) != getattr(after, field.name)
        for field in attrs.fields(type(after))
        if field.name not in _ONLY_HERE
    )


def codes_affected_below(changed: Iterable[Unit], known: Mapping[str, Unit]) -> set[str]:
    """Return the codes of the units below changed units whose accounts may be affected.

    The accounts of all units below a moved unit may belong elsewhere or have other entitlements. Otherwise, only those
    of the next level have something of the unit.

    Args:

        changed: Known units, as they will be.

        known: All units as they are, by code.
    """
    changed = list(changed)
    moved = {unit.code for unit in changed if known[unit.code].parent != unit.parent}
    codes = {unit.code for unit in changed}
    next_level = {unit.code for unit in known.values() if unit.parent in codes}
    return (next_level | codes_below(moved, known.values())) - codes


def affected(planner: Planner, former: Planner, accounts: Sequence[Account]) -> list[Account]:
    """Return the accounts about which two planners differ, because units above theirs change.

    Args:

        planner: Knows the units as they will be.

        former: Knows them as they are.

        accounts: Accounts of units that don't change.
    """
    if not accounts:
        return []
    before, after = former.places(accounts), planner.places(accounts)
    return [account for account in accounts if before[account.login] != after[account.login]]


def planned_updates(planner: Planner, accounts: Sequence[Account], initiator: Initiator) -> Plan:
    """Return the plan that brings open accounts up to date, without those that need nothing.

    A list may change the unit of a protected account. That account is refused, and the list isn't.

    Args:

        planner: Makes the plan. It knows the list.

        accounts: The accounts.

        initiator: Who changes the list, and why.

    Raises:

        TargetError: The personnel system as a whole can't be used.
    """
    try:
        plan = planner.update(accounts, initiator)
    except NotAuthorizedError as error:
        denials = {denied.login: denied.denial for denied in error.denials}
        allowed = [account for account in accounts if account.login not in denials]
        plan = planned_updates(planner, allowed, initiator)
        refused = [Refused(login=login, reason=denial.reason, cure=denial.cure) for login, denial in denials.items()]
        return attrs.evolve(plan, refused=(*plan.refused, *refused))
    return attrs.evolve(plan, unchanged=())
