"""Runs that wait for a release, without a command line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from provisioner.config.load import LoadedConfiguration, load
from provisioner.core.api.errors import DeniedError, InputError, NotAuthorizedError
from provisioner.core.engine.plan import Initiator
from provisioner.core.model import AccountState, OperationState
from provisioner.services.application import Application
from provisioner.services.bootstrap import application
from provisioner.services.held_runs import WaitingRun
from provisioner.store.held_runs import StoredHeldRuns
from tests.services.conftest import PERSONS, UNITS

ADMINISTRATOR = "9000"
ANOTHER = "9001"
NOBODY_SPECIAL = "1003"


@pytest.fixture(name="limited")
def _limited(office_config: LoadedConfiguration) -> Iterator[Application]:
    """Yield an application in which a run waits that would close both accounts."""
    text = office_config.file.read_text().replace('["9000"]', '["9000", "9001"]')
    office_config.file.write_text(f"{text}[limits]\nmass_change_from = 1\n")
    with application(load(office_config.file)) as app:
        app.store.persons.save(PERSONS)
        app.store.units.save(UNITS)
        app.runs.start(app.planner.open_units(UNITS, Initiator(actor=ADMINISTRATOR))).wait()
        accounts = list(app.store.accounts.find())
        app.runs.start(app.planner.close(accounts, Initiator(actor=ADMINISTRATOR))).wait()
        yield app


@pytest.fixture(name="held")
def _held(limited: Application) -> WaitingRun:
    [held] = limited.held_runs.waiting(viewer=ADMINISTRATOR)
    return held


def states(app: Application) -> set[AccountState]:
    return {account.state for account in app.store.accounts.find()}


def test_waiting_runs_name_their_accounts(held: WaitingRun) -> None:
    assert (held.run.actor, sorted(held.logins)) == (ADMINISTRATOR, ["arge46", "kmarasmem"])


class TestRelease:
    """A run is meant."""

    def test_carries_it_out(self, limited: Application, held: WaitingRun) -> None:
        summary = limited.held_runs.release(held.run.id[:8], actor=ANOTHER, reason="checked").wait()

        assert summary.states == {OperationState.DONE: 2}
        assert states(limited) == {AccountState.CLOSED}

    def test_is_denied_to_others(self, limited: Application, held: WaitingRun) -> None:
        with pytest.raises(NotAuthorizedError):
            limited.held_runs.release(held.run.id, actor=NOBODY_SPECIAL)

        assert states(limited) == {AccountState.OPEN}

    def test_can_be_previewed(self, limited: Application, held: WaitingRun) -> None:
        preview = limited.held_runs.preview_release(held.run.id, actor=ANOTHER)

        assert len(preview.plan.work) == 2
        assert states(limited) == {AccountState.OPEN}

    def test_of_an_unknown_run_is_an_error(self, limited: Application) -> None:
        with pytest.raises(InputError, match="there is no held run yok"):
            limited.held_runs.release("yok", actor=ANOTHER)


class TestDiscard:
    """A run is not meant."""

    def test_ends_it(self, limited: Application, held: WaitingRun) -> None:
        ended = limited.held_runs.discard(held.run.id, actor=ANOTHER, reason="a mistake")

        assert {operation.state for operation in ended} == {OperationState.FAILED}
        assert not limited.held_runs.waiting(viewer=ADMINISTRATOR)

    def test_as_a_dry_run_ends_nothing(self, limited: Application, held: WaitingRun) -> None:
        assert len(limited.held_runs.discard(held.run.id, actor=ANOTHER, dry_run=True)) == 2
        assert limited.held_runs.waiting(viewer=ADMINISTRATOR)

    def test_is_denied_to_others(self, limited: Application, held: WaitingRun) -> None:
        """Anybody could otherwise keep accounts open that an officer wants closed."""
        with pytest.raises(DeniedError):
            limited.held_runs.discard(held.run.id, actor=NOBODY_SPECIAL)

        assert limited.held_runs.waiting(viewer=ADMINISTRATOR)


def test_a_run_is_read_by_those_who_may_read_all_of_its_accounts(limited: Application, held: WaitingRun) -> None:
    assert limited.held_runs.readable(viewer=ANOTHER) == [held.run]
    assert limited.held_runs.readable(viewer=NOBODY_SPECIAL) == []


def test_a_run_whose_accounts_are_unknown_is_not_for_everybody(
    limited: Application, held: WaitingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StoredHeldRuns, "units", lambda _: {held.run.id: {None}})

    assert limited.held_runs.readable(viewer=NOBODY_SPECIAL) == []
    assert limited.held_runs.readable(viewer=ANOTHER) == [held.run]


def test_who_started_a_run_reads_it_without_a_role(limited: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limited.authority, "administrators", ())

    assert [run.actor for run in limited.held_runs.readable(viewer=ADMINISTRATOR)] == [ADMINISTRATOR]
    assert limited.held_runs.readable(viewer=ANOTHER) == []


def test_runs_that_are_not_shown_are_read_with_all_their_operations(
    limited: Application, held: WaitingRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page would take as long as all of them."""

    def fail(*_: object) -> None:
        pytest.fail("the accounts of a run were read")

    with monkeypatch.context() as patch:
        patch.setattr(StoredHeldRuns, "operations", fail)
        patch.setattr(StoredHeldRuns, "logins", fail)
        assert limited.held_runs.readable(viewer=ANOTHER) == [held.run]

    assert limited.held_runs.readable_run(held.run.id, viewer=ANOTHER) == held
    assert limited.held_runs.readable_run(held.run.id, viewer=NOBODY_SPECIAL) is None
