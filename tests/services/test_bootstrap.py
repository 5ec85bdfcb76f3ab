"""Joining the parts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest

from provisioner.config.load import LoadedConfiguration, load
from provisioner.core.api.errors import ConfigurationError, DryRunError, InputError, StoreError
from provisioner.core.api.events import Event, TargetQuarantined
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.engine.plan import Initiator
from provisioner.core.model import OperationState, Person, StepError, Unit
from provisioner.services.bootstrap import application
from provisioner.services.parts import utc_now
from provisioner.store import Store
from provisioner.testing import samples
from provisioner.testing.clock import FakeClock

CONFIG = """\
[accounts]
domain = "meb.gov.tr"
plate_code = "46"
[targets.directory]
plugin = "local"
database = "directory.sqlite"
parallel = 3
[channels.sms]
plugin = "memory"
"""

INITIATOR = Initiator(actor="tester")


@attrs.define(eq=False)
class Observer:
    """Remembers what happened."""

    seen: list[Event] = attrs.field(factory=list)

    @hookimpl
    def operation_event(self, event: Event) -> None:
        self.seen.append(event)


@pytest.fixture(name="config")
def _config(tmp_path: Path) -> LoadedConfiguration:
    file = tmp_path / "provisioner.toml"
    file.write_text(CONFIG)
    Store.create(f"sqlite:///{tmp_path / 'provisioner.sqlite'}").close()
    return load(file)


class TestApplication:
    """Everything a command needs."""

    def test_opens_a_unit_from_end_to_end(self, config: LoadedConfiguration) -> None:
        with application(config) as app:
            app.store.save_persons([samples.HOLDER])
            app.store.save_units([samples.UNIT])

            [operation] = app.engine.apply(app.planner.open_units([samples.UNIT], INITIATOR))

        assert operation.state is OperationState.DONE
        assert [step.name for step in operation.steps] == ["directory", "directory", "sms"]

    def test_takes_its_time_from_the_clock_that_is_given(self, config: LoadedConfiguration) -> None:
        clock = FakeClock(datetime(2031, 5, 1, tzinfo=UTC))
        with application(config, now=clock) as app:
            app.store.save_persons([samples.HOLDER])
            app.store.save_units([samples.UNIT])

            [operation] = app.engine.apply(app.planner.open_units([samples.UNIT], INITIATOR))

        assert operation.created_at == clock()

    def test_makes_logins_with_the_provinces_number(self, config: LoadedConfiguration) -> None:
        """000 m.4/h."""
        unit = Unit(code="x", name="Temel Eğitim", kind="branch", custodian="1001")
        with application(config) as app:
            app.store.save_persons([samples.HOLDER])

            plan = app.planner.open_units([unit], INITIATOR)

        assert [work.account.mail for work in plan.work] == ["temelegitim46@meb.gov.tr"]

    def test_reports_problems_of_a_plan(self, config: LoadedConfiguration) -> None:
        with application(config) as app, pytest.raises(InputError):
            app.planner.open_units([Unit(code="x", name="X", kind="branch")], INITIATOR)

    def test_knows_the_people_of_the_store(self, config: LoadedConfiguration) -> None:
        with application(config) as app:
            app.store.save_persons([Person(id="7", name="Yedi")])

            assert app.planner.people.find_all(["7", "8"]) == {"7": Person(id="7", name="Yedi")}

    def test_limits_calls_as_configured(self, config: LoadedConfiguration) -> None:
        with application(config) as app:
            assert app.plugins.targets["directory"].parallel == 3

    def test_holds_changes_back_in_a_dry_run(self, config: LoadedConfiguration) -> None:
        with application(config, dry_run=True) as app, pytest.raises(DryRunError):
            app.plugins.targets["directory"].change(samples.create())

    def test_tells_of_a_quarantine_even_if_it_cannot_be_written_down(self, config: LoadedConfiguration) -> None:
        """What is wrong with the target must not be hidden behind what is wrong with the store."""
        at, error = utc_now(), StepError(name="UnavailableError", message="")
        notice = TargetQuarantined(at=at, target="directory", failing_since=at, error=error)
        observer = Observer()
        with application(config) as app:
            app.plugins.add("test:observer", observer)
            app.store.close()

            app.plugins.targets["directory"].breaker.notify(notice)

        assert observer.seen == [notice]

    def test_closes_the_plugins_whatever_happens(self, config: LoadedConfiguration) -> None:
        closed: list[bool] = []

        def fail() -> None:
            with application(config) as app:
                app.plugins.on_close(lambda: closed.append(True))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail()

        assert closed == [True]

    def test_without_a_store_does_not_begin(self, config: LoadedConfiguration, tmp_path: Path) -> None:
        (tmp_path / "provisioner.sqlite").unlink()

        with pytest.raises(StoreError), application(config):
            pass

    def test_with_a_plugin_that_does_not_load_does_not_begin(self, tmp_path: Path, config: LoadedConfiguration) -> None:
        """Code that holds an administrator's credentials is not left out silently."""
        config.file.write_text(CONFIG + '[targets.third]\nplugin = "nosuch"\n')

        with pytest.raises(ConfigurationError, match="nosuch is not installed"), application(load(config.file)):
            pass


def test_the_clock_is_in_utc() -> None:
    assert utc_now().tzinfo is UTC
