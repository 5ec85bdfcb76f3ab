"""Composes an application of its parts. The product and the test harness compose theirs here; nobody else does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

import attrs

from provisioner.config.load import LoadedConfiguration
from provisioner.core.api.events import Event
from provisioner.core.api.messages import ChooseLogin
from provisioner.core.engine.context import EngineContext
from provisioner.core.engine.desired import DesiredState
from provisioner.core.engine.dispatch import Dispatch
from provisioner.core.engine.engine import Engine
from provisioner.core.engine.holds import Holds
from provisioner.core.engine.limits import Guard
from provisioner.core.engine.passwords import PasswordMaker
from provisioner.core.engine.people import People
from provisioner.core.engine.planner import Planner
from provisioner.core.engine.ports import Distribution, Journal, Recorder
from provisioner.core.gateways.gateway import SESSIONS, Target, able
from provisioner.core.gateways.maintenance import Calendar
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.gateways.retrying import Retry
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.clearance import HandoverDuties
from provisioner.core.governance.directives import Defaults
from provisioner.core.governance.protection import ProtectedAccounts
from provisioner.core.governance.request_authority import RequestAuthority
from provisioner.core.governance.request_service import RequestService
from provisioner.core.governance.separation import SeparationOfDuties
from provisioner.core.model import Unit
from provisioner.core.policy.policy import Policy
from provisioner.services.application import Application
from provisioner.services.parts import Clock, allowances_of, authority_of, choose_numbers
from provisioner.services.rule_sets import make_policy
from provisioner.store import Store


@attrs.frozen(kw_only=True)
class Composition:
    """The parts that differ between the product and a test.

    Args:

        config: What is configured.

        store: The stored data.

        plugins: The place for the plug-ins, empty.

        load: Puts the targets, channels and rule sets there.

        retry: How persistently targets are tried, and what stops the work.

        now: The clock.

        calendar: Knows which targets and channels are in maintenance, as their breakers do.

        journal: Stores events and holds the leases; by default, the store.

        policy: The policy; by default, that of the configuration.

        takeover_wait: How long to wait after an operation was taken from a process that may still be alive; by default
            as long as its lease and its last call may last.

        distribution: Hands operations to workers; ``None`` to carry them out in this process.

        concurrency: The number of operations that are carried out at the same time.
    """

    config: LoadedConfiguration
    store: Store
    plugins: Plugins
    load: Callable[[], object]
    retry: Retry
    now: Clock
    calendar: Calendar
    journal: Journal = attrs.field(default=attrs.Factory(lambda self: self.store, takes_self=True))
    policy: Policy | None = None
    takeover_wait: timedelta | None = None
    distribution: Distribution | None = None
    concurrency: int | None = None

    def application(self) -> Application:
        """Load the plug-ins and return the application.

        Raises:

            ConfigurationError: Something in the configuration is wrong.
        """
        authority = authority_of(self.config, self.store, self.now)
        self._add_own_hooks(authority)
        self.load()
        choose_numbers(self.config, self.plugins)
        policy = self.policy or make_policy(self.config, self.plugins, self.store, self.now())
        planner = self._planner()
        record = self._recorder(authority)
        request_service = RequestService(
            access_requests=self.store.access_requests,
            people=planner.people,
            authority=RequestAuthority(authority),
            record=record,
            now=self.now,
        )
        self.plugins.add("core:requests", request_service)
        application = Application(
            config=self.config,
            store=self.store,
            plugins=self.plugins,
            planner=planner,
            engine=self._engine(planner, policy, record, request_service),
            authority=authority,
            policy=policy,
            request_service=request_service,
        )
        self.plugins.report_part = application.deliveries.report_part
        return application

    def _add_own_hooks(self, authority: Authority) -> None:
        """Let the product's own rules speak through the same hooks as a plug-in's."""
        accounts = self.config.content.accounts
        self.plugins.add("core:defaults", Defaults(plate_code=accounts.plate_code))
        self.plugins.add("core:clearance", HandoverDuties(self.store))
        if authority.enforced:
            self.plugins.add("core:separation", SeparationOfDuties(authority))
        self.plugins.add("core:protected", ProtectedAccounts(accounts.protected_patterns))
        self.plugins.add("core:authority", authority)

    def _planner(self) -> Planner:
        content, plugins = self.config.content, self.plugins
        targets = [plugins.targets[name] for name in content.targets]
        holding, others = _by_holding(targets)
        scopes = self.config.target_scopes()
        return Planner(
            records=self.store,
            people=People(plugins.find_person, self.store.persons.get_many, self.retry, lambda: plugins.find_persons),
            targets=holding,
            session_targets=able((*holding, *others), SESSIONS),
            channels=[plugins.channels[name] for name in content.channels],
            desired=DesiredState(
                scopes={target.name: scopes[target.name] for target in holding},
                session_scopes={target.name: scopes[target.name] for target in others},
                channel_scopes=self.config.channel_scopes(),
                rules=self.config.entitlement_rules(),
                units=self.store.units,
            ),
            naming=content.accounts.naming,
            choose_login=self._choose_login,
            now=self.now,
            authorize=plugins.denials,
        )

    def _choose_login(self, unit: Unit) -> str:
        return self.plugins.choose_login(ChooseLogin(unit=unit)) or unit.code

    def _recorder(self, authority: Authority) -> Recorder:
        def record(*events: Event) -> None:
            all_events = [*events, *authority.accountable(events)]
            self.journal.write(*all_events)
            self.plugins.observe(*all_events)

        return record

    def _engine(self, planner: Planner, policy: Policy, record: Recorder, request_service: RequestService) -> Engine:
        limit = self.config.content.limits.mass_change
        guard = Guard(limit=limit, census=self.store.census, accounts=self.store.accounts, now=self.now)
        return Engine(
            context=self._context(planner, policy, record),
            planner=planner,
            records=self.store,
            holds=Holds(guard=guard, records=self.store, record=record, now=self.now),
            calendar=self.calendar,
            require_current=request_service.require_current,
            distribution=self.distribution,
            concurrency=self.concurrency,
        )

    def _context(self, planner: Planner, policy: Policy, record: Recorder) -> EngineContext:
        takeover_wait = self.takeover_wait
        if takeover_wait is None:
            takeover_wait = self.store.lease_ttl + self.plugins.longest_call
        return EngineContext(
            targets=planner.targets,
            session_targets=planner.session_targets,
            channels=planner.channels,
            passwords=PasswordMaker.of(self.plugins.password_policies()),
            retry=self.retry,
            now=self.now,
            record=record,
            plan_ahead=policy.planned,
            mobile_mark=self.store.mobile_mark,
            lease=self.journal.lease,
            takeover_wait=takeover_wait,
            allowances=allowances_of(self.config, self.store, self.now),
            dispatch=Dispatch(
                recent=self.store.deliveries.recent,
                last_numbers=self.store.deliveries.last_numbers,
                rules=self.config.delivery_rules(),
            ),
        )


def _by_holding(targets: Sequence[Target]) -> tuple[list[Target], list[Target]]:
    """Return the targets that hold accounts, and the others."""
    holding = [target for target in targets if target.holds_accounts]
    return holding, [target for target in targets if not target.holds_accounts]
