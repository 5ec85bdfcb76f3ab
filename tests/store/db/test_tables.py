"""Every column has the name of the field that it keeps, and what must never be stored has no column."""

from __future__ import annotations

import attrs
import pytest
from sqlalchemy import Table

from provisioner.core.engine.limits import HeldRun
from provisioner.core.gateways.health import TargetHealth
from provisioner.core.gateways.maintenance import Maintenance
from provisioner.core.governance.access_requests import AccessRequest
from provisioner.core.governance.incidents import Incident
from provisioner.core.governance.roles import RoleAssignment
from provisioner.core.model import Account, Handover, Operation, Person, Step, Unit
from provisioner.store.db import tables
from provisioner.store.db.tables import metadata
from provisioner.store.db.types import UtcDateTime

MODELS = [
    (tables.units, Unit, set()),
    (tables.persons, Person, set()),
    (tables.accounts, Account, set()),
    (tables.operations, Operation, {"steps"}),
    (tables.steps, Step, set()),
    (tables.handovers, Handover, set()),
    (tables.requests, AccessRequest, set()),
    (tables.grants, RoleAssignment, set()),
    (tables.troubles, Incident, set()),
    (tables.maintenance, Maintenance, set()),
    (tables.target_health, TargetHealth, set()),
    (tables.staged_runs, HeldRun, set()),
]


@pytest.mark.parametrize(("table", "model", "elsewhere"), MODELS, ids=lambda value: getattr(value, "name", ""))
def test_a_field_without_a_column_would_be_lost(
    table: Table, model: type[attrs.AttrsInstance], elsewhere: set[str]
) -> None:
    fields = {field.name for field in attrs.fields(model)} - elsewhere

    assert fields <= set(table.columns.keys())
    assert set(table.columns.keys()) - fields <= {"operation_id", "position"}


def test_no_column_is_made_for_a_secret() -> None:
    columns = {str(column) for table in metadata.tables.values() for column in table.columns}
    columns.remove("keyed_requests.key")  # a client chooses it to tell requests apart
    names = [column.split(".")[1] for column in columns]

    assert not [name for name in names if "secret" in name or name in {"password", "token", "key"}]


def test_every_time_comes_back_with_its_zone() -> None:
    """A plain DateTime would give naive times on SQLite, that no clock can be compared with."""
    plain = [
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.columns
        if "DATETIME" in str(column.type).upper() and not isinstance(column.type, UtcDateTime)
    ]

    assert plain == []
