"""Tells of how many passwords a report is awaited, and which were not delivered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from provisioner.config.load import LoadedConfiguration
from provisioner.core.api.errors import StoreError
from provisioner.core.model.text import Text
from provisioner.services.health_check.results import CheckResult, warning
from provisioner.services.parts import Clock, open_store


def check_deliveries(config: LoadedConfiguration, now: Clock) -> Iterator[CheckResult]:
    """Tell of how many passwords a report is awaited, and which were not delivered, if there are any.

    Only the last password of each open account counts.
    """
    with suppress(StoreError), open_store(config, now) as store:  # it was said already if there is none
        if count := store.deliveries.count_open():
            message = Text.counted(
                "a report on {count} password is awaited", "reports on {count} passwords are awaited", count=count
            )
            yield CheckResult(name="deliveries", message=message)
        if undelivered := [delivery.login for delivery in store.deliveries.undelivered()]:
            message = Text.counted(
                "the password of {count} account was not delivered: {login}",
                "the passwords of {count} accounts were not delivered, the first is {login}",
                count=len(undelivered),
                login=undelivered[0],
            )
            cure = Text("run 'provisioner account rotate {login}'", {"login": undelivered[0]})
            yield warning("deliveries", message, cure)
