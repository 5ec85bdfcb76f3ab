"""Tells how many accounts are not on the targets on which they belong, as far as the store knows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping

import attrs

from provisioner.config.load import LoadedConfiguration
from provisioner.core.engine.desired import DesiredState
from provisioner.core.gateways.plugins import Plugins
from provisioner.core.model import Account, AccountState
from provisioner.core.model.scope import TargetScope
from provisioner.core.model.text import Text
from provisioner.services.health_check.results import CheckResult, warning
from provisioner.services.parts import open_store
from provisioner.store import Store


@attrs.frozen(kw_only=True)
class ScopeCounts:
    """The open accounts that are not where they belong, by target."""

    #: How many belong on the target and are not open there.
    missing: Mapping[str, int]
    #: How many are open there although its scope doesn't include them.
    left: Mapping[str, int]


def check_scopes(config: LoadedConfiguration, plugins: Plugins) -> Iterator[CheckResult]:
    """Tell which scopes name unknown units, and how many accounts are not where they belong. No target is asked."""
    scopes = config.target_scopes()
    joined = {name for name, target in plugins.targets.items() if "account_create" in target.hooks}
    with open_store(config) as store:
        for name, scope in scopes.items():
            yield from _unknown_units(f"targets.{name}", scope, store)
        for name, scope in config.channel_scopes().items():
            yield from _unknown_units(f"channels.{name}", scope, store)
        without = {name for name, target in plugins.targets.items() if not target.holds_accounts}
        held = {name: scope for name, scope in scopes.items() if name not in without}
        counts = count_by_scope(held, store)
        for name in held:
            yield from _missing(name, counts.missing[name] if name in joined else 0)
            yield from _left(name, counts.left[name])


def count_by_scope(scopes: Mapping[str, TargetScope], store: Store) -> ScopeCounts:
    """Return how many open accounts are not where they belong.

    Where every account belongs on a target, this is one query. For the others, the accounts are read page by page.

    Args:

        scopes: The scope of each target, by its name.

        store: The stored data.
    """
    missing, left = Counter[str](), Counter[str]()
    scoped = {name: scope for name, scope in scopes.items() if not scope.is_everywhere}
    for name in scopes.keys() - scoped.keys():
        missing[name] = store.census.count_not_on(name)
    if scoped:
        desired = DesiredState(scopes=scoped, units=store.units)
        for page in store.schedule.accounts_after(""):
            accounts = [account for account in page if account.state is AccountState.OPEN]
            _count(accounts, desired, store, missing, left)
    return ScopeCounts(missing=missing, left=left)


def _count(
    accounts: Collection[Account], desired: DesiredState, store: Store, missing: Counter[str], left: Counter[str]
) -> None:
    units = store.units.get_many({account.unit for account in accounts})
    known = store.accounts.all_target_states([account.login for account in accounts])
    for login, wanted in desired.of([(account, units[account.unit]) for account in accounts]).items():
        states = known.get(login, {})
        missing.update(wanted.missing(states))
        left.update(wanted.left(states) & desired.scopes.keys())


def _unknown_units(place: str, scope: TargetScope, store: Store) -> Iterator[CheckResult]:
    under = scope.units.under
    if unknown := under - store.units.get_many(under).keys():
        message = Text("there is no unit {code}", {"code": ", ".join(sorted(unknown))})
        yield warning(place, message, Text("correct the codes in 'under', or import the units"))


def _missing(target: str, count: int) -> Iterator[CheckResult]:
    if count:
        message = Text.counted(
            "{count} open account is not on {target}",
            "{count} open accounts are not on {target}",
            count=count,
            target=target,
        )
        yield warning(
            f"targets.{target}",
            message,
            Text("wait for their next password rotations, which create them; 'account complete' does so now"),
        )


def _left(target: str, count: int) -> Iterator[CheckResult]:
    if count:
        message = Text.counted(
            "{count} account is open on {target}, where it no longer belongs",
            "{count} accounts are open on {target}, where they no longer belong",
            count=count,
            target=target,
        )
        yield warning(
            f"targets.{target}",
            message,
            Text("run 'provisioner reconcile --repair' to close them on {target}", {"target": target}),
        )
