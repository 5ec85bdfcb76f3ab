"""Joins the parts: configuration, store, plug-ins, rules, clock and engine. The only place that does."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

import attrs
import structlog

from provisioner.catalogue import Catalogue
from provisioner.config.load import LoadedConfiguration
from provisioner.core.api.errors import StoreError
from provisioner.core.api.events import Event
from provisioner.core.api.messages import ChooseLogin
from provisioner.core.engine.engine import Engine
from provisioner.core.engine.execution import EngineContext
from provisioner.core.engine.holds import Staging
from provisioner.core.engine.limits import Guard
from provisioner.core.engine.passwords import PasswordMaker
from provisioner.core.engine.people import People
from provisioner.core.engine.planner import Planner
from provisioner.core.engine.ports import Journal, Recorder
from provisioner.core.gateways.breaker import Breaker
from provisioner.core.gateways.health import MemoryHealth
from provisioner.core.gateways.maintenance import Calendar
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.gateways.retrying import Retry, RetryPolicy
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.clearance import HandoverDuties
from provisioner.core.governance.directives import Defaults
from provisioner.core.governance.privacy import Privacy
from provisioner.core.governance.protection import ProtectedAccounts
from provisioner.core.governance.request_service import RequestService
from provisioner.core.governance.separation import SeparationOfDuties
from provisioner.core.model import Person, Unit
from provisioner.core.policy.notifier import Notifier
from provisioner.core.policy.policy import Policy
from provisioner.core.policy.sweep import Sweep
from provisioner.services.access_requests import AccessRequests
from provisioner.services.accounts import Accounts
from provisioner.services.audit_log import AuditLog
from provisioner.services.clearance import Clearance
from provisioner.services.delegation import Delegation
from provisioner.services.handovers import Handovers
from provisioner.services.health_check import HealthCheck
from provisioner.services.held_runs import HeldRuns
from provisioner.services.incidents import Incidents
from provisioner.services.operations import Operations
from provisioner.services.parts import Clock, authority_of, open_store, plugins_only, utc_now
from provisioner.services.persons import Persons
from provisioner.services.policy import Deadlines
from provisioner.services.rule_sets import make_policy
from provisioner.services.runs import Runs
from provisioner.services.targets import Targets
from provisioner.services.units import Units
from provisioner.store import Store

log = structlog.stdlib.get_logger(__name__)


@attrs.define(eq=False, kw_only=True)
class Application:
    """Everything a command needs, joined."""

    config: LoadedConfiguration
    store: Store
    plugins: Plugins
    passwords: PasswordMaker
    planner: Planner
    engine: Engine
    authority: Authority
    request_service: RequestService
    policy: Policy

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return self.engine.context.now()

    def privacy(self, viewer: str) -> Privacy:
        """Return what masks personal data that a person may not read.

        Args:

            viewer: The id of the person.
        """
        return Privacy(self.authority, viewer)

    @property
    def health_check(self) -> HealthCheck:
        """Checks every part. To check a configuration that may be wrong, make a ``HealthCheck`` of your own."""
        return HealthCheck(load=lambda: self.config, now=self.now)

    @property
    def operations(self) -> Operations:
        """Finds operations."""
        return Operations(store=self.store, authority=self.authority, now=self.now)

    @property
    def held_runs(self) -> HeldRuns:
        """Releases and discards runs that the mass-change limit holds back."""
        return HeldRuns(engine=self.engine, store=self.store, authority=self.authority, runs=self.runs)

    @property
    def audit_log(self) -> AuditLog:
        """Finds, verifies and exports the entries of the audit log."""
        naming = self.config.content.accounts.naming
        return AuditLog(store=self.store, authority=self.authority, naming=naming, now=self.now)

    @property
    def deadlines(self) -> Deadlines:
        """Tells what the rules want, does it, and takes the confirmation of duties."""
        return Deadlines(
            policy=self.policy,
            planner=self.planner,
            store=self.store,
            authority=self.authority,
            record=self.record,
            make_sweep=lambda confirmed_by: self.sweep(clock_confirmed_by=confirmed_by),
            now=self.now,
        )

    @property
    def accounts(self) -> Accounts:
        """Looks accounts up, and plans what is done with them."""
        return Accounts(store=self.store, planner=self.planner)

    @property
    def access_requests(self) -> AccessRequests:
        """Takes access requests through their life."""
        return AccessRequests(
            store=self.store,
            rules=self.request_service,
            accounts=self.accounts,
            planner=self.planner,
            runs=self.runs,
            authority=self.authority,
            record=self.record,
        )

    @property
    def delegation(self) -> Delegation:
        """Gives roles and takes them away."""
        return Delegation(store=self.store, authority=self.authority, record=self.record, now=self.now)

    @property
    def incidents(self) -> Incidents:
        """Takes reports of trouble, passes them on, and closes them."""
        return Incidents(
            store=self.store,
            authority=self.authority,
            naming=self.planner.naming,
            it_unit=self.config.content.accounts.it_unit,
            record=self.record,
            now=self.now,
        )

    @property
    def units(self) -> Units:
        """Writes units, opens them and closes them."""
        return Units(
            store=self.store, authority=self.authority, planner=self.planner, runs=self.runs, write=self._save_units
        )

    @property
    def persons(self) -> Persons:
        """Looks staff up, and writes them."""
        people = self.planner.people
        return Persons(store=self.store, authority=self.authority, people=people, write=self._save_persons)

    @property
    def handovers(self) -> Handovers:
        """Plans handovers."""
        return Handovers(
            store=self.store,
            authority=self.authority,
            accounts=self.accounts,
            planner=self.planner,
            it_unit=self.config.content.accounts.it_unit,
        )

    @property
    def clearance(self) -> Clearance:
        """Answers the personnel office."""
        return Clearance(
            store=self.store,
            authority=self.authority,
            people=self.planner.people,
            plugins=self.plugins,
            retry=self.engine.context.retry,
        )

    @property
    def targets(self) -> Targets:
        """Suspends targets and channels, and resumes them."""
        return Targets(
            config=self.config,
            store=self.store,
            authority=self.authority,
            record=self.record,
            make_plugins=lambda: plugins_only(self.config, now=self.now),
            now=self.now,
        )

    @property
    def runs(self) -> Runs:
        """Carries out plans, and resumes operations."""
        return Runs(engine=self.engine, store=self.store, authority=self.authority)

    def record(self, *events: Event) -> None:
        """Put events into the audit log, and tell the observers.

        Raises:

            StoreError: Nothing was written.
        """
        self.engine.context.record(*events)

    def _save_units(self, units: Iterable[Unit], *, actor: str) -> None:
        self._tell(self.store.save_units(units, actor=actor))

    def _save_persons(self, persons: Iterable[Person], *, actor: str) -> None:
        self._tell(self.store.save_persons(persons, actor=actor))

    def _tell(self, events: Iterable[Event]) -> None:
        for event in events:
            self.plugins.observe(event)

    def sweep(self, *, clock_confirmed_by: str | None = None) -> Sweep:
        """Return a sweep over everything that is due now.

        Args:

            clock_confirmed_by: Who says that the clock is right, whatever the store remembers.
        """
        context = self.engine.context
        catalogue = Catalogue.of(
            self.config.content.language, [setting.plugin for setting in self.config.plugin_settings()]
        )
        notifier = Notifier(
            people=self.planner.people,
            channels=context.channels,
            retry=context.retry,
            say=lambda text: text.said(catalogue),
        )
        return Sweep(
            agenda=self.store,
            policy=self.policy,
            engine=self.engine,
            notifier=notifier,
            reports=self.plugins.report,
            it_unit=self.config.content.accounts.it_unit,
            clock_confirmed_by=clock_confirmed_by,
        )


@contextmanager
def application(
    config: LoadedConfiguration,
    *,
    now: Clock = utc_now,
    stop: threading.Event | None = None,
    retry_policy: RetryPolicy | None = None,
    dry_run: bool = False,
) -> Iterator[Application]:
    """Open the store, load the plug-ins and join everything; close it all at the end.

    Args:

        config: What to join.

        now: The clock.

        stop: Set by whoever wants the work to stop between two steps.

        retry_policy: How patiently targets are tried; the default suits people who wait for a command.

        dry_run: Refuse, at the gateways, every call that would change another system.

    Raises:

        ConfigurationError: Something in the configuration is wrong.

        StoreError: The store cannot be opened.
    """
    retry = Retry(retry_policy or RetryPolicy(), stop or threading.Event())
    with open_store(config, now) as store:
        calendar = Calendar(read=store.all_maintenance, now=now)
        plugins = _plugins(config, store, now, calendar, dry_run=dry_run)
        try:
            yield _join(config, store, plugins, retry, now, calendar=calendar)
        finally:
            plugins.close()


def _plugins(config: LoadedConfiguration, store: Store, now: Clock, calendar: Calendar, *, dry_run: bool) -> Plugins:
    """Return the place for the plug-ins, whose breakers share their memory with every other process."""
    health = MemoryHealth(store.all_health()) if dry_run else store

    def breaker(name: str) -> Breaker:
        quarantine_after = config.content.breaker.quarantine_after
        return Breaker(
            name=name,
            now=now,
            quarantine_after=quarantine_after,
            health=health,
            notify=notify,
            maintenance=calendar.maintenance,
        )

    def notify(event: Event) -> None:
        if not dry_run:
            _write_down(store, event)
        plugins.observe(event)

    plugins = Plugins(make_breaker=breaker, parallel=config.parallel(), dry_run=dry_run)
    return plugins


def _join(
    config: LoadedConfiguration, store: Store, plugins: Plugins, retry: Retry, now: Clock, *, calendar: Calendar
) -> Application:
    authority = authority_of(config, store, now)
    _add_own_hooks(config, store, plugins, authority)
    plugins.load(config.plugin_settings())
    policy = make_policy(config, plugins, store, now())
    passwords = PasswordMaker.of(plugins.password_policies())
    people = People(plugins.find_person, store.persons, retry)
    record = _recorder(store, plugins, authority)
    request_service = RequestService(records=store, people=people, authority=authority, record=record, now=now)
    plugins.add("core:requests", request_service)
    planner = _planner(config, store, plugins, people, now)
    context = EngineContext(
        targets=planner.targets,
        channels=planner.channels,
        passwords=passwords,
        retry=retry,
        now=now,
        record=record,
        plan_ahead=policy.planned,
        mobile_mark=store.mobile_mark,
        lease=store.lease,
        takeover_wait=store.lease_ttl + plugins.longest_call,
    )
    guard = Guard(limit=config.content.limits.mass_change, census=store, now=now)
    staging = Staging(guard=guard, records=store, record=record, now=now)
    engine = Engine(
        context=context,
        planner=planner,
        records=store,
        staging=staging,
        calendar=calendar,
        require_current=request_service.require_current,
    )
    return Application(
        config=config,
        store=store,
        plugins=plugins,
        passwords=passwords,
        planner=planner,
        engine=engine,
        authority=authority,
        request_service=request_service,
        policy=policy,
    )


def _add_own_hooks(config: LoadedConfiguration, store: Store, plugins: Plugins, authority: Authority) -> None:
    """Let the product's own rules speak through the same hooks as a plug-in's."""
    plugins.add("core:defaults", Defaults(plate_code=config.content.accounts.plate_code))
    plugins.add("core:clearance", HandoverDuties(store))
    if config.content.authority is not None:
        plugins.add("core:separation", SeparationOfDuties(authority))
    plugins.add("core:protected", ProtectedAccounts(config.content.accounts.protected_patterns))
    plugins.add("core:authority", authority)


def _planner(config: LoadedConfiguration, store: Store, plugins: Plugins, people: People, now: Clock) -> Planner:
    return Planner(
        records=store,
        people=people,
        targets=[plugins.targets[name] for name in config.content.targets],
        channels=[plugins.channels[name] for name in config.content.channels],
        naming=config.content.accounts.naming,
        choose_login=lambda unit: _login(plugins, unit),
        now=now,
        authorize=plugins.denials,
    )


def _login(plugins: Plugins, unit: Unit) -> str:
    return plugins.choose_login(ChooseLogin(unit=unit)) or unit.code


def _write_down(store: Store, event: Event) -> None:
    """Write a notice into the audit log. If that fails, the call that led to it must not end with another error."""
    try:
        store.write(event)
    except StoreError as error:
        log.warning("notice_not_kept", kind=event.kind, reason=str(error))


def _recorder(journal: Journal, plugins: Plugins, authority: Authority) -> Recorder:
    def record(*events: Event) -> None:
        all_events = [*events, *authority.answerable(events)]
        journal.write(*all_events)
        for event in all_events:
            plugins.observe(event)

    return record
