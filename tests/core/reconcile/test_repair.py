"""Each kind of difference has its repair, or is left to a person."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pytest

from provisioner.core.api.kinds import HOOKS
from provisioner.core.model.differences import DifferenceKind
from provisioner.core.reconcile.differences import Difference
from provisioner.core.reconcile.repair import Repair, RepairPlan, plan_repairs


def difference(kind: DifferenceKind, login: str = "a", target: str = "posta", actual: str = "") -> Difference:
    return Difference(kind=kind, target=target, login=login, unit="u", actual=actual)


def repairs(found: list[Difference], hooks: Collection[str] = HOOKS.values(), **options: Any) -> RepairPlan:
    return plan_repairs(found, hooks={"posta": hooks, "db": hooks}, **options)


@pytest.mark.parametrize(
    ("kind", "repair"),
    [
        (DifferenceKind.ENABLED, Repair.CLOSE),
        (DifferenceKind.DISABLED, Repair.ENABLE),
        (DifferenceKind.LOCKED, Repair.ROTATE),
        (DifferenceKind.MISSING, Repair.ROTATE),
        (DifferenceKind.OUT_OF_SCOPE, Repair.WITHDRAW),
        (DifferenceKind.HOLDER, Repair.UPDATE),
        (DifferenceKind.ATTRIBUTES, Repair.UPDATE),
        (DifferenceKind.MISPLACED, Repair.UPDATE),
        (DifferenceKind.ENTITLEMENTS, Repair.UPDATE),
    ],
)
def test_a_difference_is_repaired_by_what_ends_it(kind: DifferenceKind, repair: Repair) -> None:
    plan = repairs([difference(kind)])

    assert [dict(phase.logins) for phase in plan.phases] == [{repair: ["a"]}]
    assert (plan.count, plan.left) == (1, [])


@pytest.mark.parametrize(
    "kind", [DifferenceKind.EXTRA, DifferenceKind.DUPLICATE, DifferenceKind.NOT_JOINED, DifferenceKind.CUSTODIAN]
)
def test_what_only_a_person_can_decide_is_left(kind: DifferenceKind) -> None:
    plan = repairs([difference(kind)])

    assert (plan.phases, [left.kind for left in plan.left]) == ([], [kind])


@pytest.mark.parametrize(
    ("kind", "hook"),
    [
        (DifferenceKind.HOLDER, "account_update"),
        (DifferenceKind.MISPLACED, "account_rename"),
        (DifferenceKind.OUT_OF_SCOPE, "account_close"),
        (DifferenceKind.LOCKED, "account_rotate"),
    ],
)
def test_what_a_target_cannot_do_is_not_said_to_be_repaired(kind: DifferenceKind, hook: str) -> None:
    found = [difference(kind)]

    plan = repairs(found, set(HOOKS.values()) - {hook})

    assert (plan.phases, plan.left) == ([], found)


def test_nobody_gets_an_extra_message_unless_the_target_wants_accounts_now() -> None:
    waiting = [difference(DifferenceKind.NOT_JOINED, target=target) for target in ("posta", "db")]

    plan = repairs(waiting, join_now=["db"])

    assert [dict(phase.logins) for phase in plan.phases] == [{Repair.ROTATE: ["a"]}]
    assert [left.target for left in plan.left] == ["posta"]


def test_an_account_is_handed_over_only_on_request_and_to_the_custodian() -> None:
    [phase] = repairs([difference(DifferenceKind.CUSTODIAN, actual="460024")], handover=True).phases

    assert (dict(phase.logins), phase.receivers) == ({Repair.HAND_OVER: ["a"]}, {"a": "460024"})


def test_an_account_that_differs_twice_gets_one_operation_at_a_time() -> None:
    found = [difference(DifferenceKind.ATTRIBUTES), difference(DifferenceKind.MISSING, target="db")]

    plan = repairs(found)

    assert [dict(phase.logins) for phase in plan.phases] == [{Repair.ROTATE: ["a"]}, {Repair.UPDATE: ["a"]}]


def test_an_account_that_is_missing_and_disabled_is_enabled_with_one_password() -> None:
    found = [difference(DifferenceKind.MISSING), difference(DifferenceKind.DISABLED, target="db")]

    assert [dict(phase.logins) for phase in repairs(found).phases] == [{Repair.ENABLE: ["a"]}]


@pytest.mark.parametrize(
    ("kind", "repair"),
    [
        (DifferenceKind.ENABLED, Repair.CLOSE),
        (DifferenceKind.DISABLED, Repair.CLOSE),
        (DifferenceKind.OUT_OF_SCOPE, Repair.WITHDRAW),
        (DifferenceKind.MISSING, None),
        (DifferenceKind.HOLDER, None),
        (DifferenceKind.LOCKED, None),
        (DifferenceKind.CUSTODIAN, None),
        (DifferenceKind.NOT_JOINED, None),
    ],
)
def test_a_store_that_lost_what_happened_last_gives_nobody_access(kind: DifferenceKind, repair: Repair | None) -> None:
    """An account that was closed after the backup would be opened, and one that was handed over be given back."""
    plan = repairs([difference(kind, actual="p2")], is_outdated=True, handover=True, join_now=["posta"])

    assert [dict(phase.logins) for phase in plan.phases] == ([{repair: ["a"]}] if repair else [])
    assert [left.kind for left in plan.left] == ([] if repair else [kind])
    assert plan.is_of_outdated
