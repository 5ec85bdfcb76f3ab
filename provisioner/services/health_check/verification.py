"""Tells which accounts differed when they were last verified, and which were not seen for long."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from provisioner.config.load import LoadedConfiguration
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.model.text import Text
from provisioner.core.reconcile.ports import LONGEST_UNSEEN
from provisioner.services.health_check.results import CheckResult, warning
from provisioner.services.last_seen import not_seen
from provisioner.services.parts import Clock, open_store


def check_verification(config: LoadedConfiguration, plugins: Plugins, now: Clock) -> Iterator[CheckResult]:
    """Tell, for each target, which accounts differed when they were verified, and which were not seen for long.

    Differences that a comparison finds are told with the comparison.
    """
    with open_store(config) as store:
        for target in plugins.account_targets:
            if different := store.verifications.different(target.name):
                yield _different(target.name, different)
            if unseen := [account.login for account in not_seen(store, target, now())]:
                yield _not_seen(target.name, unseen)


def _different(target: str, logins: Sequence[str]) -> CheckResult:
    message = Text.counted(
        "{count} account differed when it was verified: {login}",
        "{count} accounts differed when they were verified, the first is {login}",
        count=len(logins),
        login=logins[0],
    )
    return warning(
        f"accounts.{target}", message, Text("run 'provisioner account verify {login}'", {"login": logins[0]})
    )


def _not_seen(target: str, logins: Sequence[str]) -> CheckResult:
    message = Text.counted(
        "{count} account was not seen for {days} days: {login}",
        "{count} accounts were not seen for {days} days, the first is {login}",
        count=len(logins),
        login=logins[0],
        days=LONGEST_UNSEEN.days,
    )
    cure = Text("run 'provisioner reconcile --target {target}', or add a rule set 'verify'", {"target": target})
    return warning(f"accounts.{target}", message, cure)
