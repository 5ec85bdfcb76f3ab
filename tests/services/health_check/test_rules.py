"""The rule sets."""

from __future__ import annotations

from contextlib import closing

import pytest

from provisioner.config.load import LoadedConfiguration, load
from provisioner.core.api.errors import StoreError
from provisioner.core.model.days import utc_now
from provisioner.services.health_check.results import CheckResult, CheckStatus
from provisioner.services.health_check.rules import check_rule_sets
from provisioner.services.parts import plugins_only


def checked(config: LoadedConfiguration, rules: str) -> list[CheckResult]:
    config.file.write_text(config.file.read_text() + rules)
    ruled = load(config.file)
    with closing(plugins_only(ruled)) as plugins:
        plugins.load(ruled.plugin_settings())
        return list(check_rule_sets(ruled, plugins, utc_now))


def test_a_rule_set_says_where_it_holds(office_config: LoadedConfiguration) -> None:
    [found] = checked(office_config, '[rules.backup]\nrule = "backup-duty"\nkinds = ["school"]\n')

    assert (found.name, found.status, found.message.values["kinds"]) == ("rules.backup", CheckStatus.OK, "school")


def test_a_rule_set_for_a_unit_that_is_not_known_is_a_warning(office_config: LoadedConfiguration) -> None:
    """A misspelt code would let it hold nowhere, silently."""
    [found] = checked(office_config, '[rules.backup]\nrule = "backup-duty"\nunder = ["yok"]\n')

    assert (found.status, found.message.values["code"]) == (CheckStatus.WARNING, "yok")


def test_rules_seem_to_be_in_order_without_a_store(office_config: LoadedConfiguration) -> None:
    (office_config.file.parent / "provisioner.sqlite").unlink()

    with pytest.raises(StoreError):
        checked(office_config, '[rules.backup]\nrule = "backup-duty"\n')
