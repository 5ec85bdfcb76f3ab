"""Tells of how many passwords a report is awaited, and which passwords and notices were not reported as delivered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from provisioner.config.load import LoadedConfiguration
from provisioner.core.model.text import Text
from provisioner.services.health_check.results import CheckResult, warning
from provisioner.services.parts import Clock, allowances_of, open_store

#: How many days a notice that was not reported as delivered is told.
NOTICE_DAYS = 30


def check_deliveries(config: LoadedConfiguration, now: Clock) -> Iterator[CheckResult]:
    """Tell of how many passwords a report is awaited, and which were not reported as delivered, if there are any.

    Only the last password of each open account counts.
    """
    with open_store(config, now) as store:
        if count := store.deliveries.count_open():
            message = Text.counted(
                "a report on {count} password is awaited", "reports on {count} passwords are awaited", count=count
            )
            yield CheckResult(name="deliveries", message=message)
        if undelivered := [delivery.login for delivery in store.deliveries.undelivered()]:
            message = Text.counted(
                "no report says that the password of {count} account was delivered: {login}",
                "no report says that the passwords of {count} accounts were delivered, the first is {login}",
                count=len(undelivered),
                login=undelivered[0],
            )
            cure = Text("run 'provisioner account rotate {login}'", {"login": undelivered[0]})
            yield warning("deliveries", message, cure)


def check_notices(config: LoadedConfiguration, now: Clock) -> Iterator[CheckResult]:
    """Tell of the notices of the last days that gateways took and did not report as delivered, if there are any."""
    with open_store(config, now) as store:
        if undelivered := store.notices.undelivered(now() - timedelta(days=NOTICE_DAYS)):
            latest = undelivered[0].subject
            message = Text.counted(
                "a gateway accepted {count} notice, and no report says that it was delivered: the one about {subject}",
                "gateways accepted {count} notices, and no report says that they were delivered, "
                "the latest about {subject}",
                count=len(undelivered),
                subject=latest,
            )
            cure = Text(
                "check the mobile number or address of the person who is told of {subject}; "
                "a sweep sends a notice once more",
                {"subject": latest},
            )
            yield warning("notices", message, cure)


def check_daily_limits(config: LoadedConfiguration, now: Clock) -> Iterator[CheckResult]:
    """Tell how many messages each channel with a daily limit has sent today."""
    with open_store(config, now) as store:
        allowances = allowances_of(config, store, now)
        for channel, limit in allowances.limits.items():
            sent = store.message_counts.sent(channel, allowances.today)
            values = {"sent": f"{sent:,}", "limit": f"{limit:,}", "channel": channel, "end": allowances.next_day_at}
            message = Text("{sent} of {limit} messages today", values)
            if sent < limit:
                yield CheckResult(name=f"channels.{channel}", message=message)
            else:
                cure = Text("it sends again from {end}; raise max_per_day if that is too few", values)
                yield warning(f"channels.{channel}", message, cure)
