"""Separation of duties over long lists; tests/cli/test_separation.py has what is denied."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs
import pytest

from provisioner.core.api.errors import DeniedError
from provisioner.core.governance.authority import Authority, Role
from provisioner.core.governance.separation import SeparationOfDuties
from provisioner.core.model import Unit
from tests.core.governance.test_authority import Known, role

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
NEW = Unit(code="n", name="Yeni Okul", kind="school", parent="46-1", custodian="local")


def test_rights_are_looked_up_once_for_a_list_and_not_for_each_unit() -> None:
    known = Known([role("local", Role.ADMINISTRATOR, "46-1")])
    duties = SeparationOfDuties(Authority(records=known, administrators=("admin",), now=lambda: NOW))
    units = [attrs.evolve(NEW, code=f"n{number}") for number in range(2000)]

    duties.require_for_units("local", {}, units)
    with pytest.raises(DeniedError, match="the custodian of n1999"):
        duties.require_for_units("local", {}, [*units[:-1], attrs.evolve(units[-1], parent="46-2")])

    assert known.lookups < 20


def test_the_first_unit_of_the_list_that_is_denied_is_named() -> None:
    known = Known([role("officer", Role.OFFICER, "46")])
    duties = SeparationOfDuties(Authority(records=known, administrators=("admin",), now=lambda: NOW))
    units = [attrs.evolve(NEW, code=f"n{number}", custodian=f"{number}") for number in range(9)]
    kept = attrs.evolve(NEW, code="kept", custodian="officer")
    own = [attrs.evolve(NEW, code=code, custodian="officer") for code in ("b", "a")]

    with pytest.raises(DeniedError, match="may not name officer the custodian of b:"):
        duties.require_for_units("officer", {"kept": kept}, [*units, kept, *own])
