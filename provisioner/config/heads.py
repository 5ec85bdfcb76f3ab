"""The keys of the tables of targets, channels and rule sets that are the product's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import TypeVar

import attrs
from attrs.validators import ge, le, optional

from provisioner.config.settings import EntitlementSettings
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.engine.dispatch import DeliveryRules, OnUndelivered
from provisioner.core.model import AccountKind
from provisioner.core.model.mobile import NumberKind
from provisioner.core.model.scope import Scope, TargetScope
from provisioner.core.model.text import visible
from provisioner.core.policy.audience import Audience

#: The plug-in of rule sets that name no other.
RULES_PLUGIN = "rules"


@attrs.frozen(kw_only=True)
class TableHead:
    """The keys of a table that are the product's own; the others are the plug-in's."""

    #: The name of the plug-in. The other keys of the table belong to it.
    plugin: str


def _target_hooks() -> Sequence[str]:
    from provisioner.core.gateways.gateway import OPTIONAL, TARGET_HOOKS

    return (*TARGET_HOOKS, *OPTIONAL)


def _channel_hooks() -> Sequence[str]:
    from provisioner.core.gateways.gateway import CHANNEL_HOOKS

    return CHANNEL_HOOKS


def _hooks(expected_hooks: Callable[[], Sequence[str]]) -> Callable[[object, object, Iterable[str]], None]:
    """Return a validator of ``cannot``. What hooks there are is asked for when some are listed."""

    def validate(_: object, __: object, value: Iterable[str]) -> None:
        expected = expected_hooks() if value else ()
        for hook in value:
            if hook not in expected:
                raise ConfigurationError(
                    "{hook} is not a hook that 'cannot' can list; these are: {expected}",
                    hook=visible(hook),
                    expected=", ".join(expected),
                )

    return validate


@attrs.frozen(kw_only=True)
class SystemHead(TableHead):
    """The keys of a target or channel."""

    #: How many calls may run at once.
    parallel: int = attrs.field(default=8, validator=[ge(1), le(256)])


class Join(StrEnum):
    """When an open account that is missing on a target is created there."""

    NEXT_RENEWAL = "next-renewal"
    NOW = "now"


@attrs.frozen(kw_only=True)
class TargetHead(SystemHead):
    """A system that has the accounts."""

    #: The hooks that the plug-in does not implement. Their work is not done on this target and not reported as done.
    cannot: tuple[str, ...] = attrs.field(default=(), validator=_hooks(_target_hooks))
    #: The kinds of the units whose accounts belong on the target; empty for all.
    kinds: tuple[str, ...] = ()
    #: The codes of the units whose accounts belong on the target, with all units below them; empty for all.
    under: tuple[str, ...] = ()
    #: The kinds of the accounts that belong on the target, ``unit`` or ``personal``; empty for all.
    account_kinds: tuple[AccountKind, ...] = ()
    #: When an open account that is missing on the target is created there: ``next-renewal``, with the password of its
    #: next renewal, or ``now``.
    join: Join = Join.NEXT_RENEWAL


@attrs.frozen(kw_only=True)
class AudienceSettings:
    """Who gets notices over the channel. Without this table, a channel that delivers no passwords sends none."""

    #: The staff numbers of persons.
    persons: tuple[str, ...] = ()
    #: The kinds of the units whose staff get them.
    kinds: tuple[str, ...] = ()
    #: The codes of the units whose staff get them, with all units below them.
    under: tuple[str, ...] = ()

    def __attrs_post_init__(self) -> None:
        if not (self.persons or self.kinds or self.under):
            raise ConfigurationError(
                "persons, kinds and under are empty, so nobody gets notices",
                cure="name those who get them, or remove the table",
            )

    @property
    def audience(self) -> Audience:
        """The same for the sweep."""
        units = Scope(kinds=frozenset(self.kinds), under=frozenset(self.under))
        return Audience(persons=frozenset(self.persons), units=None if units == Scope() else units)


@attrs.frozen(kw_only=True)
class ChannelHead(SystemHead):
    """A way to bring a password to its owner."""

    #: The hooks that the plug-in does not implement.
    cannot: tuple[str, ...] = attrs.field(default=(), validator=_hooks(_channel_hooks))
    #: The kinds of the units for whose accounts the channel delivers passwords; empty for all.
    kinds: tuple[str, ...] = ()
    #: The codes of the units for whose accounts it delivers passwords, with all units below them; empty for all.
    under: tuple[str, ...] = ()
    #: The kinds of the accounts for which it delivers passwords, ``unit`` or ``personal``; empty for all.
    account_kinds: tuple[AccountKind, ...] = ()
    #: Which number of a person the channel sends to: ``mobile``, the registered one, or ``other``, the other mobile
    #: number, if an administrator confirmed it with ``provisioner person confirm-number``.
    number: NumberKind = NumberKind.MOBILE
    #: What is done after a message with a password was not reported as delivered: ``tell`` tells an officer,
    #: ``next-channel`` also sends a new password over the next channel, and ``renew`` sends one over the same channel,
    #: once.
    on_undelivered: OnUndelivered = OnUndelivered.TELL
    #: How many seconds a message can be on its way at most. A new password waits until an earlier one can no longer
    #: arrive after it.
    longest_delay: int = attrs.field(default=0, validator=[ge(0), le(7 * 24 * 3600)])
    #: How many hours a report on a message with a password is awaited.
    report_within_hours: int = attrs.field(default=24, validator=[ge(1), le(24 * 366)])
    #: Who gets notices over the channel.
    notices: AudienceSettings | None = None
    #: How many messages the channel sends on a day at most, passwords and notices together; without a limit if not set.
    max_per_day: int | None = attrs.field(default=None, validator=optional(ge(1)))

    @property
    def delivery_rules(self) -> DeliveryRules:
        """The same for the engine."""
        return DeliveryRules(
            number=self.number,
            on_undelivered=self.on_undelivered,
            longest_delay=timedelta(seconds=self.longest_delay),
            report_within=timedelta(hours=self.report_within_hours),
        )


@attrs.frozen(kw_only=True)
class RuleSetHead(TableHead):
    """A rule set of the policy."""

    #: The name of the plug-in that makes the rule set. The other keys of the table belong to it.
    plugin: str = RULES_PLUGIN
    #: The kinds of the units to which the rule set applies; empty for all.
    kinds: tuple[str, ...] = ()
    #: The codes of the units to which the rule set applies, with all units below them; empty for all.
    under: tuple[str, ...] = ()


def units_of_table(table: RuleSetHead | TargetHead | ChannelHead | EntitlementSettings) -> Scope:
    """Return the units to which a table applies."""
    return Scope(kinds=frozenset(table.kinds), under=frozenset(table.under))


def accounts_of_table(table: TargetHead | ChannelHead | EntitlementSettings) -> TargetScope:
    """Return the accounts to which a table applies."""
    return TargetScope(units=units_of_table(table), account_kinds=frozenset(table.account_kinds))


HeadT = TypeVar("HeadT", bound=TableHead)

#: The class of the keys that are the product's own, for each family of tables.
HEADS: Mapping[str, type[TableHead]] = {"targets": TargetHead, "channels": ChannelHead, "rules": RuleSetHead}
