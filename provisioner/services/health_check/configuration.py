"""Checks the configuration, the libraries and the passwords."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata

from provisioner.config.load import LoadedConfiguration
from provisioner.config.secrets import places_in_clear
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.engine.passwords import PasswordMaker
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.model.text import Text
from provisioner.services.health_check.results import CheckResult, CheckStatus, problem


def check_secrets(config: LoadedConfiguration) -> Iterator[CheckResult]:
    """Say which secrets stand in the file itself, for everybody who can read it."""
    content = config.content
    tables = {"targets": content.targets, "channels": content.channels, "rules": content.rules}
    provider = content.console.oidc
    own = {
        "store_password": content.store_password,
        "console.oidc.client_secret": provider.client_secret if provider else "",
    }
    for place in places_in_clear({**own, **tables}):
        yield CheckResult(
            name="config",
            status=CheckStatus.WARNING,
            message=Text("{place} is a secret in the configuration file", {"place": place}),
            cure=Text("remove the secret from the file and write a reference here"),
        )


def check_libraries() -> CheckResult:
    """Check that two distributions do not fight over the import name ``passlib``."""
    installed = {distribution.name for distribution in metadata.distributions() if distribution.name}
    if {"passlib", "libpass"} <= installed:
        return CheckResult(
            name="libraries",
            status=CheckStatus.PROBLEM,
            message=Text("passlib is installed beside libpass, and overwrites it"),
            cure=Text("run 'pip uninstall passlib', then 'pip install --force-reinstall libpass'"),
            error=ConfigurationError,
        )
    return CheckResult(name="libraries", message=Text("no conflicts"))


def check_passwords(plugins: Plugins) -> CheckResult:
    """Check that the requirements of all targets go together."""
    try:
        maker = PasswordMaker.of(plugins.password_policies())
    except ConfigurationError as error:
        return problem("passwords", error)
    strength = {"length": maker.length, "bits": round(maker.bits)}
    return CheckResult(name="passwords", message=Text("{length} characters, {bits} bits", strength))
