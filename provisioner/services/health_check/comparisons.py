"""Tells how each target compared with the journal the last time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from provisioner.config.load import LoadedConfiguration
from provisioner.core.api.errors import OmittedError
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.model.text import Text
from provisioner.core.reconcile.history import PastComparison
from provisioner.services.health_check.results import CheckResult, warning
from provisioner.services.parts import Clock, open_store

#: After this time, somebody should compare a target again.
LONGEST_WAIT = timedelta(days=7)


def check_comparisons(config: LoadedConfiguration, plugins: Plugins, now: Clock) -> Iterator[CheckResult]:
    """Tell the last comparison of each target, except of those of which the configuration says that they have no list.

    A comparison of a single unit doesn't count.
    """
    with open_store(config) as store:
        for target in plugins.account_targets:
            lacking = target.lacks("account_list")
            if lacking is None:
                yield _result(target.name, store.comparisons.last(target.name), now())
            elif not isinstance(lacking, OmittedError):
                yield warning(_name(target.name), lacking.text, lacking.cure)


def _result(target: str, last: PastComparison | None, now: datetime) -> CheckResult:
    if last and not last.differences and not last.error and now - last.started_at <= LONGEST_WAIT:
        return CheckResult(name=_name(target), message=_message(last, now))
    message = _message(last, now) if last else Text("never compared")
    return warning(_name(target), message, Text("run 'provisioner reconcile --target {target}'", {"target": target}))


def _name(target: str) -> str:
    return f"comparisons.{target}"


def _message(last: PastComparison, now: datetime) -> Text:
    age = _age(now - last.started_at)
    if last.error:
        return Text("compared {age}, not completely: {reason}", {"age": age, "reason": last.error.message})
    if not last.differences:
        return Text("compared {age}, no differences", {"age": age})
    found = Text.counted("{count} difference", "{count} differences", count=last.total)
    return Text("compared {age}, {differences}", {"age": age, "differences": found})


def _age(age: timedelta) -> Text:
    if age < timedelta(days=1):
        return Text("less than a day ago")
    return Text.counted("{count} day ago", "{count} days ago", count=age.days)
