"""Reads the configuration file, strictly: whatever is not understood is an error with its place and its cure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import time, timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, quote, urlsplit
from zoneinfo import ZoneInfo

import attrs
from attrs.validators import ge, in_, le, matches_re, optional

from provisioner.config.early import DEFAULT_LANGUAGE, LANGUAGES, configuration_file
from provisioner.config.oidc import OidcSettings
from provisioner.config.structure import structure
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.api.registration import PluginSettings, Section
from provisioner.core.engine.dispatch import DeliveryRules, OnUndelivered
from provisioner.core.model import AccountKind
from provisioner.core.model.identifiers import name_objection
from provisioner.core.model.log_ins import LogInWay
from provisioner.core.model.mass_change import MassChangeLimit
from provisioner.core.model.mobile import NumberKind
from provisioner.core.model.naming import Naming
from provisioner.core.model.quotations import toml_problem
from provisioner.core.model.scope import Scope, TargetScope
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import visible
from provisioner.core.policy.audience import Audience
from provisioner.core.policy.quiet_hours import USUAL, QuietHours

if TYPE_CHECKING:
    from provisioner.core.engine.desired import EntitlementRule
    from provisioner.core.governance.protection import Pattern

#: The plug-in of rule sets that name no other.
RULES_PLUGIN = "rules"


def _identifiers(_: object, __: object, value: Iterable[str]) -> None:
    for name in value:
        if objection := name_objection(name):
            raise ConfigurationError("{name} cannot be a name: {reason}", name=visible(name), reason=objection)


@attrs.frozen(kw_only=True)
class AccountSettings:
    """How accounts are named, and which of them are protected."""

    #: The mail domain.
    domain: str
    #: The mail domain of units of a certain kind, where they have their own.
    domain_of_kind: dict[str, str] = attrs.field(factory=dict)
    #: The number of the province, which ends the login of an office (000 m.4/h).
    plate_code: str = ""
    #: The code of the IT unit. Its custodian can keep an account until the account's own unit has a custodian again.
    it_unit: str = ""
    #: Accounts that nobody may touch: logins or patterns of logins, with or without a domain.
    protected: tuple[str, ...] = ()

    def __attrs_post_init__(self) -> None:
        _ = self.protected_patterns  # a wrong one must be found here, and not when it protects nothing

    @property
    def protected_patterns(self) -> list[Pattern]:
        """The same for those who compare accounts with them.

        Raises:

            ConfigurationError: One of them could match no account.
        """
        if not self.protected:
            return []
        from provisioner.core.governance.protection import Pattern

        domains = {self.domain, *self.domain_of_kind.values()}
        return [Pattern.of(text, domains) for text in self.protected]

    @property
    def naming(self) -> Naming:
        """The same for the planner."""
        return Naming(domain=self.domain, domain_of_kind=self.domain_of_kind)


@attrs.frozen(kw_only=True)
class BreakerSettings:
    """When a target or channel that keeps failing is quarantined."""

    #: The minutes without a success after which a target or channel is quarantined until someone resumes it.
    quarantine_after_minutes: int = attrs.field(default=60, validator=[ge(1), le(60 * 24 * 366)])

    @property
    def quarantine_after(self) -> timedelta:
        """The same for the breakers."""
        return timedelta(minutes=self.quarantine_after_minutes)


#: The limit that holds where the configuration does not say otherwise.
_LIMIT = MassChangeLimit()


@attrs.frozen(kw_only=True)
class LimitSettings:
    """Which runs are held until someone releases them."""

    #: The share of the open accounts, in percent, that may be closed or deleted within the window; 100 is no limit.
    mass_change_percent: int = attrs.field(default=_LIMIT.percent, validator=[ge(1), le(100)])
    #: The number of open accounts, in total or on one target, from which the limit applies.
    mass_change_from: int = attrs.field(default=_LIMIT.from_accounts, validator=[ge(1), le(10_000_000)])
    #: The window in which earlier closings and deletions count, in hours.
    mass_change_window_hours: int = attrs.field(
        default=_LIMIT.window // timedelta(hours=1), validator=[ge(1), le(24 * 366)]
    )

    @property
    def mass_change(self) -> MassChangeLimit:
        """The same for the engine."""
        return MassChangeLimit(
            percent=self.mass_change_percent,
            from_accounts=self.mass_change_from,
            window=timedelta(hours=self.mass_change_window_hours),
        )


@attrs.frozen(kw_only=True)
class NoticeSettings:
    """When warnings and reminders are sent."""

    #: The hours in which none are sent, in the configured time zone; empty for no such hours. Passwords are sent at any
    #: time, and so are warnings that would come too late afterwards.
    quiet_hours: str = USUAL

    def __attrs_post_init__(self) -> None:
        _ = self.hours

    @property
    def hours(self) -> QuietHours | None:
        """The same for the sweep.

        Raises:

            ConfigurationError: They can't be read.
        """
        return QuietHours.parse(self.quiet_hours)


@attrs.frozen(kw_only=True)
class AuthoritySettings:
    """Who may do what. Without this table, nothing is denied to anybody."""

    #: The ids of the persons who may do everything and grant roles.
    administrators: tuple[str, ...] = attrs.field(default=(), validator=_identifiers)


def _networks(_: object, __: object, value: Iterable[str]) -> None:
    from ipaddress import ip_network

    for network in value:
        try:
            ip_network(network)
        except ValueError:
            raise ConfigurationError(
                "{network} is no network address",
                cure="write an address or a network, such as 10.0.0.5 or 10.0.0.0/24",
                network=visible(network),
            ) from None


def _web_address(_: object, __: object, value: str) -> None:
    from urllib.parse import urlsplit

    if not value:
        return
    parts = urlsplit(value)
    if parts.scheme != "https" or not parts.hostname or parts.username or value != f"https://{parts.netloc}":
        raise ConfigurationError("it is not the address of a site", cure="write it as https://console.example.gov.tr")


@attrs.frozen(kw_only=True)
class ConsoleSettings:
    """The console: the pages that ``provisioner console serve`` serves."""

    #: The address that people use, for example ``https://console.example.gov.tr``.
    url: str = attrs.field(default="", validator=_web_address)
    #: The addresses or networks of the reverse proxies. Connections from elsewhere are refused.
    proxies: tuple[str, ...] = attrs.field(default=(), validator=_networks)
    #: How people log in: ``password``, with the login and password of an account that they hold; ``proxy``, if the
    #: reverse proxy authenticates them and names them in a header; or ``oidc``, at the OpenID provider in
    #: ``[console.oidc]``.
    log_in: LogInWay = LogInWay.PASSWORD
    #: The target that tests passwords; by default, the first one.
    target: str = ""
    #: The header in which the reverse proxy gives the staff number of the person, for ``log_in = "proxy"``.
    person_header: str = attrs.field(default="X-Remote-User", validator=matches_re(r"[A-Za-z0-9-]+"))
    #: How many denied log-ins a login has within the period. It has to be less than the number at which the target
    #: locks an account; less than half of it if a target has servers that take no changes.
    denied_per_login: int = attrs.field(default=3, validator=[ge(1), le(100)])
    #: The same for a network address. Addresses of IPv6 count as one if their first 64 bits are the same.
    denied_per_address: int = attrs.field(default=30, validator=[ge(1), le(10_000)])
    #: The period, in minutes. It has to be longer than the one in which the target counts.
    denied_within_minutes: int = attrs.field(default=30, validator=[ge(1), le(24 * 60)])
    #: How many requests a minute the API answers for each token.
    requests_per_minute: int = attrs.field(default=300, validator=[ge(1), le(100_000)])
    #: After how many minutes without a request a person has to log in again.
    idle_minutes: int = attrs.field(default=20, validator=[ge(1), le(24 * 60)])
    #: After how many hours a person has to log in again in every case.
    session_hours: int = attrs.field(default=10, validator=[ge(1), le(24)])
    #: How many requests are answered at once.
    threads: int = attrs.field(default=12, validator=[ge(2), le(64)])
    #: The OpenID provider.
    oidc: OidcSettings | None = None

    def __attrs_post_init__(self) -> None:
        if self.log_in is LogInWay.OIDC and self.oidc is None:
            raise ConfigurationError(
                'log_in is "oidc", and there is no table [console.oidc]',
                cure="add the table, with issuer, client_id and client_secret",
            )

    @property
    def denied_within(self) -> timedelta:
        """The period of denied log-ins."""
        return timedelta(minutes=self.denied_within_minutes)


def _times(texts: Iterable[str]) -> tuple[time, ...]:
    return tuple(time.fromisoformat(text) for text in texts)


def _times_of_day(_: object, attribute: attrs.Attribute[Any], value: Iterable[str]) -> None:
    for text in value:
        try:
            is_valid = bool(re.fullmatch(r"\d\d:\d\d", text) and _times([text]))
        except ValueError:
            is_valid = False
        if not is_valid:
            raise ConfigurationError(
                "{key}: expected times of day, such as {example}", key=attribute.name, example="08:15"
            )


def _listening_place(_: object, attribute: attrs.Attribute[Any], value: str) -> None:
    found = re.fullmatch(r"[^:\s]+:([0-9]{1,5})", value)
    if found is None or int(found[1]) > _LAST_PORT:
        raise ConfigurationError(
            "{key}: expected HOST:PORT, such as {example}", key=attribute.name, example="127.0.0.1:8461"
        )


_LAST_PORT = 65535


@attrs.frozen(kw_only=True)
class WorkerSettings:
    """When ``provisioner worker`` does what, and where it tells of its health."""

    #: The times of the day at which a sweep begins, in the configured time zone, such as ``["08:15", "13:00"]``. If the
    #: list is empty, ``sweep_every_minutes`` applies.
    sweep_at: tuple[str, ...] = attrs.field(default=(), validator=_times_of_day)
    #: The minutes from the beginning of one sweep to that of the next.
    sweep_every_minutes: int = attrs.field(default=60, validator=[ge(1), le(24 * 60)])
    #: The times of the day at which all targets are compared with the store, as ``reconcile`` does; if the list is
    #: empty, they aren't.
    reconcile_at: tuple[str, ...] = attrs.field(default=(), validator=_times_of_day)
    #: The seconds between two looks for operations and messages with passwords that are due.
    look_every_seconds: int = attrs.field(default=30, validator=[ge(1), le(300)])
    #: Whether workers share the operations of sweeps and of looks for due operations, in chunks. This needs a store on
    #: PostgreSQL, the extra ``cluster``, and ``provisioner init`` once.
    distribute: bool = False
    #: The ``HOST:PORT`` on which ``/healthz`` and ``/readyz`` are answered.
    listen: str = attrs.field(default="127.0.0.1:8461", validator=_listening_place)

    @property
    def sweep_times(self) -> tuple[time, ...]:
        """The times of ``sweep_at``."""
        return _times(self.sweep_at)

    @property
    def reconcile_times(self) -> tuple[time, ...]:
        """The times of ``reconcile_at``."""
        return _times(self.reconcile_at)


@attrs.frozen(kw_only=True)
class EntitlementSettings:
    """An entitlement: a group, role or right of a target, and the accounts that have it. Other accounts lose it."""

    #: The target.
    target: str
    #: The target's name of the entitlement, for example the DN of a group; by default, the name of the table.
    name: str = ""
    #: The kinds of the units whose accounts have it; empty for all.
    kinds: tuple[str, ...] = ()
    #: The codes of the units whose accounts have it, with all units below them; empty for all.
    under: tuple[str, ...] = ()
    #: The kinds of the accounts that have it, ``unit`` or ``personal``; empty for all.
    account_kinds: tuple[AccountKind, ...] = ()


def _no_password(_: object, __: object, store: str) -> None:
    """Refuse a password in the store's URL, where logs and messages may repeat it."""
    try:
        url = urlsplit(store)
        has_password = url.password is not None or any(name.endswith("password") for name, _ in parse_qsl(url.query))
    except ValueError:  # opening the store says what is wrong with the URL
        return
    if "://" in store and has_password:
        raise ConfigurationError(
            "the URL has a password",
            cure="remove it from the URL, and write a secret reference into store_password",
        )


