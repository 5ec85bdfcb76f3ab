"""The parts that are of use alone."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from provisioner.config.load import LoadedConfiguration
from provisioner.core.api.errors import DryRunError, InMaintenanceError, StoreError
from provisioner.core.gateways.maintenance import Maintenance
from provisioner.core.governance.roles import Role
from provisioner.core.model.days import utc_now
from provisioner.services.parts import authority_of, open_store, plugins_only
from provisioner.testing import samples


class TestPluginsOnly:
    """Plug-ins without a store."""

    def test_changes_nothing_unless_that_is_asked_for(self, office_config: LoadedConfiguration) -> None:
        """A check that opened an account would be a surprise."""
        with closing(plugins_only(office_config)) as plugins:
            plugins.load(office_config.plugin_settings())

            with pytest.raises(DryRunError):
                plugins.targets["directory"].change(samples.create())

    def test_respects_a_maintenance(self, office_config: LoadedConfiguration) -> None:
        now = utc_now()
        works = Maintenance(name="directory", since=now, until=now + timedelta(hours=1), actor="9000")
        with closing(plugins_only(office_config, maintenance={"directory": works}.get)) as plugins:
            plugins.load(office_config.plugin_settings())

            with pytest.raises(InMaintenanceError):
                plugins.targets["directory"].check()


def test_the_store_takes_its_time_from_the_clock_that_is_given(office_config: LoadedConfiguration) -> None:
    at = datetime(2031, 5, 1, tzinfo=UTC)
    with open_store(office_config, lambda: at) as store:
        store.clock.note(at)

        assert (known := store.clock.known_times())
        assert known.latest_at == at


def test_a_store_that_is_not_there_is_not_made(office_config: LoadedConfiguration) -> None:
    """An empty store in the wrong place would look as if all accounts were gone."""
    (office_config.file.parent / "provisioner.sqlite").unlink()

    with pytest.raises(StoreError):
        open_store(office_config)


def test_a_password_that_is_not_there_keeps_the_store_shut(
    office_config: LoadedConfiguration,
) -> None:
    content = attrs.evolve(office_config.content, store="postgresql://me@db/store", store_password="env:NOWHERE")

    with pytest.raises(StoreError, match="store_password"):
        open_store(attrs.evolve(office_config, content=content))


def test_the_administrators_are_those_of_the_configuration(office_config: LoadedConfiguration) -> None:
    with open_store(office_config) as store:
        authority = authority_of(office_config, store)

        assert authority.enforced
        assert list(authority.who({Role.ADMINISTRATOR})) == ["9000"]
