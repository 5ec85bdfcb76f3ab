"""Opens an application on the store and the plug-ins of a configuration."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from provisioner.config.load import LoadedConfiguration
from provisioner.core.api.errors import StoreError
from provisioner.core.api.events import Event
from provisioner.core.api.logs import Logger
from provisioner.core.engine.lease_timer import LeaseTimer
from provisioner.core.gateways.breaker import Breaker
from provisioner.core.gateways.health import MemoryHealth
from provisioner.core.gateways.maintenance import Calendar
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.gateways.retrying import Retry, RetryPolicy
from provisioner.core.model.days import utc_now
from provisioner.services.application import Application
from provisioner.services.composition import Composition
from provisioner.services.parts import Clock, open_store
from provisioner.store import Store

log = Logger(__name__)


@attrs.frozen(kw_only=True)
class Mode:
    """How a process carries out operations. The default is that of a command."""

    #: Ends the process if it doesn't renew its leases in time.
    timer: LeaseTimer | None = None
    #: Whether operations are handed to workers.
    distributes: bool = False
    #: How many operations are carried out at the same time; by default, it depends on the targets.
    concurrency: int | None = None
    #: An open store of this process, which is closed later and may share its connections.
    beside: Store | None = None


@contextmanager
def application(
    config: LoadedConfiguration,
    *,
    now: Clock | None = None,
    stop: threading.Event | None = None,
    retry_policy: RetryPolicy | None = None,
    dry_run: bool = False,
    mode: Mode = Mode(),
) -> Iterator[Application]:
    """Open the store, load the plug-ins and compose the application; close it all at the end.

    Args:

        config: What is configured.

        now: The clock; by default, that of the store.

        stop: Set it to stop the work between two steps.

        retry_policy: How persistently targets are tried; the default suits people who wait for a command.

        dry_run: Refuse, at the gateways, every call that would change another system.

        mode: How operations are carried out.

    Raises:

        ConfigurationError: Something in the configuration is wrong.

        StoreError: The store cannot be opened.
    """
    retry = Retry(retry_policy or RetryPolicy(), stop or threading.Event())
    with open_store(config, now or utc_now, mode.timer, mode.beside) as store:
        now = now or store.now
        calendar = Calendar(read=store.maintenance.all, now=now)
        plugins = _plugins(config, store, now, calendar, dry_run=dry_run)
        composition = Composition(
            config=config,
            store=store,
            plugins=plugins,
            load=lambda: plugins.load(config.plugin_settings()),
            retry=retry,
            now=now,
            calendar=calendar,
            distribution=store.share_operations() if mode.distributes else None,
            concurrency=mode.concurrency,
        )
        try:
            yield composition.application()
        finally:
            plugins.close()


def _plugins(config: LoadedConfiguration, store: Store, now: Clock, calendar: Calendar, *, dry_run: bool) -> Plugins:
    """Return the place for the plug-ins, whose breakers share their memory with every other process."""
    health = MemoryHealth(store.health.all()) if dry_run else store.health

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


def _write_down(store: Store, event: Event) -> None:
    """Write a notice into the audit log. If that fails, the call that led to it must not end with another error."""
    try:
        store.write(event)
    except StoreError as error:
        log.warning("notice_not_kept", kind=event.kind, reason=str(error))
