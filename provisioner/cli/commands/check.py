"""``provisioner check``: one line for every part, with what is wrong and its cure. All are checked, whatever fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from importlib import metadata
from pathlib import Path

import attrs
import click

from provisioner.cli import failures
from provisioner.cli.exits import ExitCode
from provisioner.cli.options import json_option
from provisioner.cli.session import Session
from provisioner.config.load import LoadedConfiguration
from provisioner.config.secrets import places_in_clear
from provisioner.core.api.errors import (
    ConfigurationError,
    InMaintenanceError,
    ProvisionerError,
    QuarantinedError,
    StoreError,
    UnsupportedError,
)
from provisioner.core.api.messages import CheckChannel
from provisioner.core.api.rules import Observation
from provisioner.core.engine.clock import KnownTimes
from provisioner.core.engine.passwords import PasswordMaker
from provisioner.core.gateways.breaker import Breaker
from provisioner.core.gateways.gateway import Channel, Target
from provisioner.core.gateways.maintenance import Calendar
from provisioner.core.gateways.password_practice import Practice
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.governance.authority import Role
from provisioner.core.governance.directives import Defaults
from provisioner.core.model import OperationState
from provisioner.core.model.text import Text
from provisioner.core.policy.evaluation import RuleFailure
from provisioner.core.policy.policy import Policy, RuleSet
from provisioner.services.bootstrap import authority_of, utc_now
from provisioner.services.rule_sets import make_policy
from provisioner.store import Store
from provisioner.store.db.schema import REVISION

NO_CURE = Text("")


class CheckStatus(StrEnum):
    """How a part is."""

    OK = "ok"
    #: It works, and somebody should look at it.
    WARNING = "warning"
    #: It does not work.
    PROBLEM = "problem"


@attrs.frozen(kw_only=True)
class CheckResult:
    """What was found out about one part."""

    name: str
    status: CheckStatus = CheckStatus.OK
    message: Text
    cure: Text = NO_CURE
    code: ExitCode = ExitCode.DONE


@click.command("check")
@json_option
@click.pass_obj
def command(session: Session) -> ExitCode:
    """Check that every component works.

    It checks the configuration, the store, the clock, the rules, and every target and channel.
    """
    session.set_up_logs()
    findings = list(_findings(session))
    session.output.document({"items": [_document(finding, session) for finding in findings]})
    for finding in findings:
        _tell(finding, session)
    codes = {finding.code for finding in findings} - {ExitCode.DONE}
    return min(codes, default=ExitCode.DONE)


def _findings(session: Session) -> Iterator[CheckResult]:
    try:
        config = session.configuration
        settings = config.plugin_settings()
    except ConfigurationError as error:
        yield _problem("config", error)
        yield _libraries()
        return
    yield CheckResult(name="config", message=Text("{file}", {"file": config.file}))
    yield from _secrets(config)
    yield _libraries()
    yield from _store(config)
    with ExitStack() as stack:
        calendar = _calendar(config)
        plugins = Plugins(
            make_breaker=lambda name: Breaker(name=name, now=utc_now, maintenance=calendar.maintenance), dry_run=True
        )
        stack.callback(plugins.close)
        plugins.add("core:defaults", Defaults(plate_code=config.content.accounts.plate_code))
        for setting in settings:
            try:
                plugins.load([setting])
            except ConfigurationError as error:
                yield _problem(f"plugins.{setting.plugin}", error)
        yield _passwords(plugins)
        yield from _authority(config)
        yield from _rule_sets(config, plugins)
        yield from _systems(plugins, _practice(config, plugins))
        yield from _left_out(plugins)
    yield from _quarantined(config)


def _secrets(config: LoadedConfiguration) -> Iterator[CheckResult]:
    """Say which secrets stand in the file itself, for everybody who can read it."""
    content = config.content
    for place in places_in_clear({"targets": content.targets, "channels": content.channels, "rules": content.rules}):
        yield CheckResult(
            name="config",
            status=CheckStatus.WARNING,
            message=Text("{place} is a secret that stands in the configuration itself", {"place": place}),
            cure=Text("move the secret out of the file and name the place here"),
        )


def _libraries() -> CheckResult:
    """See that two distributions do not fight over the import name ``passlib``."""
    installed = {distribution.name for distribution in metadata.distributions() if distribution.name}
    if {"passlib", "libpass"} <= installed:
        return CheckResult(
            name="libraries",
            status=CheckStatus.PROBLEM,
            message=Text("passlib is installed beside libpass, and overwrites it"),
            cure=Text("run 'pip uninstall passlib', then 'pip install --force-reinstall libpass'"),
            code=ExitCode.WRONG,
        )
    return CheckResult(name="libraries", message=Text("no conflicts"))


def _store(config: LoadedConfiguration) -> Iterator[CheckResult]:
    try:
        Store.open(config.store_url).close()
        with Store.create(config.store_url) as store:  # it is there, so this only shows that it can be written
            lost, head_file = store.lost_tail(), store.head_file
            known = store.known_times()
    except ProvisionerError as error:
        yield _problem("store", error)
        return
    yield CheckResult(name="store", message=Text("version {version}, can be written", {"version": REVISION}))
    if lost:
        yield _restored(lost.seq, head_file)
    yield _clock(known, utc_now())
    yield from _operations(config)


def _operations(config: LoadedConfiguration) -> Iterator[CheckResult]:
    """Count the operations that have not ended. Those on which a process works need nobody's attention."""
    with suppress(StoreError), Store.open(config.store_url) as store:
        found = store.count_unended()
        if not found:
            return
        counts = {state.value: found.get(state, 0) for state in OperationState}
        message = Text("{incomplete} incomplete, {planned} planned, {running} running, {staged} held back", counts)
        if found.keys() - {OperationState.RUNNING} or any(store.resumable(utc_now())):
            cure = Text("see 'provisioner operation list', then run 'provisioner resume'")
            yield CheckResult(name="operations", status=CheckStatus.WARNING, message=message, cure=cure)
        else:
            yield CheckResult(name="operations", message=message)


