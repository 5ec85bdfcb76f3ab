"""The parts that are of use alone: for what runs without the store, or without what the configuration names.

A command that only reads the store imports no plug-ins.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import TYPE_CHECKING

from provisioner.config.load import LoadedConfiguration
from provisioner.core.api.errors import ConfigurationError, InputError, Problem, StoreError
from provisioner.core.governance.authority import Authority
from provisioner.core.model.days import utc_now
from provisioner.core.model.mobile import NumberKind
from provisioner.core.model.text import Text
from provisioner.store import Store
from provisioner.store.address import StoreAddress

if TYPE_CHECKING:
    from provisioner.core.engine.allowances import Allowances
    from provisioner.core.engine.lease_timer import LeaseTimer
    from provisioner.core.gateways.gateway import Target
    from provisioner.core.gateways.maintenance import Maintenance
    from provisioner.core.gateways.plugins import Plugins

Clock = Callable[[], datetime]


def open_store(
    config: LoadedConfiguration, now: Clock = utc_now, timer: LeaseTimer | None = None, beside: Store | None = None
) -> Store:
    """Open the store of a configuration.

    Args:

        config: The configuration.

        now: The clock.

        timer: Ends this process if it doesn't renew its leases in time.

        beside: Another open store of this process, which is closed later and may share its connections.

    Raises:

        StoreError: It cannot be opened.
    """
    return Store.open(store_address(config), now=now, timer=timer, beside=beside)


def store_address(config: LoadedConfiguration) -> StoreAddress:
    """Return where the store of a configuration is.

    Raises:

        StoreError: Its password isn't where the configuration says.
    """
    try:
        password = config.store_password()
    except ConfigurationError as error:
        raise StoreError("store_password: {reason}", cure=error.cure, reason=error.message) from None
    return StoreAddress(config.store_url, password=password, folder=config.store_folder)


def allowances_of(config: LoadedConfiguration, store: Store, now: Clock = utc_now) -> Allowances:
    """Return how many messages the channels may send."""
    from provisioner.core.engine.allowances import Allowances

    limits = config.daily_limits()
    return Allowances(counts=store.message_counts, limits=limits, now=now, zone=config.content.time_zone)


def authority_of(config: LoadedConfiguration, store: Store, now: Clock | None = None) -> Authority:
    """Return what tells who may do what."""
    settings = config.content.authority
    administrators = settings.administrators if settings else ()
    return Authority(records=store, administrators=administrators, enforced=settings is not None, now=now or store.now)


def plugins_only(
    config: LoadedConfiguration | None = None,
    *,
    now: Clock = utc_now,
    maintenance: Callable[[str], Maintenance | None] = lambda _: None,
    dry_run: bool = True,
) -> Plugins:
    """Return a place for plug-ins that remembers nothing: no failure and no quarantine.

    No plug-in is loaded yet. Close it in the end.

    Args:

        config: The configuration, for the product's own answers; ``None`` if there is none.

        now: The clock.

        maintenance: Returns the maintenance of a target or channel.

        dry_run: Refuse, at the gateways, every call that would change another system.
    """
    from provisioner.core.gateways.breaker import Breaker
    from provisioner.core.gateways.plugins import Plugins
    from provisioner.core.governance.directives import Defaults

    plugins = Plugins(
        make_breaker=lambda name: Breaker(name=name, now=now, maintenance=maintenance),
        dry_run=dry_run,
    )
    if config:
        plugins.add("core:defaults", Defaults(plate_code=config.content.accounts.plate_code))
    return plugins


def choose_numbers(config: LoadedConfiguration, plugins: Plugins) -> None:
    """Tell each loaded channel to which number of a person it sends.

    Args:

        config: The configuration.

        plugins: The channels.

    Raises:

        ConfigurationError: A channel that sends to no number is to send to the other one.
    """
    rules = config.delivery_rules()
    for name, channel in plugins.channels.items():
        if rules[name].number is NumberKind.OTHER and not channel.uses_number:
            raise ConfigurationError(
                "channels.{name}.number: plug-in {plugin} sends to no number",
                cure="remove the key",
                name=name,
                plugin=channel.origin.plugin,
            )
        channel.number = rules[name].number


def require_target(name: str, known: Collection[str]) -> None:
    """Check that there is a target with this name.

    Args:

        name: The name.

        known: The names of all targets.

    Raises:

        InputError: There is none; the error names those that exist.
    """
    if name not in known:
        values = {"name": name, "known": ", ".join(known)}
        raise InputError(
            [Problem(field="target", message=Text("there is no target {name}; the targets are {known}", values))]
        )


def chosen_targets(plugins: Plugins, name: str | None) -> list[Target]:
    """Return the target with this name, or all targets that hold accounts if no name is given.

    Args:

        plugins: The targets.

        name: The name of one of them.

    Raises:

        InputError: There is no such target, or it holds no accounts.
    """
    if name is None:
        return plugins.account_targets
    require_target(name, plugins.targets)
    if not plugins.targets[name].holds_accounts:
        message = Text("{name} holds no accounts; it only ends their sessions", {"name": name})
        raise InputError([Problem(field="target", message=message)])
    return [plugins.targets[name]]
