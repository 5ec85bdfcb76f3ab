"""A plug-in gets its own table of the configuration, and nothing of it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs

from provisioner.core.api.registration import LONGEST_CALL, PluginSettings, Section, SettingsT
from provisioner.core.gateways.gateway import Target
from provisioner.core.gateways.plugins import Plugins
from provisioner.testing.harness import ORIGIN
from provisioner.testing.memory import MemoryTarget

SECRET = "hunter2"


@attrs.frozen
class Settings:
    host: str


def structure(table: Mapping[str, object], cls: type[SettingsT], place: str, /) -> SettingsT:
    return cls(f"{table['host']} from {place}")  # type: ignore[call-arg]


SECTION = Section(
    name="posta",
    place="targets.posta",
    folder=Path("/etc/provisioner"),
    table={"host": "ldap", "password": SECRET},
    structure=structure,
)


def test_settings_are_made_of_the_own_table_and_name_its_place() -> None:
    assert SECTION.settings(Settings) == Settings("ldap from targets.posta")


def test_what_the_table_says_is_not_shown() -> None:
    assert SECRET not in repr(SECTION)
    assert SECRET not in repr(PluginSettings(plugin="ldap", targets=(SECTION,)))


def test_a_plugin_that_names_no_limit_has_one(plugins: Plugins) -> None:
    target: Target = plugins.add_target("posta", MemoryTarget(), ORIGIN)

    assert target.longest_call == LONGEST_CALL


def test_people_are_spoken_to_in_turkish_where_nothing_else_is_said() -> None:
    settings = PluginSettings(plugin="ldap")

    assert (settings.language, settings.time_zone.key) == ("tr", "Europe/Istanbul")
