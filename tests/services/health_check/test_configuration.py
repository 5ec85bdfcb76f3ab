"""The configuration, the libraries and the passwords."""

from __future__ import annotations

from contextlib import closing
from importlib import metadata

import pytest

from provisioner.config.load import LoadedConfiguration, load
from provisioner.core.api.errors import ConfigurationError
from provisioner.services.health_check.configuration import check_libraries, check_passwords, check_secrets
from provisioner.services.health_check.results import CheckStatus
from provisioner.services.parts import plugins_only


def test_a_secret_in_the_file_is_a_warning(office_config: LoadedConfiguration) -> None:
    text = office_config.file.read_text()
    office_config.file.write_text(
        f'{text}[targets.pys]\nplugin = "pys"\nurl = "http://127.0.0.1:1"\ntoken = "plain:abc"\n'
    )

    found = list(check_secrets(load(office_config.file)))

    assert {result.status for result in found} == {CheckStatus.WARNING}
    assert "abc" not in str(found)


def test_without_secrets_there_is_nothing_to_say(office_config: LoadedConfiguration) -> None:
    assert list(check_secrets(office_config)) == []


def test_two_libraries_of_one_import_name_are_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    class Installed:
        def __init__(self, name: str) -> None:
            self.name = name

    monkeypatch.setattr(metadata, "distributions", lambda: [Installed("passlib"), Installed("libpass")])

    assert check_libraries().error is ConfigurationError


def test_the_strength_of_passwords_is_told(office_config: LoadedConfiguration) -> None:
    with closing(plugins_only(office_config)) as plugins:
        plugins.load(office_config.plugin_settings())
        found = check_passwords(plugins)

    assert found.status is CheckStatus.OK
    assert found.message.values.keys() == {"length", "bits"}
