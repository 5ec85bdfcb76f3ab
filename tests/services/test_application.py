"""The services of the product on one store."""

from __future__ import annotations

import attrs
import pytest

from provisioner.core.api.errors import InputError
from provisioner.core.engine.plan import Initiator
from provisioner.core.model import Unit
from provisioner.services.application import Application
from tests.services.conftest import PERSONS, UNITS, Observer

INITIATOR = Initiator(actor="9000")


def test_reports_problems_of_a_plan(app: Application) -> None:
    with pytest.raises(InputError):
        app.planner.open_units([Unit(code="x", name="X", kind="branch")], INITIATOR)


def test_what_units_and_persons_become_is_shown_to_the_observers(app: Application, observer: Observer) -> None:
    """A copy of the audit log would have a gap."""
    app.units.save([attrs.evolve(UNITS[0], name="MEM")], actor="9000")
    app.persons.save([attrs.evolve(PERSONS[0], title="Şef")], actor="9000")

    assert [event.kind for event in observer.seen] == ["unit_changed", "person_changed"]