@attrs.frozen(kw_only=True)
class Configuration:
    """The whole file."""

    #: Where the store is: the path of a file, or the URL of a PostgreSQL database, such as
    #: ``postgresql://provisioner@db.example.org/provisioner``.
    store: str = attrs.field(default="provisioner.sqlite", validator=_no_password)
    #: The password of the role in the URL of the store, as a secret reference. Without it, libpq looks for one in its
    #: password file, and the server may need none.
    store_password: str = ""
    #: The folder of the key for marks of mobile numbers and of the record of how far the audit log went, if the store
    #: is on a server; by default, the folder of this file. With SQLite, both are beside the store.
    store_folder: Path | None = None

    #: The language of messages to people: ``tr`` or ``en``.
    language: str = attrs.field(default=DEFAULT_LANGUAGE, validator=in_(LANGUAGES))
    #: The time zone of days and dates, by its name in the IANA database.
    time_zone: ZoneInfo = attrs.field(factory=lambda: ZoneInfo("Europe/Istanbul"))
    accounts: AccountSettings
    breaker: BreakerSettings = attrs.field(factory=BreakerSettings)
    limits: LimitSettings = attrs.field(factory=LimitSettings)
    notices: NoticeSettings = attrs.field(factory=NoticeSettings)
    #: Who may do everything. Without this table everybody may, and nothing is denied.
    authority: AuthoritySettings | None = None
    console: ConsoleSettings = attrs.field(factory=ConsoleSettings)
    worker: WorkerSettings = attrs.field(factory=WorkerSettings)
    #: The targets, in the order in which they are changed. Each table names its ``plugin``.
    targets: dict[str, dict[str, Any]] = attrs.field(factory=dict, validator=_identifiers)
    #: The entitlements of accounts on the targets.
    entitlements: dict[str, EntitlementSettings] = attrs.field(factory=dict, validator=_identifiers)
    #: The channels, in the order in which they are tried. Each table names its ``plugin``.
    channels: dict[str, dict[str, Any]] = attrs.field(factory=dict, validator=_identifiers)
    #: The rule sets of the policy. Each table may name its ``plugin``, ``kinds`` and ``under``.
    rules: dict[str, dict[str, Any]] = attrs.field(factory=dict, validator=_identifiers)


