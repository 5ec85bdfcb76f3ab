"""Where an account belongs, and where an operation changes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs
import pytest

from provisioner.core.api.messages import Entitlements
from provisioner.core.engine.desired import Desired, DesiredState, EntitlementRule
from provisioner.core.model import Account, OperationKind, TargetState, Unit
from provisioner.core.model.scope import Scope, TargetScope

PROVINCE = Unit(code="il", name="İl", kind="province")
DISTRICT = Unit(code="ilce", name="İlçe", kind="district", parent="il")
SCHOOL = Unit(code="okul", name="Okul", kind="school", parent="ilce")
ACCOUNT = Account(login="okul46", domain="meb.gov.tr", unit="okul")

KNOWN = {
    "mail": TargetState.OPEN,
    "former": TargetState.OPEN,
    "closed": TargetState.CLOSED,
    "gone": TargetState.ABSENT,
}
DESIRED = Desired(targets=frozenset({"mail", "new"}))


@attrs.frozen
class Units:
    """Stored units."""

    stored: Mapping[str, Unit]

    def get_many(self, codes: Iterable[str], /) -> Mapping[str, Unit]:
        return {code: self.stored[code] for code in codes if code in self.stored}


def state(*rules: EntitlementRule, scopes: Mapping[str, TargetScope], stored: Iterable[Unit] = ()) -> DesiredState:
    return DesiredState(scopes=scopes, rules=rules, units=Units({unit.code: unit for unit in stored}))


@pytest.mark.parametrize(
    ("kind", "targets"),
    [
        (OperationKind.CREATE, {"mail", "new"}),
        (OperationKind.REOPEN, {"mail", "new"}),
        (OperationKind.ROTATE, {"mail", "new", "former"}),
        (OperationKind.HANDOVER, {"mail", "new", "former"}),
        (OperationKind.CLOSE, {"mail", "new", "former", "closed", "gone"}),
        (OperationKind.DELETE, {"mail", "new", "former", "closed", "gone"}),
        (OperationKind.UPDATE, {"mail", "former"}),
        (OperationKind.WITHDRAW, {"former"}),
    ],
)
def test_no_former_password_stays_valid_and_nothing_is_opened_out_of_scope(
    kind: OperationKind, targets: set[str]
) -> None:
    assert DESIRED.targets_of(kind, KNOWN) == targets


@pytest.mark.parametrize("uncertain", [TargetState.INCOMPLETE, TargetState.UNPROVED])
def test_an_account_that_may_be_open_out_of_scope_is_withdrawn(uncertain: TargetState) -> None:
    assert DESIRED.targets_of(OperationKind.WITHDRAW, {"former": uncertain}) == {"former"}


def test_an_account_that_somebody_enabled_out_of_scope_is_withdrawn_again() -> None:
    assert DESIRED.targets_of(OperationKind.WITHDRAW, KNOWN, again=True) == {"former", "closed"}


def test_a_unit_below_another_is_in_the_scope_of_that_one() -> None:
    desired = state(
        scopes={"below": TargetScope(units=Scope(under=frozenset({"il"}))), "all": TargetScope()},
        stored=[PROVINCE, DISTRICT],
    )

    assert desired.of([(ACCOUNT, SCHOOL)])["okul46"].targets == {"below", "all"}


def test_a_unit_is_looked_for_where_the_list_puts_it_and_not_where_the_store_has_it() -> None:
    desired = state(
        scopes={"below": TargetScope(units=Scope(under=frozenset({"ilce"})))}, stored=[PROVINCE, DISTRICT, SCHOOL]
    )

    moved = attrs.evolve(SCHOOL, parent="il")

    assert desired.of([(ACCOUNT, moved)])["okul46"].targets == frozenset()


def test_units_that_are_above_each_other_do_not_hang_the_program() -> None:
    loop = [attrs.evolve(PROVINCE, parent="ilce"), DISTRICT]
    desired = state(scopes={"below": TargetScope(units=Scope(under=frozenset({"elsewhere"})))}, stored=loop)

    assert desired.of([(ACCOUNT, SCHOOL)])["okul46"].targets == frozenset()


def test_an_entitlement_of_others_is_withdrawn_and_one_that_nobody_manages_is_left_alone() -> None:
    schools = TargetScope(units=Scope(kinds=frozenset({"school"})))
    offices = TargetScope(units=Scope(kinds=frozenset({"office"})))
    desired = state(
        EntitlementRule(target="mail", name="cn=schools", scope=schools),
        EntitlementRule(target="mail", name="cn=offices", scope=offices),
        scopes={"mail": TargetScope()},
    )

    entitlements = desired.of([(ACCOUNT, SCHOOL)])["okul46"].entitlements

    assert entitlements == {
        "mail": Entitlements(granted=frozenset({"cn=schools"}), withdrawn=frozenset({"cn=offices"}))
    }


def test_two_rules_of_one_entitlement_do_not_withdraw_what_one_of_them_grants() -> None:
    schools, offices = (TargetScope(units=Scope(kinds=frozenset({kind}))) for kind in ("school", "office"))
    rules = [EntitlementRule(target="mail", name="cn=all", scope=scope) for scope in (schools, offices)]
    desired = state(*rules, scopes={"mail": TargetScope()})

    assert desired.of([(ACCOUNT, SCHOOL)])["okul46"].entitlements == {
        "mail": Entitlements(granted=frozenset({"cn=all"}))
    }


@pytest.mark.parametrize("kind", [OperationKind.CLOSE, OperationKind.DELETE, OperationKind.WITHDRAW])
def test_a_closed_account_keeps_no_entitlement(kind: OperationKind) -> None:
    managed = Entitlements(granted=frozenset({"a"}), withdrawn=frozenset({"b"}))
    desired = Desired(targets=frozenset({"mail"}), entitlements={"mail": managed})

    assert desired.entitlements_after(kind) == {"mail": Entitlements(withdrawn=frozenset({"a", "b"}))}
