"""The health check, without a command line."""

from __future__ import annotations

import sqlite3

import pytest

from provisioner.config.load import LoadedConfiguration, load
from provisioner.core.api.errors import ConfigurationError, StoreError
from provisioner.services.application import Application
from provisioner.services.health_check import CheckStatus, HealthCheck


def statuses(check: HealthCheck) -> dict[str, CheckStatus]:
    return {result.name: result.status for result in check.run()}


def test_of_an_application_finds_every_part(app: Application) -> None:
    list(app.reconcile.compare(actor="9000"))
    found = statuses(app.health_check)

    assert list(found) == [
        "config", "libraries", "store", "clock", "passwords", "authority", "targets.directory", "channels.sms",
        "comparisons.directory",
    ]  # fmt: skip
    assert set(found.values()) == {CheckStatus.OK}


def test_of_a_broken_configuration_says_so(office_config: LoadedConfiguration) -> None:
    """The check is wanted most when no application can be made."""
    office_config.file.write_text("[accounts]\ndomain = 1\n")

    first, *_ = HealthCheck(load=lambda: load(office_config.file)).run()

    assert (first.name, first.status, first.error) == ("config", CheckStatus.PROBLEM, ConfigurationError)


def test_without_a_store_still_checks_the_targets(office_config: LoadedConfiguration) -> None:
    (office_config.file.parent / "provisioner.sqlite").unlink()

    results = list(HealthCheck(load=lambda: office_config).run())

    assert [result.error for result in results if result.name == "store"] == [StoreError]
    assert CheckStatus.OK in {result.status for result in results if result.name == "targets.directory"}


@pytest.mark.parametrize("table", ["deliveries", "operations", "notices", "comparisons"])
def test_a_table_that_cannot_be_read_is_passed_over(office_config: LoadedConfiguration, table: str) -> None:
    """What is in it would then seem to be in order: passwords that were not delivered, for example."""
    with sqlite3.connect(office_config.file.parent / "provisioner.sqlite") as connection:
        connection.execute(f"ALTER TABLE {table} RENAME TO gone")

    found = list(HealthCheck(load=lambda: office_config).run())

    assert [one.error for one in found if one.name == "store" and one.error] == [StoreError]
    assert {"targets.directory", "channels.sms"} <= {one.name for one in found}


def test_of_a_configuration_without_administrators_names_the_cure(office_config: LoadedConfiguration) -> None:
    text = office_config.file.read_text().replace('["9000"]', "[]")
    office_config.file.write_text(text)

    [found] = [
        result for result in HealthCheck(load=lambda: load(office_config.file)).run() if result.name == "authority"
    ]

    assert (found.status, found.error) == (CheckStatus.PROBLEM, ConfigurationError)
    assert found.cure.template == "name administrators under [authority]"


def test_keeps_to_the_clock_that_it_is_given(app: Application, office_config: LoadedConfiguration) -> None:
    """A caller that plays another time would otherwise be told of the time of the machine."""
    now = app.now().replace(year=2031)

    [clock] = [
        result for result in HealthCheck(load=lambda: office_config, now=lambda: now).run() if result.name == "clock"
    ]

    assert clock.message.values["time"] == now