@attrs.frozen(kw_only=True)
class LoadedConfiguration:
    """A configuration and where it came from."""

    file: Path
    content: Configuration

    @property
    def store_path(self) -> Path | None:
        """The file of the store, absolute; ``None`` if the configuration names a URL."""
        store = self.content.store
        return None if "://" in store else (self.file.parent / store).absolute()

    @property
    def store_url(self) -> str:
        """The SQLAlchemy URL of the store; a relative path starts at the file's folder."""
        path = self.store_path
        return f"sqlite:///{quote(str(path))}" if path else self.content.store

    @property
    def store_folder(self) -> Path:
        """The folder of the files that belong to a store on a server."""
        return self.content.store_folder or self.file.parent

    def store_password(self) -> Secret | None:
        """Return the password of the role in the URL of the store; ``None`` if there is none.

        Raises:

            ConfigurationError: It isn't where the configuration says.
        """
        if not self.content.store_password:
            return None
        from provisioner.config import secrets

        return secrets.find(self.content.store_password, self.file.parent)

    def client_secret(self, settings: OidcSettings) -> Secret:
        """Return the secret with which the console authenticates at an OpenID provider.

        Args:

            settings: The provider.

        Raises:

            ConfigurationError: It isn't where the configuration says.
        """
        from provisioner.config import secrets

        return secrets.find(settings.client_secret, self.file.parent)

    def plugin_settings(self) -> list[PluginSettings]:
        """Return what each named plug-in is given, in the order in which they are named.

        Raises:

            ConfigurationError: A table names no plug-in, or one of the product's own keys in it is wrong.
        """
        sections: dict[str, dict[str, list[Section]]] = {}
        for family, head_class in HEADS.items():
            for name, table in getattr(self.content, family).items():
                head, section = self._section(family, name, table, head_class)
                sections.setdefault(head.plugin, {head: [] for head in HEADS})[family].append(section)
        return [
            PluginSettings(
                plugin=plugin,
                targets=tuple(found["targets"]),
                channels=tuple(found["channels"]),
                rule_sets=tuple(found["rules"]),
                language=self.content.language,
                time_zone=self.content.time_zone,
            )
            for plugin, found in sections.items()
        ]

    def daily_limits(self) -> dict[str, int]:
        """Return how many messages each channel with a limit may send on a day, by its name."""
        heads = {
            name: self._section("channels", name, table, _ChannelHead)[0]
            for name, table in self.content.channels.items()
        }
        return {name: head.max_per_day for name, head in heads.items() if head.max_per_day is not None}

    def scopes(self) -> dict[str, Scope]:
        """Return for which units each rule set holds, by its name and in the order of the file."""
        heads = {
            name: self._section("rules", name, table, _RuleSetHead)[0] for name, table in self.content.rules.items()
        }
        return {name: _units(head) for name, head in heads.items()}

    def target_scopes(self) -> dict[str, TargetScope]:
        """Return which accounts belong on each target, by its name and in the order of the file."""
        return {name: _accounts(head) for name, head in self._target_heads().items()}

    def joins(self) -> dict[str, Join]:
        """Return when accounts join each target, by its name."""
        return {name: head.join for name, head in self._target_heads().items()}

    def channel_scopes(self) -> dict[str, TargetScope]:
        """Return for which accounts each channel delivers passwords, by its name and in the order of the file."""
        return {
            name: _accounts(self._section("channels", name, table, _ChannelHead)[0])
            for name, table in self.content.channels.items()
        }

    def delivery_rules(self) -> dict[str, DeliveryRules]:
        """Return what holds for the messages of each channel, by its name."""
        return {
            name: self._section("channels", name, table, _ChannelHead)[0].delivery_rules
            for name, table in self.content.channels.items()
        }

    def audiences(self) -> dict[str, Audience]:
        """Return who gets notices over each channel that says so, by its name."""
        heads = {
            name: self._section("channels", name, table, _ChannelHead)[0]
            for name, table in self.content.channels.items()
        }
        return {name: head.notices.audience for name, head in heads.items() if head.notices}

    def entitlement_rules(self) -> list[EntitlementRule]:
        """Return which accounts have which entitlements, in the order of the file.

        Raises:

            ConfigurationError: One of them is on a target that doesn't exist.
        """
        return [self._entitlement_rule(name, table) for name, table in self.content.entitlements.items()]

    def _entitlement_rule(self, name: str, settings: EntitlementSettings) -> EntitlementRule:
        if settings.target not in self.content.targets:
            raise ConfigurationError(
                "entitlements.{name}.target: there is no target {target}",
                cure="name one of these: {known}",
                name=name,
                target=visible(settings.target),
                known=", ".join(self.content.targets),
            )
        from provisioner.core.engine.desired import EntitlementRule

        return EntitlementRule(
            target=settings.target,
            name=settings.name or name,
            scope=_accounts(settings),
        )

    def _target_heads(self) -> dict[str, _TargetHead]:
        return {
            name: self._section("targets", name, table, _TargetHead)[0] for name, table in self.content.targets.items()
        }

    def plugins_of_rule_sets(self) -> list[str]:
        """Return the plug-ins that make the rule sets, each once."""
        heads = [self._section("rules", name, table, _RuleSetHead)[0] for name, table in self.content.rules.items()]
        return list(dict.fromkeys(head.plugin for head in heads))

    def parallel(self) -> dict[str, int]:
        """Return how many calls may run at once on each target and channel that says so."""
        tables = {**self.content.targets, **self.content.channels}
        return {name: table["parallel"] for name, table in tables.items() if "parallel" in table}

    def _section(
        self, family: str, name: str, table: Mapping[str, object], head_class: type[HeadT]
    ) -> tuple[HeadT, Section]:
        place, own = f"{family}.{name}", {attribute.name for attribute in attrs.fields(head_class)}
        head = structure({key: table[key] for key in own & table.keys()}, head_class, place, file=self.file)
        return head, Section(
            name=name,
            place=place,
            folder=self.file.parent,
            table={key: value for key, value in table.items() if key not in own},
            cannot=frozenset(getattr(head, "cannot", ())),
            structure=partial(structure, file=self.file),
        )


