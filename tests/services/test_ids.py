"""Ids that are given by their first characters."""

from __future__ import annotations

import pytest

from provisioner.core.api.errors import InputError
from provisioner.core.engine.plan import Initiator
from provisioner.services.application import Application
from provisioner.services.ids import find_id
from provisioner.store.ids import Named
from tests.services.conftest import UNITS


@pytest.fixture(name="operation_id")
def _operation_id(app: Application) -> str:
    [operation] = app.engine.apply(app.planner.open_units(UNITS[:1], Initiator(actor="9000")))
    return operation.id


def test_the_first_characters_are_enough(app: Application, operation_id: str) -> None:
    assert find_id(app.store, Named.OPERATION, operation_id[:4]) == operation_id


def test_too_few_characters_are_refused(app: Application, operation_id: str) -> None:
    """One more operation, and they would name another one."""
    with pytest.raises(InputError, match="too short"):
        find_id(app.store, Named.OPERATION, operation_id[:3])


def test_what_is_unknown_is_returned_as_given(app: Application) -> None:
    assert find_id(app.store, Named.OPERATION, "nosuch") == "nosuch"
