"""Suspending and resuming targets and channels."""

from __future__ import annotations

from datetime import timedelta

import attrs
import pytest

from provisioner.config.load import LoadedConfiguration, load
from provisioner.core.api.errors import DeniedError, InputError, NotReadyError
from provisioner.core.gateways.health import TargetHealth
from provisioner.core.model import StepError
from provisioner.services.application import Application
from provisioner.services.targets import Condition, systems
from tests.services.conftest import Observer

ADMINISTRATOR = "9000"
HOUR = timedelta(hours=1)


@pytest.fixture(name="quarantined")
def _quarantined(app: Application) -> Application:
    health = TargetHealth(
        name="directory",
        failing_since=app.now(),
        error=StepError(name="UnavailableError", message="no answer"),
        quarantined_at=app.now(),
    )
    app.store.health.change("directory", lambda _: health)
    return app


def conditions(app: Application) -> dict[str, Condition]:
    return {system.name: system.condition for system in app.targets.systems()}


class TestSuspend:
    """Maintenance."""

    def test_is_told_to_observers(self, app: Application, observer: Observer) -> None:
        app.targets.suspend("sms", app.now() + HOUR, actor=ADMINISTRATOR, reason="disk")

        assert [(event.kind, event.actor) for event in observer.seen] == [("maintenance_began", ADMINISTRATOR)]
        assert conditions(app) == {"directory": Condition.WORKS, "sms": Condition.MAINTENANCE}

    def test_is_denied_to_others(self, app: Application) -> None:
        with pytest.raises(DeniedError):
            app.targets.suspend("sms", app.now() + HOUR, actor="1001")

        assert conditions(app)["sms"] is Condition.WORKS

    def test_needs_a_time_to_come(self, app: Application) -> None:
        with pytest.raises(InputError, match="is in the past"):
            app.targets.suspend("sms", app.now(), actor=ADMINISTRATOR)

    def test_needs_a_known_name(self, app: Application) -> None:
        with pytest.raises(InputError, match="there is no target or channel yok"):
            app.targets.suspend("yok", app.now() + HOUR, actor=ADMINISTRATOR)

    def test_as_a_dry_run_records_nothing(self, app: Application, observer: Observer) -> None:
        app.targets.suspend("sms", app.now() + HOUR, actor=ADMINISTRATOR, dry_run=True)

        assert (observer.seen, conditions(app)["sms"]) == ([], Condition.WORKS)

    def test_ends(self, app: Application, observer: Observer) -> None:
        app.targets.suspend("sms", app.now() + HOUR, actor=ADMINISTRATOR)

        assert app.targets.end_maintenance("sms", actor=ADMINISTRATOR)
        assert not app.targets.end_maintenance("sms", actor=ADMINISTRATOR)
        assert [event.kind for event in observer.seen] == ["maintenance_began", "maintenance_ended"]


class TestResume:
    """The end of a quarantine."""

    def test_is_told_to_observers(self, quarantined: Application, observer: Observer) -> None:
        assert quarantined.targets.resume("directory", actor=ADMINISTRATOR)

        assert [(event.kind, event.actor) for event in observer.seen] == [("target_resumed", ADMINISTRATOR)]
        assert conditions(quarantined)["directory"] is Condition.WORKS

    def test_of_one_that_works_does_nothing(self, app: Application, observer: Observer) -> None:
        assert not app.targets.resume("directory", actor=ADMINISTRATOR)
        assert observer.seen == []

    def test_is_denied_to_others(self, quarantined: Application) -> None:
        with pytest.raises(DeniedError):
            quarantined.targets.resume("directory", actor="1001")

        assert conditions(quarantined)["directory"] is Condition.QUARANTINED

    def test_needs_a_check_that_passes(self, quarantined: Application, broken: LoadedConfiguration) -> None:
        targets = attrs.evolve(quarantined.targets, config=broken)

        with pytest.raises(NotReadyError):
            targets.resume("directory", actor=ADMINISTRATOR)
        assert targets.resume("directory", actor=ADMINISTRATOR, force=True)


@pytest.fixture(name="broken")
def _broken(office_config: LoadedConfiguration) -> LoadedConfiguration:
    """Return a configuration whose target does not work: its database is no database."""
    text = office_config.file.read_text()
    folder = office_config.file.parent
    (folder / "broken.sqlite").write_text("this is no database, and too long for the head of one" * 20)
    file = folder / "broken.toml"
    file.write_text(text.replace("directory.sqlite", "broken.sqlite"))
    return load(file)


def test_systems_need_no_plugin(app: Application) -> None:
    """The list is wanted most when a plug-in does not load."""
    found = systems(app.config, app.store, app.now)

    assert [(system.name, system.kind.value, system.plugin) for system in found] == [
        ("directory", "target", "local"),
        ("sms", "channel", "memory"),
    ]
