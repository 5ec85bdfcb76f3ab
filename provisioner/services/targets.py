"""Targets and channels: which are called, which are not, and who changes that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from zoneinfo import ZoneInfo

import attrs

from provisioner.config.load import LoadedConfiguration
from provisioner.core.api.errors import InputError, NotReadyError, Problem, TargetError
from provisioner.core.api.events import TargetResumed
from provisioner.core.api.logs import Logger
from provisioner.core.api.messages import CheckChannel
from provisioner.core.engine.ports import Recorder
from provisioner.core.gateways.health import TargetHealth
from provisioner.core.gateways.maintenance import Calendar, Maintenance, MaintenanceBegan, MaintenanceEnded
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.roles import Role
from provisioner.core.model import StepError
from provisioner.core.model.text import Text, literal
from provisioner.core.reconcile.history import PastComparison
from provisioner.services.parts import Clock
from provisioner.store import Store

log = Logger(__name__)

#: The last year in which a maintenance can end.
_LAST_YEAR = 2999


class SystemKind(StrEnum):
    """What it is."""

    TARGET = "target"
    CHANNEL = "channel"


class Condition(StrEnum):
    """Whether a target or channel is called."""

    WORKS = "works"
    #: It failed the last time, and is tried again.
    FAILING = "failing"
    #: It failed for so long that somebody has to resume it.
    QUARANTINED = "quarantined"
    #: Somebody is working on it.
    MAINTENANCE = "maintenance"


@attrs.frozen(kw_only=True)
class System:
    """A target or channel, and what is known of it."""

    name: str
    kind: SystemKind
    #: The name of the plug-in that serves it.
    plugin: str
    health: TargetHealth | None = None
    maintenance: Maintenance | None = None

    @property
    def condition(self) -> Condition:
        """Whether it is called."""
        if self.maintenance:
            return Condition.MAINTENANCE
        if self.health is None:
            return Condition.WORKS
        return Condition.QUARANTINED if self.health.quarantined_at else Condition.FAILING

    @property
    def reason(self) -> Text:
        """Why it is in maintenance, or how it failed the last time."""
        if self.maintenance:
            return literal(self.maintenance.reason)
        return self.health.error.message if self.health else Text("")


@attrs.frozen(kw_only=True)
class SystemOverview:
    """A target or channel, as one person may read it."""

    system: System
    #: The last comparison of a target, also if it is incomplete; ``None`` if there was none.
    compared: PastComparison | None = None


def end_of_maintenance(text: str, zone: ZoneInfo) -> datetime:
    """Return a time that a person wrote, in UTC.

    Args:

        text: The time, in ISO 8601.

        zone: The time zone if it has no UTC offset.

    Raises:

        InputError: It is no time.
    """
    try:
        given = datetime.fromisoformat(text)
        time = (given if given.tzinfo else given.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        message = Text("invalid time {text}; use 2026-03-01T18:00", {"text": text})
        raise InputError([Problem(field="until", message=message)]) from None
    if time.year > _LAST_YEAR:
        message = Text("{text} is after the year {last}", {"text": text, "last": _LAST_YEAR})
        raise InputError([Problem(field="until", message=message)])
    return time


def systems(config: LoadedConfiguration, store: Store, now: Clock) -> list[System]:
    """Return all targets and channels in the order in which they are used. None of them is called.

    Args:

        config: Names them.

        store: The stored data.

        now: The clock.

    Raises:

        StoreError: The store cannot be read.
    """
    health = {known.name: known for known in store.health.all()}
    calendar = _calendar(store, now)
    kinds = {SystemKind.TARGET: config.content.targets, SystemKind.CHANNEL: config.content.channels}
    return [
        System(
            name=name,
            kind=kind,
            plugin=str(table["plugin"]),
            health=health.get(name),
            maintenance=calendar.maintenance(name),
        )
        for kind, tables in kinds.items()
        for name, table in tables.items()
    ]


@attrs.frozen(kw_only=True)
class Targets:
    """Suspends targets and channels, and resumes them.

    Args:

        config: Names them.

        store: The stored data.

        authority: Tells who may do it.

        record: Writes events into the audit log, and tells the observers.

        make_plugins: Returns a place for plug-ins that knows of no quarantine; see
            :func:`~provisioner.services.parts.plugins_only`.

        now: The clock.
    """

    config: LoadedConfiguration
    store: Store
    authority: Authority
    record: Recorder
    make_plugins: Callable[[], Plugins]
    now: Clock

    def systems(self) -> Sequence[System]:
        """Return all targets and channels in the order in which they are used; see :func:`systems`."""
        return systems(self.config, self.store, self.now)

    def overview(self, *, viewer: str) -> Sequence[SystemOverview]:
        """Return all targets and channels, in the order in which they are used. None of them is called.

        Args:

            viewer: Who reads it. Why something failed is told to those who may change it.

        Raises:

            StoreError: The store cannot be read.
        """
        shown = self.systems() if self.may_change(viewer) else map(_without_reason, self.systems())
        return [
            SystemOverview(
                system=system,
                compared=self.store.comparisons.last(system.name) if system.kind is SystemKind.TARGET else None,
            )
            for system in shown
        ]

    def may_change(self, person: str) -> bool:
        """Whether a person may suspend and resume targets and channels."""
        return not self.authority.enforced or bool(self.authority.effective_role(person, {Role.ADMINISTRATOR}))

    def suspend(self, name: str, until: datetime, *, actor: str, reason: str = "", dry_run: bool = False) -> None:
        """Let operations wait that need a target or channel, until someone has worked on it.

        Args:

            name: The target or channel.

            until: When the maintenance ends.

            actor: Who says so.

            reason: Why, for the record.

            dry_run: Only check whether it can be done.

        Raises:

            DeniedError: The actor is not an administrator.

            InputError: There is no such target or channel, or the time is over.
        """
        self._require(name, actor)
        if until <= self.now():
            raise InputError([Problem(field="until", message=Text("{text} is in the past", {"text": until}))])
        if not dry_run:
            self.record(MaintenanceBegan(at=self.now(), actor=actor, target=name, until=until, reason=reason))

    def end_maintenance(self, name: str, *, actor: str, dry_run: bool = False) -> bool:
        """End the maintenance of a target or channel before its time.

        Args:

            name: The target or channel.

            actor: Who says so.

            dry_run: Only check whether it can be done.

        Returns:

            Whether it was in maintenance.

        Raises:

            DeniedError: The actor is not an administrator.

            InputError: There is no such target or channel.
        """
        self._require(name, actor)
        known = _calendar(self.store, self.now).maintenance(name)
        if known and not dry_run:
            self.record(MaintenanceEnded(at=self.now(), actor=actor, target=name))
        return known is not None

    def resume(self, name: str, *, actor: str, force: bool = False, dry_run: bool = False) -> bool:
        """End the quarantine of a target or channel, if it passes a check.

        Args:

            name: The target or channel.

            actor: Who says so.

            force: Do not check it.

            dry_run: Only check whether it can be done.

        Returns:

            Whether it was quarantined.

        Raises:

            DeniedError: The actor is not an administrator.

            InputError: There is no such target or channel.

            NotReadyError: It does not work.
        """
        self._require(name, actor)
        known = self.store.health.get(name)
        if known is None or known.quarantined_at is None:
            return False
        if not force:
            self._check(name)
        if not dry_run:
            self.record(TargetResumed(at=self.now(), actor=actor, target=name, forced=force))
            self.store.health.change(name, lambda _: None)
            log.info("target_resumed", target=name, actor=actor, forced=force)
        return True

    def _require(self, name: str, actor: str) -> None:
        known = [*self.config.content.targets, *self.config.content.channels]
        if name not in known:
            values = {"name": name, "known": ", ".join(known)}
            message = Text("there is no target or channel {name}; the targets and channels are {known}", values)
            raise InputError([Problem(field="name", message=message)])
        self.authority.require(actor, {Role.ADMINISTRATOR})

    def _check(self, name: str) -> None:
        """See whether it works, by breakers that know of no quarantine.

        Raises:

            NotReadyError: It does not.
        """
        with closing(self.make_plugins()) as plugins:
            plugins.load(self.config.plugin_settings())
            target, channel = plugins.targets.get(name), plugins.channels.get(name)
            try:
                if target and "target_check" in target.hooks:
                    target.check()
                elif channel and "channel_check" in channel.hooks:
                    channel.check(CheckChannel())
            except TargetError as error:
                raise NotReadyError([error]) from None


def _calendar(store: Store, now: Clock) -> Calendar:
    """Return the stored maintenance, read here: a calendar takes what it can't read itself for none."""
    return Calendar(read=partial(tuple, store.maintenance.all()), now=now)


def _without_reason(system: System) -> System:
    """Return a target or channel without what it said, which may name its servers."""
    if system.health is None:
        return system
    return attrs.evolve(system, health=attrs.evolve(system.health, error=StepError(name="", message="")))
