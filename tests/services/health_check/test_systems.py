"""The targets and channels."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import pytest

from provisioner.core.api.errors import QuarantinedError, UnavailableError
from provisioner.core.gateways.gateway import Channel
from provisioner.core.gateways.health import TargetHealth
from provisioner.core.model import StepError
from provisioner.services.application import Application
from provisioner.services.health_check.results import CheckResult, CheckStatus
from provisioner.services.health_check.systems import calendar_of, check_hooks, check_quarantine, check_systems
from provisioner.services.parts import plugins_only


def checked(app: Application) -> dict[str, CheckResult]:
    maintenance = calendar_of(app.config, app.now).maintenance
    with closing(plugins_only(app.config, maintenance=maintenance)) as plugins:
        plugins.load(app.config.plugin_settings())
        assert list(check_hooks(plugins)) == []
        return {result.name: result for result in check_systems(app.config, plugins, app.now)}


def test_what_works_is_ok(app: Application) -> None:
    found = checked(app)

    assert {name: result.status for name, result in found.items()} == {
        "targets.directory": CheckStatus.OK,
        "channels.sms": CheckStatus.OK,
    }


def test_what_is_down_hides_nothing_of_the_others(app: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(channel: Channel, _: object) -> None:
        raise UnavailableError("it is down", target=channel.name)

    monkeypatch.setattr(Channel, "check", fail)

    found = checked(app)

    assert (found["channels.sms"].error, found["targets.directory"].status) == (UnavailableError, CheckStatus.OK)


def test_a_maintenance_is_no_problem(app: Application) -> None:
    """Nobody is to be called at night for what somebody works on already."""
    app.targets.suspend("directory", app.now() + timedelta(hours=1), actor="9000")

    assert checked(app)["targets.directory"].status is CheckStatus.OK


def test_a_quarantine_is_a_problem_whatever_the_check_says(app: Application) -> None:
    error = StepError(name="UnavailableError", message="no answer")
    health = TargetHealth(name="directory", failing_since=app.now(), error=error, quarantined_at=app.now())
    app.store.health.change("directory", lambda _: health)

    [found] = check_quarantine(app.config, app.now)

    assert (found.name, found.error) == ("targets.directory", QuarantinedError)
