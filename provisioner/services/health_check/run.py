"""Runs the whole health check."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import attrs

from provisioner.config.load import LoadedConfiguration
from provisioner.core.api.errors import ConfigurationError, StoreError
from provisioner.core.api.registration import PluginSettings
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.model.days import utc_now
from provisioner.core.model.text import Text
from provisioner.services.health_check.authority import check_authority
from provisioner.services.health_check.collectors import check_collectors
from provisioner.services.health_check.comparisons import check_comparisons
from provisioner.services.health_check.configuration import check_libraries, check_passwords, check_secrets
from provisioner.services.health_check.credentials import check_credentials
from provisioner.services.health_check.deliveries import (
    check_daily_limits,
    check_deliveries,
    check_notices,
)
from provisioner.services.health_check.entitlements import check_entitlements
from provisioner.services.health_check.provider import check_provider
from provisioner.services.health_check.results import CheckResult, problem
from provisioner.services.health_check.rules import check_rule_sets
from provisioner.services.health_check.scopes import check_scopes
from provisioner.services.health_check.sessions import check_sessions
from provisioner.services.health_check.storage import check_store
from provisioner.services.health_check.systems import (
    calendar_of,
    check_hooks,
    check_numbers,
    check_quarantine,
    check_systems,
)
from provisioner.services.health_check.verification import check_verification
from provisioner.services.parts import Clock, plugins_only

#: The part that many checks read.
_STORE = "store"


@attrs.frozen(kw_only=True)
class HealthCheck:
    """Checks every part, whatever is wrong with the others.

    Args:

        load: Returns the configuration, or raises a :class:`~provisioner.core.api.errors.ConfigurationError`.

        now: The clock.
    """

    load: Callable[[], LoadedConfiguration]
    now: Clock = utc_now

    def run(self) -> Iterator[CheckResult]:
        """Yield the results, part by part, as they are found out. Nothing is changed.

        That the store fails is said once, also if it could be opened before.
        """
        is_said = False
        for found in self._results():
            is_of_store = found.name == _STORE and found.error is not None
            if not (is_of_store and is_said):
                yield found
            is_said = is_said or is_of_store

    def _results(self) -> Iterator[CheckResult]:
        try:
            config = self.load()
            settings = config.plugin_settings()
            config.entitlement_rules()
        except ConfigurationError as error:
            yield problem("config", error)
            yield check_libraries()
            return
        yield CheckResult(name="config", message=Text("{file}", {"file": config.file}))
        yield from check_secrets(config)
        yield check_libraries()
        yield from _with_store(check_store(config, self.now))
        calendar = calendar_of(config, self.now)
        with closing(plugins_only(config, now=self.now, maintenance=calendar.maintenance)) as plugins:
            for setting in settings:
                yield from _load(plugins, setting)
            yield check_passwords(plugins)
            yield from _with_store(check_authority(config, self.now))
            yield from check_provider(config)
            yield from _with_store(check_rule_sets(config, plugins, self.now))
            yield from check_systems(config, plugins, self.now)
            yield from check_numbers(config, plugins)
            yield from check_hooks(plugins)
            yield from check_entitlements(config, plugins)
            yield from _with_store(check_scopes(config, plugins))
            yield from _with_store(check_sessions(config))
            yield from _with_store(check_comparisons(config, plugins, self.now))
            yield from _with_store(check_verification(config, plugins, self.now))
        yield from _with_store(check_credentials(config, self.now))
        yield from _with_store(check_deliveries(config, self.now))
        yield from _with_store(check_notices(config, self.now))
        yield from _with_store(check_collectors(config, self.now))
        yield from _with_store(check_daily_limits(config, self.now))
        yield from _with_store(check_quarantine(config, self.now))


def _with_store(check: Iterator[CheckResult]) -> Iterator[CheckResult]:
    """Yield the results of a check that reads the store, and that it can't be read if so."""
    try:
        yield from check
    except StoreError as error:
        yield problem(_STORE, error)


def _load(plugins: Plugins, setting: PluginSettings) -> Iterator[CheckResult]:
    try:
        plugins.load([setting])
    except ConfigurationError as error:
        yield problem(f"plugins.{setting.plugin}", error)
