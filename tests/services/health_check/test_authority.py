"""Who may give roles."""

from __future__ import annotations

from provisioner.config.load import LoadedConfiguration, load
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model.days import utc_now
from provisioner.services.health_check.authority import check_authority
from provisioner.services.health_check.results import CheckStatus


def changed(config: LoadedConfiguration, old: str, new: str) -> LoadedConfiguration:
    config.file.write_text(config.file.read_text().replace(old, new))
    return load(config.file)


def test_administrators_are_counted(office_config: LoadedConfiguration) -> None:
    [found] = check_authority(office_config, utc_now)

    assert (found.status, str(found.message.values["administrators"])) == (CheckStatus.OK, "1 administrator")


def test_nobody_who_can_give_roles_is_a_problem(office_config: LoadedConfiguration) -> None:
    [found] = check_authority(changed(office_config, '["9000"]', "[]"), utc_now)

    assert found.error is ConfigurationError


def test_authority_that_is_not_enforced_is_a_warning(office_config: LoadedConfiguration) -> None:
    """Everybody may do everything then, which nobody may have meant."""
    [found] = check_authority(changed(office_config, '[authority]\nadministrators = ["9000"]\n', ""), utc_now)

    assert found.status is CheckStatus.WARNING
