"""The conformance tests, without a command line; what they find out is tested with the command."""

from __future__ import annotations

import pytest

from provisioner.config.load import LoadedConfiguration
from provisioner.core.api.errors import ConfigurationError, DeniedError, InputError
from provisioner.services.contract import Contract


def test_lists_its_checks(office_config: LoadedConfiguration) -> None:
    assert len(Contract(config=office_config, target="directory").checks()) > 10


def test_is_for_administrators_only(office_config: LoadedConfiguration) -> None:
    """It makes accounts that belong to no unit."""
    with pytest.raises(DeniedError):
        Contract(config=office_config, target="directory").run(actor="1003")


def test_needs_a_known_target(office_config: LoadedConfiguration) -> None:
    with pytest.raises(InputError, match="there is no target yok"):
        Contract(config=office_config, target="yok").run(actor="9000")


def test_needs_pytest(office_config: LoadedConfiguration, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provisioner.services.contract.find_spec", lambda _: None)

    with pytest.raises(ConfigurationError, match="needs pytest"):
        Contract(config=office_config, target="directory").checks()
