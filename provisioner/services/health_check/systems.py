"""Checks the targets and channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial

from provisioner.config.load import LoadedConfiguration
from provisioner.core.api.errors import (
    ConfigurationError,
    InMaintenanceError,
    ProvisionerError,
    QuarantinedError,
    StoreError,
    UnsupportedError,
)
from provisioner.core.api.messages import Capabilities, CheckChannel
from provisioner.core.engine.passwords import PasswordMaker
from provisioner.core.gateways.breaker import Breaker
from provisioner.core.gateways.gateway import Channel, Target
from provisioner.core.gateways.maintenance import Calendar
from provisioner.core.gateways.password_practice import Practice
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.model.text import Text
from provisioner.services.health_check.results import CheckResult, CheckStatus, problem
from provisioner.services.health_check.undo_order import check_undo_order
from provisioner.services.parts import Clock, choose_numbers, open_store
from provisioner.services.rule_sets import make_policy


def calendar_of(config: LoadedConfiguration, now: Clock) -> Calendar:
    """Return what is in maintenance, so that it is not called; if the store cannot tell, all are."""
    with suppress(StoreError), open_store(config) as store:
        return Calendar(read=partial(tuple, store.maintenance.all()), now=now)
    return Calendar(now=now)


def _practice(config: LoadedConfiguration, plugins: Plugins, now: Clock) -> Practice:
    """Return what is done with passwords. What is wrong with it was said already."""
    length: int | None = None
    life: timedelta | None = timedelta(0)  # with which every target is content
    with suppress(ConfigurationError):
        length = PasswordMaker.of(plugins.password_policies()).length
    if plugins.rule_sets.keys() == config.content.rules.keys():
        with suppress(ConfigurationError, StoreError), open_store(config) as store:
            life = make_policy(config, plugins, store, now()).password_life(now())
    return Practice(length=length, life=life)


def check_systems(config: LoadedConfiguration, plugins: Plugins, now: Clock) -> Iterator[CheckResult]:
    """Check every target and channel, at the same time, because each may make us wait for a while."""
    practice = _practice(config, plugins, now)
    capabilities: dict[str, Capabilities] = {}
    looks: list[tuple[str, Callable[[], tuple[Text, Sequence[str | Text]]]]] = [
        *(
            (f"targets.{name}", partial(_target, target, practice, capabilities))
            for name, target in plugins.targets.items()
        ),
        *((f"channels.{name}", partial(_channel, channel)) for name, channel in plugins.channels.items()),
    ]
    checks = [partial(_system, name, look) for name, look in looks]
    with ThreadPoolExecutor(len(checks) or 1, thread_name_prefix="check") as pool:
        for future in [pool.submit(check) for check in checks]:
            yield from future.result()
    yield from check_undo_order(list(plugins.targets.values()), capabilities)


def check_hooks(plugins: Plugins) -> Iterator[CheckResult]:
    """Say what targets and channels cannot do: what the configuration says of it, and what it does not know."""
    for target in (*plugins.targets.values(), *plugins.channels.values()):
        name = f"{target.family}.{target.name}"
        yield from (problem(name, error, ConfigurationError) for error in target.missing)
        if target.cannot:
            hooks = {"hooks": ", ".join(sorted(target.cannot))}
            yield CheckResult(name=name, message=Text("cannot do {hooks}, as the configuration says", hooks))


def check_numbers(config: LoadedConfiguration, plugins: Plugins) -> Iterator[CheckResult]:
    """Report channels that can't send to the number that the configuration says."""
    try:
        choose_numbers(config, plugins)
    except ConfigurationError as error:
        yield problem("channels", error)


def check_quarantine(config: LoadedConfiguration, now: Clock) -> Iterator[CheckResult]:
    """Report which of them are quarantined, regardless of their checks."""
    families = {"targets": config.content.targets, "channels": config.content.channels}
    with open_store(config) as store:
        for family, name in [(family, name) for family, tables in families.items() for name in tables]:
            try:
                Breaker(name=name, now=now, health=store.health).expect_no_quarantine()
            except QuarantinedError as error:
                yield problem(f"{family}.{name}", error)


def _system(name: str, look: Callable[[], tuple[Text, Sequence[str | Text]]]) -> list[CheckResult]:
    try:
        message, warnings = look()
    except UnsupportedError:
        return [CheckResult(name=name, status=CheckStatus.WARNING, message=Text("the plug-in has no check"))]
    except InMaintenanceError as error:
        return [CheckResult(name=name, message=error.text, cure=error.cure)]
    except ProvisionerError as error:
        return [problem(name, error)]
    warned = [
        CheckResult(name=name, status=CheckStatus.WARNING, message=Text("{warning}", {"warning": warning}))
        for warning in warnings
    ]
    return [CheckResult(name=name, message=message), *warned]


def _target(
    target: Target, practice: Practice, capabilities: dict[str, Capabilities]
) -> tuple[Text, Sequence[str | Text]]:
    report = target.check()
    capabilities[target.name] = report.capabilities
    practice.require_acceptance(report.passwords)
    facts = ", ".join(f"{key} {value}" for key, value in report.capabilities.facts.items())
    message = Text("reachable, {facts}", {"facts": facts}) if facts else Text("reachable")
    return message, [*report.warnings, *practice.warnings(report.passwords)]


def _channel(channel: Channel) -> tuple[Text, Sequence[str | Text]]:
    return Text("reachable"), channel.check(CheckChannel()).warnings