@attrs.frozen(kw_only=True)
class _TableHead:
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
class _SystemHead(_TableHead):
    """The keys of a target or channel."""

    #: How many calls may run at once.
    parallel: int = attrs.field(default=8, validator=[ge(1), le(256)])


class Join(StrEnum):
    """When an open account that is missing on a target is created there."""

    NEXT_RENEWAL = "next-renewal"
    NOW = "now"


@attrs.frozen(kw_only=True)
class _TargetHead(_SystemHead):
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
class _ChannelHead(_SystemHead):
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
    #: What is done after a message with a password was not delivered: ``tell`` tells an officer, ``next-channel`` also
    #: sends a new password over the next channel, and ``renew`` sends one over the same channel, once.
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
class _RuleSetHead(_TableHead):
    """A rule set of the policy."""

    #: The name of the plug-in that makes the rule set. The other keys of the table belong to it.
    plugin: str = RULES_PLUGIN
    #: The kinds of the units to which the rule set applies; empty for all.
    kinds: tuple[str, ...] = ()
    #: The codes of the units to which the rule set applies, with all units below them; empty for all.
    under: tuple[str, ...] = ()


def _units(table: _RuleSetHead | _TargetHead | _ChannelHead | EntitlementSettings) -> Scope:
    """Return the units to which a table applies."""
    return Scope(kinds=frozenset(table.kinds), under=frozenset(table.under))


