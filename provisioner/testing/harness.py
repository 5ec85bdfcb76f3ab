"""A whole engine on a real store, with whatever targets and channels a test wants.

One harness stands for one process. A second one on the same store and the same targets stands for the process that
is started after the first one crashed, or for another one beside it::

    with Harness(tmp_path / "store.sqlite", targets={"posta": MemoryTarget()}, channels={"sms": phones}) as harness:
        harness.know(units=[...], persons=[...])
        operations = harness.open(["46-TEM"])
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from provisioner.core.api.events import Event
from provisioner.core.api.fencing import elapsed
from provisioner.core.api.messages import ChooseLogin
from provisioner.core.engine.engine import Engine
from provisioner.core.engine.execution import EngineContext
from provisioner.core.engine.holds import Staging
from provisioner.core.engine.limits import Guard, MassChangeLimit
from provisioner.core.engine.passwords import PasswordMaker
from provisioner.core.engine.people import People
from provisioner.core.engine.plan import Initiator, Naming, Plan
from provisioner.core.engine.planner import Planner
from provisioner.core.gateways.breaker import Breaker
from provisioner.core.gateways.gateway import PluginOrigin
from provisioner.core.gateways.maintenance import Calendar, MaintenanceBegan, MaintenanceEnded
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.gateways.retrying import Retry, RetryPolicy
from provisioner.core.governance.clearance import HandoverDuties
from provisioner.core.governance.directives import Defaults
from provisioner.core.governance.protection import Pattern, ProtectedAccounts
from provisioner.core.model import Account, Operation, Person, Unit
from provisioner.core.policy.notifier import Notifier
from provisioner.core.policy.policy import Policy
from provisioner.core.policy.sweep import Sweep
from provisioner.store import LEASE_TTL, Store
from provisioner.testing.clock import FakeClock

#: Patient in attempts, and quick.
QUICK = RetryPolicy(
    attempts=3,
    first_wait=timedelta(milliseconds=1),
    longest_wait=timedelta(milliseconds=2),
    total=timedelta(seconds=2),
)

ORIGIN = PluginOrigin(plugin="test", distribution="provisioner.testing", version="0")
INITIATOR = Initiator(actor="tester", reason="a test")
NAMING = Naming(domain="meb.gov.tr")


class Harness:
    """One engine, as one process would have it.

    Args:

        file: The store's file; made if it is not there.

        targets: Objects with the account hooks, by name, in the order in which they are changed.

        channels: Objects with the channel hooks, by name, in the order in which they are tried.

        clock: The time.

        retry_policy: How patient it is.

        policy: The rules; by default, there are none.

        limit: How many accounts may be closed at once, where it is not the product's default.

        protected: Logins, or patterns of logins, that nobody may touch.

        lease_ttl: How long an account stays held when its process stops renewing the lease.

        takeover_wait: How long to wait after an operation was taken from a process that may still be alive.

        elapsed: The clock by which it counts what is left of its leases; :meth:`FakeClock.elapsed
            <provisioner.testing.clock.FakeClock.elapsed>` lets a test stop the process for a while.

        cannot: The hooks that targets and channels are said to be without, by name.

    ``on_record`` and ``after_record`` are called with the events of each write of the journal, before and after they
    are stored; whatever they raise goes up as it is, so that a crash can be played.
    """

    def __init__(
        self,
        file: Path,
        *,
        targets: Mapping[str, object],
        channels: Mapping[str, object],
        clock: Callable[[], datetime] | None = None,
        retry_policy: RetryPolicy = QUICK,
        policy: Policy | None = None,
        limit: MassChangeLimit | None = None,
        protected: Sequence[str] = (),
        lease_ttl: timedelta = LEASE_TTL,
        takeover_wait: timedelta = timedelta(0),
        elapsed: Callable[[], float] = elapsed,
        cannot: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        self.on_record: Callable[[Sequence[Event]], object] = lambda _: None
        self.after_record: Callable[[Sequence[Event]], object] = lambda _: None
        self.clock = clock or FakeClock()
        self.stop = threading.Event()
        self.policy = policy or Policy()
        self.store = _open(file, self.clock, lease_ttl, elapsed)
        self.calendar = Calendar(read=self.store.all_maintenance, now=self.clock)
        # A clock that is moved by hours must not quarantine what failed just before.
        self.plugins = Plugins(
            make_breaker=lambda name: Breaker(
                name=name,
                now=self.clock,
                quarantine_after=timedelta.max,
                maintenance=self.calendar.maintenance,
            ),
            cannot=dict(cannot or {}),
        )
        self.plugins.add("core:defaults", Defaults(plate_code="46"))
        self.plugins.add("core:clearance", HandoverDuties(self.store))
        self.plugins.add(
            "core:protected", ProtectedAccounts([Pattern.of(pattern, [NAMING.domain]) for pattern in protected])
        )
        retry = Retry(retry_policy, self.stop)
        gateways = [self.plugins.add_target(name, plugin, ORIGIN) for name, plugin in targets.items()]
        ways = [self.plugins.add_channel(name, plugin, ORIGIN) for name, plugin in channels.items()]
        self.planner = Planner(
            records=self.store,
            people=People(self.plugins.find_person, self.store.persons, retry),
            targets=gateways,
            channels=ways,
            naming=NAMING,
            choose_login=lambda unit: self.plugins.choose_login(ChooseLogin(unit=unit)) or unit.code,
            now=self.clock,
            authorize=self.plugins.denials,
        )
        context = EngineContext(
            targets=gateways,
            channels=ways,
            passwords=PasswordMaker.of(self.plugins.password_policies()),
            retry=retry,
            now=self.clock,
            record=self._record,
            plan_ahead=self.policy.planned,
            lease=self.store.lease,
            takeover_wait=takeover_wait,
        )
        guard = Guard(limit=limit or MassChangeLimit(), census=self.store, now=self.clock)
        self.engine = Engine(
            context=context,
            planner=self.planner,
            records=self.store,
            staging=Staging(guard=guard, records=self.store, record=self._record, now=self.clock),
            calendar=self.calendar,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it, as a process does that ends well."""
        self.plugins.close()
        self.store.close()

    def know(self, *, units: Iterable[Unit] = (), persons: Iterable[Person] = ()) -> None:
        """Put units and persons into the store."""
        self.store.save_units(list(units))
        self.store.save_persons(list(persons))

    def account(self, login: str) -> Account:
        """Return an account as it is in the store."""
        return self.store.accounts([login])[login]

    def open(self, codes: Sequence[str]) -> list[Operation]:
        """Open the accounts of these units."""
        units = self.store.units(codes)
        return self.run(self.planner.open_units([units[code] for code in codes], initiator=INITIATOR))

    def close_accounts(self, logins: Sequence[str]) -> list[Operation]:
        """Close these accounts."""
        return self.run(self.planner.close([self.account(login) for login in logins], initiator=INITIATOR))

    def reopen(self, logins: Sequence[str]) -> list[Operation]:
        """Open these closed accounts again."""
        return self.run(self.planner.reopen([self.account(login) for login in logins], initiator=INITIATOR))

    def delete(self, logins: Sequence[str]) -> list[Operation]:
        """Delete these closed accounts on the targets."""
        return self.run(self.planner.delete([self.account(login) for login in logins], initiator=INITIATOR))

    def rotate(self, logins: Sequence[str]) -> list[Operation]:
        """Give these accounts new passwords."""
        return self.run(self.planner.rotate([self.account(login) for login in logins], initiator=INITIATOR))

    def hand_over(self, login: str, to: str) -> list[Operation]:
        """Pass an account to the person with this id."""
        return self.run(self.planner.hand_over(self.account(login), to=to, initiator=INITIATOR))

    def run(self, plan: Plan) -> list[Operation]:
        """Carry a plan out."""
        return self.engine.apply(plan)

    def release(self, run: str, actor: str = "releaser") -> list[Operation]:
        """Carry out a run that was held back."""
        return self.engine.release(run, actor=actor)

    def maintain(self, name: str, until: datetime) -> None:
        """Let a target or channel be in maintenance until then."""
        self.store.write(MaintenanceBegan(at=self.clock(), actor="tester", target=name, until=until))

    def end_maintenance(self, name: str) -> None:
        """Let a target or channel be called again."""
        self.store.write(MaintenanceEnded(at=self.clock(), actor="tester", target=name))

    def sweep(self) -> Sweep:
        """Return a sweep over everything that is due now, however far the clock was moved. Notices are in English."""
        context = self.engine.context
        notifier = Notifier(people=self.planner.people, channels=context.channels, retry=context.retry, say=str)
        return Sweep(
            agenda=self.store,
            policy=self.policy,
            engine=self.engine,
            notifier=notifier,
            reports=self.plugins.report,
            clock_confirmed_by=INITIATOR.actor,
        )

    def resume(self) -> list[Operation]:
        """Carry out what is left."""
        return self.engine.resume()

    def _record(self, *events: Event) -> None:
        self.on_record(events)
        self.store.write(*events)
        self.after_record(events)
        for event in events:
            self.plugins.observe(event)


def _open(file: Path, clock: Callable[[], datetime], lease_ttl: timedelta, elapsed: Callable[[], float]) -> Store:
    open_store = Store.open if file.exists() else Store.create
    return open_store(f"sqlite:///{file}", now=clock, lease_ttl=lease_ttl, elapsed=elapsed)
