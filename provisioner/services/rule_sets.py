"""Makes the policy that a configuration describes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache

import attrs

from provisioner.config.load import LoadedConfiguration
from provisioner.core.api.rules import Monitor, Rule
from provisioner.core.gateways.plugins import Plugins, find_entry_point
from provisioner.core.model.scope import Scope
from provisioner.core.policy.policy import Policy, RuleSet
from provisioner.store import Store

#: Of how many units the unit above is remembered. Only units with units below them are looked up.
REMEMBERED = 16384


def make_policy(config: LoadedConfiguration, plugins: Plugins, store: Store, now: datetime) -> Policy:
    """Return the policy of a configuration.

    Args:

        config: The configuration.

        plugins: The plug-ins that it names, loaded.

        store: The stored data.

        now: The time. Rule sets of which nothing is stored are new.

    Raises:

        ConfigurationError: Two rule sets contradict each other.
    """
    scopes = config.scopes()
    return Policy(
        rule_sets=[_rule_set(name, plugins.rule_sets[name], scope) for name, scope in scopes.items()],
        path_of=_paths(store),
        since={**dict.fromkeys(scopes, now), **store.schedule.rule_sets_since()},
        time_zone=config.content.time_zone,
        fingerprint=fingerprint(config),
    )


def fingerprint(config: LoadedConfiguration) -> str:
    """Return a hash of all in a configuration that deadlines depend on, the versions of the plug-ins included.

    Raises:

        PluginError: One of the plug-ins is not installed.
    """
    content = {
        "rules": config.content.rules,
        "plugins": [attrs.asdict(find_entry_point(plugin)[1]) for plugin in config.plugins_of_rule_sets()],
        "time_zone": config.content.time_zone.key,
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()


def _rule_set(name: str, given: Sequence[Rule | Monitor], scope: Scope) -> RuleSet:
    rules = tuple(part for part in given if isinstance(part, Rule))
    monitors = tuple(part for part in given if isinstance(part, Monitor))
    return RuleSet(name=name, rules=rules, monitors=monitors, scope=scope)


def _paths(store: Store) -> Callable[[str], Sequence[str]]:
    """Return a function that looks up what is above a unit, and reads each unit once."""

    @lru_cache(REMEMBERED)
    def parent(code: str) -> str | None:
        unit = store.units.get_many([code]).get(code)
        return unit.parent if unit else None

    def path(code: str) -> Sequence[str]:
        codes = [code]
        while (above := parent(codes[-1])) and above not in codes:
            codes.append(above)
        return codes

    return path