def _accounts(table: _TargetHead | _ChannelHead | EntitlementSettings) -> TargetScope:
    """Return the accounts to which a table applies."""
    return TargetScope(units=_units(table), account_kinds=frozenset(table.account_kinds))


HeadT = TypeVar("HeadT", bound=_TableHead)

#: The class of the keys that are the product's own, for each family of tables.
HEADS: Mapping[str, type[_TableHead]] = {"targets": _TargetHead, "channels": _ChannelHead, "rules": _RuleSetHead}


def find_file(given: Path | None) -> Path:
    """Return the configuration file to use: the one given, the one in the environment, or the one in this folder.

    Raises:

        ConfigurationError: There is none.
    """
    path = given or Path(configuration_file(None))
    if not path.is_file():
        raise ConfigurationError(
            "there is no configuration file {path}",
            cure="run 'provisioner init', or name the file with --config or $PROVISIONER_CONFIG",
            path=path,
        )
    return path


def load(path: Path) -> LoadedConfiguration:
    """Read a configuration file.

    Raises:

        ConfigurationError: It cannot be read, or something in it is wrong; one line for each problem.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # the latter also for an integer of thousands of digits
        raise ConfigurationError("{path} cannot be read: {error}", path=path, error=toml_problem(error)) from None
    return LoadedConfiguration(file=path, content=structure(table, Configuration, "", file=path))
