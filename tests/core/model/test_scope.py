"""Which units and accounts a scope includes."""

from __future__ import annotations

import attrs
import pytest

from provisioner.core.model import Account, AccountKind, Unit
from provisioner.core.model.scope import Scope, TargetScope

SCHOOL = Unit(code="okul", name="Okul", kind="school", parent="ilce")
ACCOUNT = Account(login="okul46", domain="meb.gov.tr", unit="okul")
PATH = ("okul", "ilce", "il")


@pytest.mark.parametrize(
    ("scope", "includes"),
    [
        (TargetScope(), True),
        (TargetScope(units=Scope(kinds=frozenset({"school"}))), True),
        (TargetScope(units=Scope(kinds=frozenset({"office"}))), False),
        (TargetScope(units=Scope(under=frozenset({"il"}))), True),
        (TargetScope(units=Scope(under=frozenset({"okul"}))), True),
        (TargetScope(units=Scope(under=frozenset({"other"}))), False),
        (TargetScope(units=Scope(kinds=frozenset({"office"}), under=frozenset({"il"}))), False),
        (TargetScope(account_kinds=frozenset({AccountKind.UNIT})), True),
        (TargetScope(account_kinds=frozenset({AccountKind.PERSONAL})), False),
    ],
)
def test_a_target_has_the_accounts_that_its_scope_includes_and_no_others(scope: TargetScope, includes: bool) -> None:
    assert scope.includes(ACCOUNT, SCHOOL, PATH) is includes


def test_a_personal_account_is_not_taken_for_the_account_of_its_unit() -> None:
    personal = attrs.evolve(ACCOUNT, kind=AccountKind.PERSONAL)

    assert TargetScope(account_kinds=frozenset({AccountKind.PERSONAL})).includes(personal, SCHOOL, PATH)


@pytest.mark.parametrize(
    ("scope", "everywhere"), [(TargetScope(), True), (TargetScope(units=Scope(kinds=frozenset("a"))), False)]
)
def test_only_an_empty_scope_is_everywhere(scope: TargetScope, everywhere: bool) -> None:
    assert scope.is_everywhere is everywhere
