"""The store, the clock and the operations that have not ended."""

from __future__ import annotations

from datetime import timedelta

from provisioner.config.load import LoadedConfiguration
from provisioner.core.api.errors import ClockError, StoreError
from provisioner.core.engine.plan import Initiator
from provisioner.core.model.days import utc_now
from provisioner.services.application import Application
from provisioner.services.health_check.results import CheckStatus
from provisioner.services.health_check.storage import check_store
from provisioner.services.parts import open_store
from tests.services.conftest import UNITS


def test_a_store_that_is_not_there_is_a_problem(office_config: LoadedConfiguration) -> None:
    """And is not made by looking at it."""
    file = office_config.file.parent / "provisioner.sqlite"
    file.unlink()

    [found] = check_store(office_config, utc_now)

    assert (found.name, found.error, file.exists()) == ("store", StoreError, False)


def test_a_clock_that_stands_far_behind_is_a_problem(office_config: LoadedConfiguration) -> None:
    with open_store(office_config) as store:
        store.clock.note(utc_now())

    _, clock = check_store(office_config, lambda: utc_now() - timedelta(days=200))

    assert (clock.name, clock.error) == ("clock", ClockError)


def test_operations_that_have_not_ended_are_counted(app: Application) -> None:
    app.targets.suspend("directory", app.now() + timedelta(hours=1), actor="9000")
    app.runs.start(app.planner.open_units(UNITS, Initiator(actor="9000"))).wait()

    *_, found = check_store(app.config, app.now)

    assert (found.name, found.status, found.message.values["planned"]) == ("operations", CheckStatus.WARNING, 2)
