"""A unit that moves to another district, for the contract of targets with containers."""

from __future__ import annotations

import attrs

from provisioner.core.model import Unit
from provisioner.testing.contract.sandbox import PEOPLE, UnitMove

#: The district before the move.
FORMER = Unit(code="sozlesme-eski", name="Sözleşme Eski İlçesi", kind="district")


def unit_move(unit: Unit = PEOPLE.unit) -> UnitMove:
    """Return a unit below a district that no other check knows."""
    district = Unit(code="sozlesme-ilce", name="Sözleşme İlçesi", kind="district")
    return UnitMove(unit=attrs.evolve(unit, parent=district.code), parent=district)
