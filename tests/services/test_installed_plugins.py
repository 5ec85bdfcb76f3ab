"""Plug-ins, without a command line."""

from __future__ import annotations

from importlib.metadata import EntryPoint

from provisioner.config.load import LoadedConfiguration, load
from provisioner.core.api.errors import PluginError
from provisioner.core.gateways.health import TargetHealth
from provisioner.core.model import StepError
from provisioner.services.application import Application
from provisioner.services.installed_plugins import PluginState, describe_plugins


def states(config: LoadedConfiguration | None) -> dict[str, PluginState]:
    return {plugin.name: plugin.state for plugin in describe_plugins(config)}


def test_without_a_configuration_none_is_enabled() -> None:
    assert set(states(None).values()) == {PluginState.INSTALLED}


def test_of_a_configuration_are_enabled(office_config: LoadedConfiguration) -> None:
    found = states(office_config)

    assert (found["local"], found["pys"]) == (PluginState.ENABLED, PluginState.INSTALLED)


def test_that_are_asked_say_what_they_can_do(office_config: LoadedConfiguration) -> None:
    [local] = [plugin for plugin in describe_plugins(office_config, ask=True) if plugin.name == "local"]
    [served] = local.serves

    assert served.state is PluginState.WORKING
    assert served.capabilities is not None


def test_that_serve_a_quarantined_target_are_quarantined(app: Application) -> None:
    error = StepError(name="UnavailableError", message="no answer")
    health = TargetHealth(name="directory", failing_since=app.now(), error=error, quarantined_at=app.now())
    app.store.health.change("directory", lambda _: health)

    assert states(app.config)["local"] is PluginState.QUARANTINED


def test_that_are_not_installed_are_broken(office_config: LoadedConfiguration) -> None:
    office_config.file.write_text(office_config.file.read_text() + '[targets.third]\nplugin = "nosuch"\n')

    assert states(load(office_config.file))["nosuch"] is PluginState.BROKEN


def test_whose_commands_cannot_be_told_are_broken(office_config: LoadedConfiguration) -> None:
    def fail(entry: EntryPoint) -> list[str]:
        raise PluginError("plug-in {plugin} is broken", plugin=entry.name)

    found = describe_plugins(office_config, commands=fail)

    assert {plugin.state for plugin in found} == {PluginState.BROKEN}
