"""Checks that somebody can give roles."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.config.load import LoadedConfiguration
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.governance.roles import Role
from provisioner.core.model.text import Text
from provisioner.services.health_check.results import CheckResult, CheckStatus
from provisioner.services.parts import Clock, authority_of, open_store


def check_authority(config: LoadedConfiguration, now: Clock) -> Iterator[CheckResult]:
    """Check that authority is enforced, and that there are administrators."""
    settings = config.content.authority
    cure = Text("name administrators under [authority]")
    if settings is None:
        message = Text("roles are not enforced: anyone who can run provisioner can do everything")
        yield CheckResult(name="authority", status=CheckStatus.WARNING, message=message, cure=cure)
        return
    with open_store(config) as store:
        given = len(store.role_assignments.all())
        administrators = len(authority_of(config, store, now).who({Role.ADMINISTRATOR}))
        if administrators:
            message = Text(
                "{administrators}, {roles} given",
                {
                    "administrators": Text.counted(
                        "{count} administrator", "{count} administrators", count=administrators
                    ),
                    "roles": Text.counted("{count} role", "{count} roles", count=given),
                },
            )
            yield CheckResult(name="authority", message=message)
        else:
            message = Text("nobody is an administrator, so nobody can give roles")
            yield CheckResult(
                name="authority", status=CheckStatus.PROBLEM, message=message, cure=cure, error=ConfigurationError
            )