def _restored(seq: int, head_file: Path) -> CheckResult:
    return CheckResult(
        name="store",
        status=CheckStatus.PROBLEM,
        message=Text(
            "the store is older than it was, as after the restoring of a backup: it knows nothing of what led to event "
            "{seq} of the audit log, so passwords and states of accounts may be others than it says",
            {"seq": seq},
        ),
        cure=Text(
            "verify the accounts that may have been changed since, and give them new passwords with 'provisioner "
            "account rotate'; then remove {file}",
            {"file": head_file},
        ),
        code=ExitCode.UNFINISHED,
    )


def _clock(known: KnownTimes | None, now: datetime) -> CheckResult:
    """Compare the clock with what the store remembers."""
    if known and (error := known.objection(now)):
        return _problem("clock", error)
    if known and known.has_future(now):
        return CheckResult(
            name="clock",
            status=CheckStatus.WARNING,
            message=Text("the clock was ahead: times up to {time} are stored", {"time": known.latest_at}),
            cure=Text("the next sweep corrects them; run 'provisioner policy sweep'"),
        )
    ahead = (known.latest_at - now).total_seconds() if known else 0
    if ahead > 0:
        return CheckResult(
            name="clock",
            status=CheckStatus.WARNING,
            message=Text("the clock is {seconds} seconds behind the last operation", {"seconds": round(ahead)}),
            cure=Text("set the clock, and keep it right by NTP"),
        )
    return CheckResult(name="clock", message=Text("{time}", {"time": now}))


def _authority(config: LoadedConfiguration) -> Iterator[CheckResult]:
    settings = config.content.authority
    cure = Text("name administrators under [authority]")
    if settings is None:
        message = Text("authority is not enforced: everybody may do everything")
        yield CheckResult(name="authority", status=CheckStatus.WARNING, message=message, cure=cure)
        return
    with suppress(StoreError), Store.open(config.store_url) as store:
        given = len(store.all_grants())
        administrators = len(authority_of(config, store).who({Role.ADMINISTRATOR}))
        if administrators:
            counts = {"administrators": administrators, "given": given}
            message = Text("{administrators} administrator(s), {given} role(s) given", counts)
            yield CheckResult(name="authority", message=message)
        else:
            message = Text("nobody is an administrator, so nobody can give roles")
            yield CheckResult(
                name="authority", status=CheckStatus.PROBLEM, message=message, cure=cure, code=ExitCode.WRONG
            )


