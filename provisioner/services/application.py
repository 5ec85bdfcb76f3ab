"""Everything that can be done, as one object: the services of the product on one store.

A service is imported when it is asked for: a command needs a few of them, and each import takes time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from provisioner.catalogue import Catalogue
from provisioner.core.policy.audience import Audiences
from provisioner.services.parts import plugins_only
from provisioner.services.recent_people import RecentPeople
from provisioner.services.throttles import LogInThrottles, TokenThrottles

if TYPE_CHECKING:
    from provisioner.config.load import LoadedConfiguration
    from provisioner.core.api.events import Event
    from provisioner.core.engine.engine import Engine
    from provisioner.core.engine.planner import Planner
    from provisioner.core.gateways.plugins import Plugins
    from provisioner.core.governance.authority import Authority
    from provisioner.core.governance.privacy import Privacy
    from provisioner.core.governance.request_service import RequestService
    from provisioner.core.model import Person, Unit
    from provisioner.core.policy.follow_up import FollowUp
    from provisioner.core.policy.notifier import Notifier
    from provisioner.core.policy.policy import Policy
    from provisioner.core.policy.sweep import Sweep
    from provisioner.core.reconcile.sessions import SessionCheck
    from provisioner.core.reconcile.verification import Verifier
    from provisioner.services.access_requests import AccessRequests
    from provisioner.services.account_overview import AccountOverviews
    from provisioner.services.accounts import Accounts
    from provisioner.services.adoption import Adoption
    from provisioner.services.audit_log import AuditLog
    from provisioner.services.clearance import Clearance
    from provisioner.services.collectors import Collectors
    from provisioner.services.credentials import Credentials
    from provisioner.services.delegation import Delegation
    from provisioner.services.deliveries import Deliveries
    from provisioner.services.handovers import Handovers
    from provisioner.services.health_check import HealthCheck
    from provisioner.services.held_runs import HeldRuns
    from provisioner.services.imports import Imports
    from provisioner.services.inbox import RequestInboxes
    from provisioner.services.incidents import Incidents
    from provisioner.services.keyed_requests import KeyedRequests
    from provisioner.services.list_runs import ListRuns
    from provisioner.services.log_ins import LogIns
    from provisioner.services.operations import Operations
    from provisioner.services.password_ages import PasswordAges
    from provisioner.services.persons import Persons
    from provisioner.services.policy import Deadlines
    from provisioner.services.reconcile import Reconcile
    from provisioner.services.repairs import Repairs
    from provisioner.services.runs import Runs
    from provisioner.services.search import Search
    from provisioner.services.targets import Targets
    from provisioner.services.tokens import Tokens
    from provisioner.services.unit_list import UnitList
    from provisioner.services.unit_removal import UnitRemoval
    from provisioner.services.units import Units
    from provisioner.services.verification import AccountVerification
    from provisioner.store import Store


@attrs.define(eq=False, kw_only=True)
class Application:
    """Everything a command needs, joined."""

    config: LoadedConfiguration
    store: Store
    plugins: Plugins
    planner: Planner
    engine: Engine
    authority: Authority
    policy: Policy
    _request_service: RequestService
    _log_in_throttles: LogInThrottles = attrs.field(
        default=attrs.Factory(lambda self: LogInThrottles(self.config.content.console), takes_self=True), init=False
    )
    _token_throttles: TokenThrottles = attrs.field(
        default=attrs.Factory(lambda self: TokenThrottles(self.config.content.console), takes_self=True), init=False
    )
    _recent_people: RecentPeople = attrs.field(
        default=attrs.Factory(lambda self: RecentPeople(self.planner.people, self.now), takes_self=True), init=False
    )

    def now(self) -> datetime:
        """Return the time, in UTC."""
        return self.engine.context.now()

    def privacy(self, viewer: str) -> Privacy:
        """Return what masks personal data that a person may not read.

        Args:

            viewer: The id of the person.
        """
        from provisioner.core.governance.privacy import Privacy

        return Privacy(self.authority, viewer)

    @property
    def health_check(self) -> HealthCheck:
        """Checks every part. To check a configuration that may be wrong, make a ``HealthCheck`` of your own."""
        from provisioner.services.health_check import HealthCheck

        return HealthCheck(load=lambda: self.config, now=self.now)

    @property
    def operations(self) -> Operations:
        """Finds operations."""
        from provisioner.services.operations import Operations

        return Operations(store=self.store, authority=self.authority, now=self.now)

    @property
    def held_runs(self) -> HeldRuns:
        """Releases and discards held runs."""
        from provisioner.services.held_runs import HeldRuns

        return HeldRuns(engine=self.engine, store=self.store, authority=self.authority, runs=self.runs)

    @property
    def audit_log(self) -> AuditLog:
        """Finds, verifies and exports the entries of the audit log."""
        from provisioner.services.audit_log import AuditLog

        naming = self.config.content.accounts.naming
        return AuditLog(store=self.store, authority=self.authority, naming=naming, now=self.now)

    @property
    def collectors(self) -> Collectors:
        """Sends the audit log to log collectors, and compares what they have of it."""
        from provisioner.services.collectors import Collectors

        return Collectors(store=self.store, authority=self.authority, now=self.now)

    @property
    def deadlines(self) -> Deadlines:
        """Tells what the rules want, does it, and takes the confirmation of duties."""
        from provisioner.services.policy import Deadlines

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
    def password_ages(self) -> PasswordAges:
        """Tells how old passwords are, by unit."""
        from provisioner.services.password_ages import PasswordAges

        return PasswordAges(store=self.store, authority=self.authority, now=self.now)

    @property
    def accounts(self) -> Accounts:
        """Looks accounts up, and plans what is done with them."""
        from provisioner.services.accounts import Accounts

        return Accounts(store=self.store, planner=self.planner)

    @property
    def access_requests(self) -> AccessRequests:
        """Takes access requests through their life."""
        from provisioner.services.access_requests import AccessRequests

        return AccessRequests(
            store=self.store,
            rules=self._request_service,
            accounts=self.accounts,
            planner=self.planner,
            runs=self.runs,
            authority=self.authority,
            record=self.record,
        )

    @property
    def inboxes(self) -> RequestInboxes:
        """Finds the access requests that wait for a person."""
        from provisioner.services.inbox import RequestInboxes

        return RequestInboxes(
            store=self.store, authority=self.authority, rules=self._request_service, recent_people=self._recent_people
        )

    @property
    def search(self) -> Search:
        """Finds accounts by what people know of them."""
        from provisioner.services.search import Search

        return Search(store=self.store, authority=self.authority, naming=self.planner.naming, names=self.persons.names)

    @property
    def account_overviews(self) -> AccountOverviews:
        """Tells what is known of single accounts."""
        from provisioner.services.account_overview import AccountOverviews

        return AccountOverviews(
            store=self.store,
            accounts=self.accounts,
            deadlines=self.deadlines,
            people=self.planner.people,
            targets=[target.name for target in self.planner.targets],
            authority=self.authority,
            record=self.record,
            now=self.now,
        )

    @property
    def log_ins(self) -> LogIns:
        """Decides who may log in to the console."""
        from provisioner.services.log_ins import LogIns

        return LogIns(
            store=self.store,
            targets=self.plugins.targets,
            settings=self.config.content.console,
            naming=self.planner.naming,
            throttles=self._log_in_throttles,
            record=self.record,
            now=self.now,
        )

    @property
    def tokens(self) -> Tokens:
        """Creates, revokes and checks the tokens of the API."""
        from provisioner.services.tokens import Tokens

        return Tokens(
            store=self.store,
            authority=self.authority,
            settings=self.config.content.console,
            throttles=self._token_throttles,
            record=self.record,
            now=self.now,
        )

    @property
    def keyed_requests(self) -> KeyedRequests:
        """Carries out requests to the API, each at most once."""
        from provisioner.services.keyed_requests import KeyedRequests

        return KeyedRequests(store=self.store, now=self.now)

    @property
    def delegation(self) -> Delegation:
        """Gives roles and takes them away."""
        from provisioner.services.delegation import Delegation

        return Delegation(store=self.store, authority=self.authority, record=self.record, now=self.now)

    @property
    def incidents(self) -> Incidents:
        """Takes reports of trouble, passes them on, and closes them."""
        from provisioner.services.incidents import Incidents

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
        from provisioner.services.units import Units

        return Units(
            store=self.store, authority=self.authority, planner=self.planner, runs=self.runs, write=self._save_units
        )

    @property
    def imports(self) -> Imports:
        """Imports lists, and brings the open accounts of changed units and persons up to date."""
        from provisioner.services.imports import Imports

        return Imports(
            store=self.store,
            authority=self.authority,
            planner=self.planner,
            runs=self.runs,
            write_units=self._save_units,
            write_persons=self._save_persons,
        )

    @property
    def unit_list(self) -> UnitList:
        """Makes the store and the accounts agree with a list of units."""
        from provisioner.services.unit_list import UnitList

        return UnitList(
            store=self.store, authority=self.authority, planner=self.planner, runs=self.runs, write=self._save_units
        )

    @property
    def list_runs(self) -> ListRuns:
        """Applies lists of units, and tells how far each list has come."""
        from provisioner.services.list_runs import ListRuns

        return ListRuns(
            unit_list=self.unit_list,
            accounts=self.accounts,
            runs=self.runs,
            store=self.store,
            authority=self.authority,
            now=self.now,
        )

    @property
    def unit_removal(self) -> UnitRemoval:
        """Removes units of which nothing but history is left."""
        from provisioner.services.unit_removal import UnitRemoval

        return UnitRemoval(store=self.store, authority=self.authority, policy=self.policy, erase=self._remove_units)

    @property
    def persons(self) -> Persons:
        """Looks staff up, and writes them."""
        from provisioner.services.persons import Persons

        return Persons(
            store=self.store,
            authority=self.authority,
            people=self.planner.people,
            recent_people=self._recent_people,
            write=self._save_persons,
            confirm=self._confirm_number,
            now=self.now,
        )

    @property
    def handovers(self) -> Handovers:
        """Plans handovers."""
        from provisioner.services.handovers import Handovers

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
        from provisioner.services.clearance import Clearance

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
        from provisioner.services.targets import Targets

        return Targets(
            config=self.config,
            store=self.store,
            authority=self.authority,
            record=self.record,
            make_plugins=lambda: plugins_only(self.config, now=self.now),
            now=self.now,
        )

    @property
    def credentials(self) -> Credentials:
        """Replaces the secrets of the product's own accounts on targets."""
        from provisioner.services.credentials import Credentials

        return Credentials(
            config=self.config,
            store=self.store,
            targets=self.plugins.targets,
            authority=self.authority,
            record=self.record,
            retry=self.engine.context.retry,
            now=self.now,
        )

    @property
    def reconcile(self) -> Reconcile:
        """Compares targets with the journal."""
        from provisioner.services.reconcile import Reconcile

        return Reconcile(
            plugins=self.plugins,
            store=self.store,
            authority=self.authority,
            desired=self.planner.desired,
            people=self.planner.people,
            retry=self.engine.context.retry,
            record=self.record,
            now=self.now,
        )

    @property
    def deliveries(self) -> Deliveries:
        """Takes reports on messages with passwords."""
        from provisioner.services.deliveries import Deliveries

        return Deliveries(store=self.store, authority=self.authority, record=self.record, now=self.now)

    @property
    def adoption(self) -> Adoption:
        """Adopts accounts that targets list and the product doesn't know."""
        from provisioner.services.adoption import Adoption

        return Adoption(
            plugins=self.plugins,
            store=self.store,
            authority=self.authority,
            planner=self.planner,
            policy=self.policy,
            record=self.record,
            now=self.now,
        )

    @property
    def verification(self) -> AccountVerification:
        """Looks at single accounts on their targets now."""
        from provisioner.services.verification import AccountVerification

        return AccountVerification(
            verifier=self._make_verifier(), session_check=self._make_session_check(), authority=self.authority
        )

    @property
    def repairs(self) -> Repairs:
        """Plans and carries out what brings targets back to what they should be."""
        from provisioner.services.repairs import Repairs

        return Repairs(
            plugins=self.plugins,
            store=self.store,
            planner=self.planner,
            runs=self.runs,
            authority=self.authority,
            joins=self.config.joins(),
        )

    @property
    def runs(self) -> Runs:
        """Carries out plans, and resumes operations."""
        from provisioner.services.runs import Runs

        return Runs(
            engine=self.engine,
            store=self.store,
            authority=self.authority,
            follow_up=lambda: self._make_follow_up().run(),
        )

    def record(self, *events: Event) -> None:
        """Put events into the audit log, and tell the observers.

        Raises:

            StoreError: Nothing was written.
        """
        self.engine.context.record(*events)

    def _make_notifier(self) -> Notifier:
        from provisioner.core.policy.notifier import Notifier

        context = self.engine.context
        catalogue = Catalogue.of(
            self.config.content.language, [setting.plugin for setting in self.config.plugin_settings()]
        )
        return Notifier(
            people=self.planner.people,
            channels=context.channels,
            retry=context.retry,
            say=lambda text: text.said(catalogue),
            record=context.record,
            earlier=self.store.notices.of_subjects,
            reported=self.store.notices.reported,
            now=context.now,
            carries=Audiences(
                by_channel=self.config.audiences(),
                open_to_all={channel.name for channel in context.deliverers},
                units=self.store.units.get_many,
                path_of=self.policy.path_of,
            ).include,
            allowances=context.allowances,
        )

    def _make_follow_up(self) -> FollowUp:
        from provisioner.core.policy.follow_up import FollowUp

        return FollowUp(
            agenda=self.store,
            engine=self.engine,
            notifier=self._make_notifier(),
            it_unit=self.config.content.accounts.it_unit,
        )

    def _make_verifier(self) -> Verifier:
        from provisioner.core.reconcile.verification import Verifier

        return Verifier(
            targets=self.plugins.account_targets,
            inventory=self.store,
            desired=self.planner.desired,
            people=self.planner.people,
            retry=self.engine.context.retry,
            now=self.now,
        )

    def _make_session_check(self) -> SessionCheck:
        from provisioner.core.reconcile.sessions import SessionCheck

        return SessionCheck(
            targets=self.engine.context.session_targets,
            inventory=self.store,
            desired=self.planner.desired,
            retry=self.engine.context.retry,
        )

    def _save_units(self, units: Iterable[Unit], *, actor: str) -> None:
        self._tell(self.store.units.save(units, actor=actor))

    def _remove_units(self, codes: Iterable[str], *, actor: str) -> None:
        self._tell(self.store.units.remove(codes, actor=actor))

    def _save_persons(self, persons: Collection[Person], *, actor: str) -> None:
        self._tell(self.store.persons.save(persons, actor=actor))

    def _confirm_number(self, person: Person, *, actor: str) -> None:
        self._tell(self.store.persons.confirm_number(person, actor=actor))

    def _tell(self, events: Iterable[Event]) -> None:
        """Tell the observers of the events of a list. If there are none, the events aren't made again."""
        if self.plugins.observe_lists:
            for event in events:
                self.plugins.observe(event)

    def sweep(self, *, clock_confirmed_by: str | None = None) -> Sweep:
        """Return a sweep over everything that is due now.

        Args:

            clock_confirmed_by: Who says that the clock is right, whatever the store remembers.
        """
        from provisioner.core.policy.sweep import Sweep

        return Sweep(
            agenda=self.store,
            policy=self.policy,
            engine=self.engine,
            notifier=self._make_notifier(),
            verifier=self._make_verifier(),
            reports=self.plugins.report,
            follow_up=self._make_follow_up(),
            it_unit=self.config.content.accounts.it_unit,
            quiet_hours=self.config.content.notices.hours,
            clock_confirmed_by=clock_confirmed_by,
        )
