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
from typing import Any, Self

import attrs

from provisioner.config.load import Configuration, LoadedConfiguration
from provisioner.config.settings import (
    AccountSettings,
    AuthoritySettings,
    EntitlementSettings,
    LimitSettings,
    NoticeSettings,
)
from provisioner.core.api.events import Event
from provisioner.core.api.fencing import Lease, elapsed
from provisioner.core.engine.plan import Initiator, Plan
from provisioner.core.gateways.breaker import Breaker
from provisioner.core.gateways.gateway import PluginOrigin
from provisioner.core.gateways.maintenance import Calendar, MaintenanceBegan, MaintenanceEnded
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.gateways.retrying import Retry, RetryPolicy
from provisioner.core.model import Account, Operation, Person, Unit
from provisioner.core.model.mass_change import MassChangeLimit
from provisioner.core.model.naming import Naming
from provisioner.core.policy.policy import Policy
from provisioner.core.policy.sweep import Sweep
from provisioner.services.composition import Composition
from provisioner.store import LEASE_TTL, Store
from provisioner.testing.clock import FakeClock

#: Patient in attempts, and quick.
QUICK = RetryPolicy(
    attempts=3,
    first_wait=timedelta(milliseconds=1),
    longest_wait=timedelta(milliseconds=2),
    total=timedelta(minutes=1),
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

        administrators: Who may do everything, if there are rules on who may do what; by default, nothing is denied.

        lease_ttl: How long an account stays held when its process stops renewing the lease.

        takeover_wait: How long to wait after an operation was taken from a process that may still be alive.

        elapsed: The clock by which it counts what is left of its leases; :meth:`FakeClock.elapsed
            <provisioner.testing.clock.FakeClock.elapsed>` lets a test stop the process for a while.

        cannot: The hooks that targets and channels are said to be without, by name.

        scopes: Further keys of the targets' tables, by the target's name, for example ``{"db": {"kinds": ["a"]}}``.

        entitlements: The entitlements of accounts, by name.

        deliveries: Further keys of the channels' tables, by the channel's name, for example ``{"sms":
            {"on_undelivered": "renew"}}``.

        quiet_hours: When no warnings are sent, for example ``22:00-08:00``; by default, they are sent at any time.

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
        administrators: Sequence[str] | None = None,
        lease_ttl: timedelta = LEASE_TTL,
        takeover_wait: timedelta = timedelta(0),
        elapsed: Callable[[], float] = elapsed,
        cannot: Mapping[str, Collection[str]] | None = None,
        scopes: Mapping[str, Mapping[str, Any]] | None = None,
        entitlements: Mapping[str, EntitlementSettings] | None = None,
        deliveries: Mapping[str, Mapping[str, Any]] | None = None,
        quiet_hours: str = "",
    ) -> None:
        self.on_record: Callable[[Sequence[Event]], object] = lambda _: None
        self.after_record: Callable[[Sequence[Event]], object] = lambda _: None
        self.clock = clock or FakeClock()
        self.stop = threading.Event()
        self.policy = policy or Policy()
        self.store = _open(file, self.clock, lease_ttl, elapsed)
        self._calendar = Calendar(read=self.store.maintenance.all, now=self.clock)
        self.plugins = Plugins(make_breaker=self._breaker, cannot=dict(cannot or {}))
        content = Configuration(
            language="en",
            accounts=AccountSettings(domain=NAMING.domain, plate_code="46", protected=tuple(protected)),
            limits=_limits(limit or MassChangeLimit()),
            authority=None if administrators is None else AuthoritySettings(administrators=tuple(administrators)),
            targets=_tables(targets, scopes or {}),
            channels=_tables(channels, deliveries or {}),
            entitlements=dict(entitlements or {}),
            notices=NoticeSettings(quiet_hours=quiet_hours),
        )
        self.app = Composition(
            config=LoadedConfiguration(file=file.with_suffix(".toml"), content=content),
            store=self.store,
            plugins=self.plugins,
            load=lambda: self._load(targets, channels),
            retry=Retry(retry_policy, self.stop),
            now=self.clock,
            calendar=self._calendar,
            journal=WatchedJournal(self),
            policy=self.policy,
            takeover_wait=takeover_wait,
        ).application()
        self.planner, self.engine = self.app.planner, self.app.engine

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
        self.store.units.save(list(units))
        self.store.persons.save(list(persons))

    def account(self, login: str) -> Account:
        """Return an account as it is in the store."""
        return self.store.accounts.get_many([login])[login]

    def open(self, codes: Sequence[str]) -> list[Operation]:
        """Open the accounts of these units."""
        units = self.store.units.get_many(codes)
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

    def update(self, logins: Sequence[str]) -> list[Operation]:
        """Bring the attributes and entitlements of these accounts up to date."""
        return self.run(self.planner.update([self.account(login) for login in logins], initiator=INITIATOR))

    def withdraw(self, logins: Sequence[str]) -> list[Operation]:
        """Close these accounts on the targets on which they no longer belong."""
        return self.run(self.planner.withdraw([self.account(login) for login in logins], initiator=INITIATOR))

    def hand_over(self, login: str, to: str) -> list[Operation]:
        """Pass an account to the person with this id."""
        return self.run(self.planner.hand_over(self.account(login), to=to, initiator=INITIATOR))

    def run(self, plan: Plan) -> list[Operation]:
        """Carry a plan out."""
        return self.engine.apply(plan)

    def release(self, run: str, actor: str = "releaser") -> list[Operation]:
        """Carry out a held run."""
        return self.engine.release(run, actor=actor)

    def maintain(self, name: str, until: datetime) -> None:
        """Let a target or channel be in maintenance until then."""
        self.store.write(MaintenanceBegan(at=self.clock(), actor="tester", target=name, until=until))

    def end_maintenance(self, name: str) -> None:
        """Let a target or channel be called again."""
        self.store.write(MaintenanceEnded(at=self.clock(), actor="tester", target=name))

    def sweep(self) -> Sweep:
        """Return a sweep over everything that is due now, however far the clock was moved. Notices are in English."""
        return self.app.sweep(clock_confirmed_by=INITIATOR.actor)

    def resume(self) -> list[Operation]:
        """Carry out what is left."""
        return self.engine.resume()

    def _breaker(self, name: str) -> Breaker:
        """Return a breaker that doesn't quarantine what failed just before the clock was moved by hours."""
        return Breaker(
            name=name, now=self.clock, quarantine_after=timedelta.max, maintenance=self._calendar.maintenance
        )

    def _load(self, targets: Mapping[str, object], channels: Mapping[str, object]) -> None:
        for name, plugin in targets.items():
            self.plugins.add_target(name, plugin, ORIGIN)
        for name, plugin in channels.items():
            self.plugins.add_channel(name, plugin, ORIGIN)


@attrs.frozen
class WatchedJournal:
    """The store's journal, each write of which a harness can watch."""

    _harness: Harness

    def write(self, *events: Event) -> None:
        """Store events, and tell the harness before and after."""
        self._harness.on_record(events)
        self._harness.store.write(*events)
        self._harness.after_record(events)

    def lease(self, login: str, operation_id: str, /) -> Lease:
        """Return the lease that the store holds."""
        return self._harness.store.lease(login, operation_id)


def _limits(limit: MassChangeLimit) -> LimitSettings:
    return LimitSettings(
        mass_change_percent=limit.percent,
        mass_change_from=limit.from_accounts,
        mass_change_window_hours=limit.window // timedelta(hours=1),
    )


def _tables(plugins: Iterable[str], keys: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return tables that say the order and the scopes: what is called are the objects."""
    return {name: {"plugin": "memory", **keys.get(name, {})} for name in plugins}


def _open(file: Path, clock: Callable[[], datetime], lease_ttl: timedelta, elapsed: Callable[[], float]) -> Store:
    open_store = Store.open if file.exists() else Store.create
    return open_store(f"sqlite:///{file}", now=clock, lease_ttl=lease_ttl, elapsed=elapsed)