def _passwords(plugins: Plugins) -> CheckResult:
    try:
        maker = PasswordMaker.of(plugins.password_policies())
    except ConfigurationError as error:
        return _problem("passwords", error)
    strength = {"length": maker.length, "bits": round(maker.bits)}
    return CheckResult(name="passwords", message=Text("{length} characters, {bits} bits", strength))


def _practice(config: LoadedConfiguration, plugins: Plugins) -> Practice:
    """Return what is done with passwords. What is wrong with it was said already."""
    length: int | None = None
    life: timedelta | None = timedelta(0)  # with which every target is content
    with suppress(ConfigurationError):
        length = PasswordMaker.of(plugins.password_policies()).length
    if plugins.rule_sets.keys() == config.content.rules.keys():
        with suppress(ConfigurationError, StoreError), Store.open(config.store_url) as store:
            life = make_policy(config, plugins, store, utc_now()).password_life(utc_now())
    return Practice(length=length, life=life)


def _rule_sets(config: LoadedConfiguration, plugins: Plugins) -> Iterator[CheckResult]:
    """See that the rule sets go together and hold for units that are known, and what they watch."""
    if plugins.rule_sets.keys() != config.content.rules.keys():
        return  # it was said already which plug-in did not load
    with suppress(StoreError), Store.open(config.store_url) as store:  # it was said already if there is none
        try:
            policy = make_policy(config, plugins, store, utc_now())
        except ConfigurationError as error:
            yield _problem("rules", error)
            return
        for rule_set in policy.rule_sets:
            yield _rule_set(rule_set, store)
        yield from _failing_rules(policy, store)
        for observation in policy.observations(plugins.report):
            yield _observation(observation)


def _rule_set(rule_set: RuleSet, store: Store) -> CheckResult:
    name, scope = f"rules.{rule_set.name}", rule_set.scope
    if unknown := scope.under - store.units(scope.under).keys():
        return CheckResult(
            name=name,
            status=CheckStatus.WARNING,
            message=Text("there is no unit {code}", {"code": ", ".join(sorted(unknown))}),
            cure=Text("correct the codes after under, or import the units"),
        )
    kinds, under = ", ".join(sorted(scope.kinds)), ", ".join(sorted(scope.under))
    if rule_set.rules and (kinds or under):
        places = {"kinds": kinds or "*", "under": under or "*"}
        return CheckResult(name=name, message=Text("holds for units of kind {kinds} under {under}", places))
    return CheckResult(name=name, message=Text("holds everywhere"))


def _failing_rules(policy: Policy, store: Store) -> Iterator[CheckResult]:
    """Ask every rule about every account it holds for, and name the first account at which a rule fails."""
    first: dict[tuple[str, str], RuleFailure] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for accounts in store.accounts_after(""):
        units, marks = (
            store.units({account.unit for account in accounts}),
            store.marks([account.login for account in accounts]),
        )
        for account in accounts:
            for failure in policy.evaluate(account, units[account.unit], marks.get(account.login, ())).failures:
                counts[failure.rule_set, failure.rule] += 1
                first.setdefault((failure.rule_set, failure.rule), failure)
    for key, failure in first.items():
        values = {**failure.message.values, "count": counts[key], "login": failure.login}
        yield CheckResult(
            name=f"rules.{failure.rule_set}",
            status=CheckStatus.PROBLEM,
            message=Text("{rule} fails for {count} account(s), the first is {login}", values),
            cure=Text("correct the plug-in or its parameters; 'provisioner policy due' names all accounts"),
            code=ExitCode.WRONG,
        )


def _observation(observation: Observation) -> CheckResult:
    if observation.error:
        return _problem(observation.subject, observation.error)
    due = [deadline for deadline in observation.deadlines if deadline.at <= utc_now()]
    if due:
        reason = max(due, key=lambda one: one.at).reason
        return CheckResult(name=observation.subject, status=CheckStatus.WARNING, message=reason)
    return CheckResult(name=observation.subject, message=observation.message)


