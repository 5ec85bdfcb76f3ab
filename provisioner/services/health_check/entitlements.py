"""Checks that the targets can have the entitlements of the configuration."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.config.load import LoadedConfiguration
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.gateways.gateway import Target
from provisioner.core.gateways.plugins import Plugins
from provisioner.services.health_check.results import CheckResult, problem


def check_entitlements(config: LoadedConfiguration, plugins: Plugins) -> Iterator[CheckResult]:
    """Tell which entitlements no account will ever have. Call it after the check of the targets.

    Args:

        config: The configuration.

        plugins: The targets.
    """
    for name, settings in config.content.entitlements.items():
        target = plugins.targets.get(settings.target)
        if target and _is_without(target):
            yield problem(f"entitlements.{name}", _without(name, target))


def _is_without(target: Target) -> bool:
    return target.report is not None and not target.report.capabilities.sets_entitlements


def _without(name: str, target: Target) -> ConfigurationError:
    return ConfigurationError(
        "target {target} sets no entitlements, so no account gets {name}",
        cure="remove [entitlements.{name}], or name a target whose plug-in sets them, such as ldap",
        name=name,
        target=target.name,
    )
