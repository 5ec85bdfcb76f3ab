"""Opening an application on the store and the plug-ins of a configuration."""

from __future__ import annotations

from datetime import UTC, timedelta
from pathlib import Path

import attrs
import pytest
import time_machine

from provisioner.config.load import LoadedConfiguration, load
from provisioner.core.api.errors import ConfigurationError, DryRunError, StoreError
from provisioner.core.api.events import Event, TargetQuarantined
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.model import StepError
from provisioner.core.model.days import utc_now
from provisioner.services.bootstrap import application
from provisioner.store import Store
from provisioner.testing import samples
from tests.postgresql_stores import StoreServer

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


@pytest.mark.slow
@pytest.mark.server("postgresql")
def test_a_process_whose_clock_is_wrong_goes_by_the_clock_of_the_server(
    tmp_path: Path, store_server: StoreServer
) -> None:
    """It must do nothing that is due only in ten minutes, and write no such times into the audit log."""
    url, password = store_server.new().partition("?")[0], store_server.folder / "password"
    file = tmp_path / "provisioner.toml"
    file.write_text(f'store = "{url}"\nstore_password = "file:{password}"\n{CONFIG}')
    before = utc_now()

    with time_machine.travel(before + timedelta(minutes=10)), application(load(file)) as app:
        [planner, engine] = app.planner.now(), app.engine.context.now()

    assert before <= planner <= engine < before + timedelta(minutes=9)


class TestApplication:
    """What a configuration opens."""

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