def _systems(plugins: Plugins, practice: Practice) -> Iterator[CheckResult]:
    """Check every target and channel, at the same time, because each may make us wait for a while."""
    looks: list[tuple[str, Callable[[], tuple[Text, Sequence[str]]]]] = [
        *((f"targets.{name}", partial(_target, target, practice)) for name, target in plugins.targets.items()),
        *((f"channels.{name}", partial(_channel, channel)) for name, channel in plugins.channels.items()),
    ]
    checks = [partial(_system, name, look) for name, look in looks]
    with ThreadPoolExecutor(len(checks) or 1, thread_name_prefix="check") as pool:
        for future in [pool.submit(check) for check in checks]:
            yield from future.result()


def _left_out(plugins: Plugins) -> Iterator[CheckResult]:
    """Say what targets and channels cannot do: what the configuration says of it, and what it does not know."""
    for target in (*plugins.targets.values(), *plugins.channels.values()):
        name = f"{target.family}.{target.name}"
        yield from (_problem(name, error, ExitCode.WRONG) for error in target.missing)
        if target.cannot:
            hooks = {"hooks": ", ".join(sorted(target.cannot))}
            yield CheckResult(name=name, message=Text("cannot do {hooks}, as the configuration says", hooks))


def _calendar(config: LoadedConfiguration) -> Calendar:
    """Return what is in maintenance, so that it is not called; if the store cannot tell, all are."""
    with suppress(StoreError), Store.open(config.store_url) as store:
        return Calendar(read=partial(tuple, store.all_maintenance()), now=utc_now)
    return Calendar(now=utc_now)


def _quarantined(config: LoadedConfiguration) -> Iterator[CheckResult]:
    """Say which of them are left alone until somebody resumes them, whatever their checks say."""
    families = {"targets": config.content.targets, "channels": config.content.channels}
    with suppress(StoreError), Store.open(config.store_url) as store:
        for family, name in [(family, name) for family, tables in families.items() for name in tables]:
            try:
                Breaker(name=name, now=utc_now, health=store).expect_no_quarantine()
            except QuarantinedError as error:
                yield _problem(f"{family}.{name}", error)


def _system(name: str, look: Callable[[], tuple[Text, Sequence[str]]]) -> list[CheckResult]:
    try:
        message, warnings = look()
    except UnsupportedError:
        return [CheckResult(name=name, status=CheckStatus.WARNING, message=Text("the plug-in has no check"))]
    except InMaintenanceError as error:
        return [CheckResult(name=name, message=error.text, cure=error.cure)]
    except ProvisionerError as error:
        return [_problem(name, error)]
    warned = [
        CheckResult(name=name, status=CheckStatus.WARNING, message=Text("{warning}", {"warning": warning}))
        for warning in warnings
    ]
    return [CheckResult(name=name, message=message), *warned]


def _target(target: Target, practice: Practice) -> tuple[Text, Sequence[str]]:
    report = target.check()
    practice.require_acceptance(report.passwords)
    facts = ", ".join(f"{key} {value}" for key, value in report.capabilities.facts.items())
    message = Text("reachable, {facts}", {"facts": facts}) if facts else Text("reachable")
    return message, [*report.warnings, *practice.warnings(report.passwords)]


def _channel(channel: Channel) -> tuple[Text, Sequence[str]]:
    return Text("reachable"), channel.check(CheckChannel()).warnings


def _problem(name: str, error: ProvisionerError, code: ExitCode | None = None) -> CheckResult:
    return CheckResult(
        name=name,
        status=CheckStatus.PROBLEM,
        message=error.text,
        cure=error.cure,
        code=failures.exit_code(error) if code is None else code,
    )


def _document(finding: CheckResult, session: Session) -> dict[str, str]:
    said = session.output.said
    return {
        "name": finding.name,
        "status": finding.status.value,
        "message": said(finding.message),
        "cure": said(finding.cure),
    }


def _tell(finding: CheckResult, session: Session) -> None:
    output = session.output
    output.lines(f"{output.word(finding.status):8} {finding.name}: {output.said(finding.message)}")
    if finding.cure.template:
        output.lines(f"  -> {output.said(finding.cure)}")
