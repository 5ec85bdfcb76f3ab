"""Reads the configuration file, strictly: whatever is not understood is an error with its place and its cure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, urlsplit
from zoneinfo import ZoneInfo

import attrs
from attrs.validators import in_

from provisioner.config.early import DEFAULT_LANGUAGE, LANGUAGES, configuration_file
from provisioner.config.heads import (
    HEADS,
    ChannelHead,
    HeadT,
    Join,
    RuleSetHead,
    TargetHead,
    accounts_of_table,
    units_of_table,
)
from provisioner.config.oidc import OidcSettings
from provisioner.config.settings import (
    AccountSettings,
    AuthoritySettings,
    BreakerSettings,
    ConsoleSettings,
    EntitlementSettings,
    LimitSettings,
    NoticeSettings,
    WorkerSettings,
    are_names,
)
from provisioner.config.structure import structure
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.api.registration import PluginSettings, Section
from provisioner.core.engine.dispatch import DeliveryRules
from provisioner.core.model.quotations import toml_problem
from provisioner.core.model.scope import Scope, TargetScope
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import visible
from provisioner.core.policy.audience import Audience

if TYPE_CHECKING:
    from provisioner.core.engine.desired import EntitlementRule


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
    targets: dict[str, dict[str, Any]] = attrs.field(factory=dict, validator=are_names)
    #: The entitlements of accounts on the targets.
    entitlements: dict[str, EntitlementSettings] = attrs.field(factory=dict, validator=are_names)
    #: The channels, in the order in which they are tried. Each table names its ``plugin``.
    channels: dict[str, dict[str, Any]] = attrs.field(factory=dict, validator=are_names)
    #: The rule sets of the policy. Each table may name its ``plugin``, ``kinds`` and ``under``.
    rules: dict[str, dict[str, Any]] = attrs.field(factory=dict, validator=are_names)


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
            name: self._section("channels", name, table, ChannelHead)[0]
            for name, table in self.content.channels.items()
        }
        return {name: head.max_per_day for name, head in heads.items() if head.max_per_day is not None}

    def scopes(self) -> dict[str, Scope]:
        """Return for which units each rule set holds, by its name and in the order of the file."""
        heads = {
            name: self._section("rules", name, table, RuleSetHead)[0] for name, table in self.content.rules.items()
        }
        return {name: units_of_table(head) for name, head in heads.items()}

    def target_scopes(self) -> dict[str, TargetScope]:
        """Return which accounts belong on each target, by its name and in the order of the file."""
        return {name: accounts_of_table(head) for name, head in self._target_heads().items()}

    def joins(self) -> dict[str, Join]:
        """Return when accounts join each target, by its name."""
        return {name: head.join for name, head in self._target_heads().items()}

    def channel_scopes(self) -> dict[str, TargetScope]:
        """Return for which accounts each channel delivers passwords, by its name and in the order of the file."""
        return {
            name: accounts_of_table(self._section("channels", name, table, ChannelHead)[0])
            for name, table in self.content.channels.items()
        }

    def delivery_rules(self) -> dict[str, DeliveryRules]:
        """Return what holds for the messages of each channel, by its name."""
        return {
            name: self._section("channels", name, table, ChannelHead)[0].delivery_rules
            for name, table in self.content.channels.items()
        }

    def audiences(self) -> dict[str, Audience]:
        """Return who gets notices over each channel that says so, by its name."""
        heads = {
            name: self._section("channels", name, table, ChannelHead)[0]
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
            scope=accounts_of_table(settings),
        )

    def _target_heads(self) -> dict[str, TargetHead]:
        return {
            name: self._section("targets", name, table, TargetHead)[0] for name, table in self.content.targets.items()
        }

    def plugins_of_rule_sets(self) -> list[str]:
        """Return the plug-ins that make the rule sets, each once."""
        heads = [self._section("rules", name, table, RuleSetHead)[0] for name, table in self.content.rules.items()]
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
    except (OSError, ValueError, RecursionError) as error:  # also for an integer of thousands of digits, or brackets
        raise ConfigurationError("{path} cannot be read: {error}", path=path, error=toml_problem(error)) from None
    return LoadedConfiguration(file=path, content=structure(table, Configuration, "", file=path))
