"""A list of units is applied: how far it has come, and what did not work."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.core.api.errors import DeniedError
from provisioner.core.engine.plan import Initiator
from provisioner.core.governance.roles import Role
from provisioner.core.model import AccountState, OperationState, Unit
from provisioner.manifest import Manifest
from provisioner.services.list_runs import ListRun
from provisioner.testing.faults import Fault
from tests.console_office import ADMINISTRATOR, OFFICER, TEACHER, Office, opened
from tests.console_office import UNITS as OFFICE_UNITS

UNITS = [
    Unit(code=f"k{n}", name=f"Okul {n}", kind="school", parent="ilce", login=f"k{n}", custodian=TEACHER)
    for n in range(3)
]


def start(office: Office, *, close_missing: bool = False, units: list[Unit] = UNITS) -> ListRun:
    app, initiator = office.harness.app, Initiator(actor=OFFICER)
    listed = Manifest(file="units.csv", items=units, lines={})
    plan = app.unit_list.plan(listed, close_missing=close_missing, initiator=initiator)
    return app.list_runs.start(plan, initiator, hand_over=False)


def wait(list_run: ListRun) -> None:
    for run in list_run.runs:
        run.wait()


def test_what_was_begun_and_not_carried_out_is_planned(tmp_path: Path) -> None:
    """A page that is read before the journal has the run must not say that it is done."""
    with opened(tmp_path) as office:
        list_run, service = start(office), office.harness.app.list_runs

        before = service.progress(list_run, viewer=OFFICER)
        wait(list_run)
        after = service.progress(list_run, viewer=OFFICER)

    assert (before.states, before.ended, before.total) == ({OperationState.PLANNED: 3}, 0, 3)
    assert (after.states, after.ended, after.done) == ({OperationState.DONE: 3}, 3, 3)
    assert not after.troubles


def test_an_account_that_was_not_closed_is_closed_by_another_try(tmp_path: Path) -> None:
    """It is in no list, so that planning the list again would forget it."""
    kept = [*UNITS[:2], *(unit for unit in OFFICE_UNITS if unit.code in {"bilgi", "okul"})]
    with opened(tmp_path) as office:
        wait(start(office))
        office.faults.on("account_close", Fault.REFUSE)
        list_run = start(office, close_missing=True, units=kept)
        wait(list_run)
        service = office.harness.app.list_runs
        troubles = service.progress(list_run, viewer=OFFICER).troubles
        assert "k2" in {trouble.login for trouble in troubles}
        assert service.progress(list_run, viewer=OFFICER).can_retry
        office.faults.clear()
        again = service.retry(list_run, actor=OFFICER)
        wait(again)

        assert office.harness.account("k2").state is AccountState.CLOSED
        assert not service.progress(again, viewer=OFFICER).can_retry


def test_who_lost_the_right_tries_nothing_again(tmp_path: Path) -> None:
    with opened(tmp_path) as office:
        office.faults.on("account_create", Fault.CANNOT_CONNECT)
        list_run = start(office)
        wait(list_run)
        office.harness.app.delegation.revoke(OFFICER, Role.OFFICER, unit="ilce", actor=ADMINISTRATOR)

        with pytest.raises(DeniedError):
            office.harness.app.list_runs.retry(list_run, actor=OFFICER)
