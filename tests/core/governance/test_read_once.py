"""Questions about many things at one moment read each role and each place once, and get the same answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import attrs
import pytest

from provisioner.core.governance.read_once import PlacesReadOnce, RolesReadOnce
from provisioner.core.governance.roles import Role, RoleAssignment
from provisioner.core.model import Unit

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
UNIT = Unit(code="46", name="İl Millî Eğitim Müdürlüğü", kind="province")
GRANT = RoleAssignment(
    id="g1", person="officer", role=Role.OFFICER, unit="46", granted_by="administrator", granted_at=NOW
)


@attrs.define
class Counted:
    """Roles and units that count how often they are read."""

    reads: Counter[str] = attrs.field(factory=Counter)
    #: The codes of the units that were asked for, without their places.
    asked: Counter[str] = attrs.field(factory=Counter)

    def of(self, person: str, /) -> Sequence[RoleAssignment]:
        self.reads[person] += 1
        return [GRANT] if person == GRANT.person else []

    def all(self) -> Sequence[RoleAssignment]:
        self.reads["all"] += 1
        return [GRANT]

    def path(self, code: str, /) -> Sequence[Unit]:
        self.reads[code] += 1
        return [UNIT] if code == UNIT.code else []

    def get_many(self, codes: Iterable[str], /) -> Mapping[str, Unit]:
        wanted = list(codes)
        self.asked.update(wanted)
        return {code: UNIT for code in wanted if code == UNIT.code}

    def custodian_named_by(self, login: str, /) -> str | None:
        return f"who named the custodian for {login}"


@pytest.fixture(name="records")
def _records() -> Counted:
    return Counted()


def test_the_roles_of_a_person_are_read_once(records: Counted) -> None:
    roles = RolesReadOnce(records)

    assert [roles.of("officer"), roles.of("stranger"), roles.of("officer")] == [[GRANT], [], [GRANT]]
    assert roles.all() == roles.all() == [GRANT]
    assert records.reads == {"officer": 1, "stranger": 1, "all": 1}


def test_the_place_of_a_unit_is_read_once(records: Counted) -> None:
    units = PlacesReadOnce(records)

    assert [units.path("46"), units.path("gone"), units.path("46")] == [[UNIT], [], [UNIT]]
    assert records.reads == {"46": 1, "gone": 1}
    assert units.get_many(["46", "gone"]) == {"46": UNIT}
    assert not records.asked
    assert units.custodian_named_by("il46") == "who named the custodian for il46"


def test_a_unit_is_read_once(records: Counted) -> None:
    """A search asks for the units of each page of accounts, and for those above them."""
    units = PlacesReadOnce(records)

    assert [units.get_many(["46"]), units.get_many(["46", "gone"]), units.get_many(["gone"])] == [
        {"46": UNIT},
        {"46": UNIT},
        {},
    ]
    assert records.asked == {"46": 1, "gone": 1}
    assert units.path("46") == [UNIT]
    assert not records.reads
