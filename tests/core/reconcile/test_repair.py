"""Each kind of difference has its repair, or is left to a person."""

from __future__ import annotations

import pytest

from provisioner.core.reconcile.differences import Difference, DifferenceKind
from provisioner.core.reconcile.repair import Repair, plan_repairs


def difference(kind: DifferenceKind, login: str = "a", target: str = "posta", actual: str = "") -> Difference:
    return Difference(kind=kind, target=target, login=login, unit="u", actual=actual)


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
        (DifferenceKind.ENTITLEMENTS, Repair.UPDATE),
    ],
)
def test_a_difference_is_repaired_by_what_ends_it(kind: DifferenceKind, repair: Repair) -> None:
    plan = plan_repairs([difference(kind)])

    assert [dict(phase.logins) for phase in plan.phases] == [{repair: ["a"]}]
    assert (plan.count, plan.left) == (1, [])


@pytest.mark.parametrize(
    "kind", [DifferenceKind.EXTRA, DifferenceKind.DUPLICATE, DifferenceKind.NOT_JOINED, DifferenceKind.CUSTODIAN]
)
def test_what_only_a_person_can_decide_is_left(kind: DifferenceKind) -> None:
    plan = plan_repairs([difference(kind)])

    assert (plan.phases, [left.kind for left in plan.left]) == ([], [kind])


def test_nobody_gets_an_extra_message_unless_the_target_wants_accounts_now() -> None:
    waiting = [difference(DifferenceKind.NOT_JOINED, target=target) for target in ("posta", "db")]

    plan = plan_repairs(waiting, join_now=["db"])

    assert [dict(phase.logins) for phase in plan.phases] == [{Repair.ROTATE: ["a"]}]
    assert [left.target for left in plan.left] == ["posta"]


def test_an_account_is_handed_over_only_on_request_and_to_the_custodian() -> None:
    [phase] = plan_repairs([difference(DifferenceKind.CUSTODIAN, actual="460024")], handover=True).phases

    assert (dict(phase.logins), phase.receivers) == ({Repair.HAND_OVER: ["a"]}, {"a": "460024"})


def test_an_account_that_differs_twice_gets_one_operation_at_a_time() -> None:
    found = [difference(DifferenceKind.ATTRIBUTES), difference(DifferenceKind.MISSING, target="db")]

    plan = plan_repairs(found)

    assert [dict(phase.logins) for phase in plan.phases] == [{Repair.ROTATE: ["a"]}, {Repair.UPDATE: ["a"]}]


def test_an_account_that_is_missing_and_disabled_is_enabled_with_one_password() -> None:
    found = [difference(DifferenceKind.MISSING), difference(DifferenceKind.DISABLED, target="db")]

    assert [dict(phase.logins) for phase in plan_repairs(found).phases] == [{Repair.ENABLE: ["a"]}]
