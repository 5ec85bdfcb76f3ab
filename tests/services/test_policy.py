"""What the rules want, without a command line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from provisioner import Account
from provisioner.config.load import LoadedConfiguration, load
from provisioner.core.api.errors import ClockError, DeniedError, InputError
from provisioner.core.api.rules import Action
from provisioner.core.engine.plan import Initiator
from provisioner.core.policy.notice_messages import Notice
from provisioner.services.application import Application
from provisioner.services.bootstrap import application
from provisioner.testing.clock import FakeClock
from tests.services.conftest import PERSONS, UNITS, Observer

ADMINISTRATOR = "9000"
HOLDER = "1002"
NOBODY_SPECIAL = "1003"

RULES = """\
[rules.backup]
rule = "backup-duty"
"""


@pytest.fixture(name="clock")
def _clock() -> FakeClock:
    return FakeClock(datetime(2026, 3, 2, 9, tzinfo=UTC))


@pytest.fixture(name="ruled")
def _ruled(office_config: LoadedConfiguration, clock: FakeClock) -> Iterator[Application]:
    """Yield an application in which two accounts are to be backed up from time to time."""
    office_config.file.write_text(office_config.file.read_text() + RULES)
    with application(load(office_config.file), now=clock) as app:
        app.store.persons.save(PERSONS)
        app.store.units.save(UNITS)
        app.runs.start(app.planner.open_units(UNITS, Initiator(actor=ADMINISTRATOR))).wait()
        yield app


@pytest.fixture(name="account")
def _account(ruled: Application) -> Account:
    return ruled.store.accounts.get_many(["arge46"])["arge46"]


class TestDue:
    """What is due."""

    def test_is_nothing_on_the_first_day(self, ruled: Application) -> None:
        assert not ruled.deadlines.due().items

    def test_before_a_day_to_come_is_named_with_its_rule_set(self, ruled: Application) -> None:
        due = ruled.deadlines.due(before=ruled.now() + timedelta(days=365), unit="ar-ge")

        assert {(account.login, deadline.rule_set) for account, deadline in due.items} == {("arge46", "backup")}
        assert not due.failures

    def test_of_an_unknown_unit_is_an_error(self, ruled: Application) -> None:
        with pytest.raises(InputError, match="there is no unit yok"):
            ruled.deadlines.due(unit="yok")


class TestSweep:
    """What is due is done."""

    def test_reports_who_was_reminded(self, ruled: Application, clock: FakeClock) -> None:
        clock.advance(timedelta(days=200))

        sweep = ruled.deadlines.sweep(clock_confirmed_by=ADMINISTRATOR)
        summary = sweep.run.wait()

        assert (summary.is_complete, sweep.is_complete, sweep.is_stopped) == (True, True, False)
        reports = sweep.reports(viewer=ADMINISTRATOR)
        assert [report.deadline.action for report in reports if isinstance(report, Notice)] == [Action.DUTY] * 2

    def test_keeps_no_notices_that_are_passed_on(self, ruled: Application, clock: FakeClock) -> None:
        clock.advance(timedelta(days=200))
        told = list[Notice]()

        sweep = ruled.deadlines.sweep(clock_confirmed_by=ADMINISTRATOR)
        sweep.pass_on_notices(told.extend, viewer=ADMINISTRATOR)
        sweep.run.wait()

        assert [notice.deadline.action for notice in told] == [Action.DUTY] * 2
        assert not [report for report in sweep.reports(viewer=ADMINISTRATOR) if isinstance(report, Notice)]
        assert sweep.is_complete

    def test_does_nothing_if_the_clock_cannot_be_believed(self, ruled: Application, clock: FakeClock) -> None:
        clock.advance(-timedelta(days=200))

        with pytest.raises(ClockError):
            ruled.deadlines.sweep()
        with pytest.raises(ClockError):
            ruled.deadlines.preview_sweep()

    def test_can_be_previewed(self, ruled: Application, clock: FakeClock) -> None:
        clock.advance(timedelta(days=200))

        [day] = ruled.deadlines.preview_sweep(clock_confirmed_by=ADMINISTRATOR).days

        assert day.count(Action.DUTY) == 2
        assert ruled.deadlines.due().items, "a preview does nothing"


def test_a_simulation_plays_every_day(ruled: Application) -> None:
    forecast = ruled.deadlines.simulate(days=200)

    assert len(forecast.days) == 200
    assert sum(day.count(Action.DUTY) for day in forecast.days) >= 2


class TestConfirm:
    """A duty was done."""

    def test_by_the_holder_puts_off_the_next_one(self, ruled: Application, clock: FakeClock) -> None:
        observer = Observer()
        ruled.plugins.add("test:observer", observer)
        clock.advance(timedelta(days=200))

        after = ruled.deadlines.confirm("arge46", "backup", actor=HOLDER)

        assert [(event.kind, event.actor) for event in observer.seen] == [("duty_confirmed", HOLDER)]
        assert after.next_deadline is not None
        assert after.next_deadline > clock()

    def test_by_others_is_denied(self, ruled: Application) -> None:
        with pytest.raises(DeniedError):
            ruled.deadlines.confirm("arge46", "backup", actor=NOBODY_SPECIAL)

    def test_needs_a_rule_set_that_is_there(self, ruled: Application) -> None:
        with pytest.raises(InputError, match="there is no rule set yok"):
            ruled.deadlines.confirm("arge46", "yok", actor=HOLDER)

    def test_as_a_dry_run_records_nothing(self, ruled: Application, account: Account) -> None:
        observer = Observer()
        ruled.plugins.add("test:observer", observer)

        assert ruled.deadlines.confirm("arge46", "backup", actor=HOLDER, dry_run=True) == account
        assert observer.seen == []
