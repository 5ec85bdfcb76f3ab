"""Reads the configuration file, strictly: whatever is not understood is an error with its place and its cure."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches
from enum import Enum
from functools import partial, reduce
from pathlib import Path
from typing import Any, TypeVar, get_origin
from zoneinfo import ZoneInfo

import attrs
import cattrs
from attrs.validators import ge, in_, le
from cattrs.errors import ForbiddenExtraKeysError
from cattrs.v import transform_error

from provisioner.config import secrets
from provisioner.config.early import DEFAULT_LANGUAGE, LANGUAGES, configuration_file
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.api.registration import PluginSettings, Section
from provisioner.core.engine.limits import MassChangeLimit
from provisioner.core.engine.plan import Naming
from provisioner.core.gateways.gateway import CHANNEL_HOOKS, TARGET_HOOKS
from provisioner.core.governance.protection import Pattern
from provisioner.core.model.identifiers import name_objection
from provisioner.core.model.quotations import bound, toml_problem
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import Text, Texts, visible
from provisioner.core.policy.policy import Scope

#: The plug-in of rule sets that name no other.
RULES_PLUGIN = "rules"

SettingsT = TypeVar("SettingsT")


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
    #: The code of the IT unit, whose custodian keeps an account while nobody is in the post.
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
        domains = {self.domain, *self.domain_of_kind.values()}
        return [Pattern.of(text, domains) for text in self.protected]

    @property
    def naming(self) -> Naming:
        """The same for the planner."""
        return Naming(domain=self.domain, domain_of_kind=self.domain_of_kind)


@attrs.frozen(kw_only=True)
class BreakerSettings:
    """When a target or channel that keeps failing is quarantined."""

    #: The minutes without a success after which a target or channel is quarantined until somebody resumes it.
    quarantine_after_minutes: int = attrs.field(default=60, validator=[ge(1), le(60 * 24 * 366)])

    @property
    def quarantine_after(self) -> timedelta:
        """The same for the breakers."""
        return timedelta(minutes=self.quarantine_after_minutes)


#: The limit that holds where the configuration does not say otherwise.
_LIMIT = MassChangeLimit()


@attrs.frozen(kw_only=True)
class LimitSettings:
    """Which runs are held until somebody releases them."""

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
class AuthoritySettings:
    """Who may do what. Without this table, nothing is denied to anybody."""

    #: The ids of the persons who may do everything and grant roles.
    administrators: tuple[str, ...] = attrs.field(default=(), validator=_identifiers)


@attrs.frozen(kw_only=True)
class Configuration:
    """The whole file."""

    #: Where the store is: a path, or an SQLAlchemy URL.
    store: str = "provisioner.sqlite"
    #: The language of messages to people: ``tr`` or ``en``.
    language: str = attrs.field(default=DEFAULT_LANGUAGE, validator=in_(LANGUAGES))
    #: The time zone of days and dates, by its name in the IANA database.
    time_zone: ZoneInfo = attrs.field(factory=lambda: ZoneInfo("Europe/Istanbul"))
    accounts: AccountSettings
    breaker: BreakerSettings = attrs.field(factory=BreakerSettings)
    limits: LimitSettings = attrs.field(factory=LimitSettings)
    #: Who may do everything. Without this table everybody may, and nothing is denied.
    authority: AuthoritySettings | None = None
    #: The targets, in the order in which they are changed. Each table names its ``plugin``.
    targets: dict[str, dict[str, Any]] = attrs.field(factory=dict, validator=_identifiers)
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
    def store_url(self) -> str:
        """The SQLAlchemy URL of the store; a relative path starts at the file's folder."""
        store = self.content.store
        return store if "://" in store else f"sqlite:///{(self.file.parent / store).absolute()}"

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

    def scopes(self) -> dict[str, Scope]:
        """Return for which units each rule set holds, by its name and in the order of the file."""
        heads = {
            name: self._section("rules", name, table, _RuleSetHead)[0] for name, table in self.content.rules.items()
        }
        return {name: Scope(kinds=frozenset(one.kinds), under=frozenset(one.under)) for name, one in heads.items()}

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


def _hooks(expected: Sequence[str]) -> Callable[[object, object, Iterable[str]], None]:
    """Return a validator of ``cannot``."""

    def validate(_: object, __: object, value: Iterable[str]) -> None:
        for hook in value:
            if hook not in expected:
                raise ConfigurationError(
                    "{hook} is no hook that can be left out; these are: {expected}",
                    hook=visible(hook),
                    expected=", ".join(expected),
                )

    return validate


@attrs.frozen(kw_only=True)
class _SystemHead(_TableHead):
    """The keys of a target or channel."""

    #: How many calls may run at once.
    parallel: int = attrs.field(default=8, validator=[ge(1), le(256)])


@attrs.frozen(kw_only=True)
class _TargetHead(_SystemHead):
    """A system that has the accounts."""

    #: The hooks that the plug-in does not implement. Their work is not done on this target and not reported as done.
    cannot: tuple[str, ...] = attrs.field(default=(), validator=_hooks(TARGET_HOOKS))


@attrs.frozen(kw_only=True)
class _ChannelHead(_SystemHead):
    """A way to bring a password to its owner."""

    #: The hooks that the plug-in does not implement.
    cannot: tuple[str, ...] = attrs.field(default=(), validator=_hooks(CHANNEL_HOOKS))


@attrs.frozen(kw_only=True)
class _RuleSetHead(_TableHead):
    """A rule set of the policy."""

    #: The name of the plug-in that makes the rule set. The other keys of the table belong to it.
    plugin: str = RULES_PLUGIN
    #: The kinds of the units to which the rule set applies; empty for all.
    kinds: tuple[str, ...] = ()
    #: The codes of the units to which the rule set applies, with all units below them; empty for all.
    under: tuple[str, ...] = ()


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


def structure(table: Mapping[str, object], cls: type[SettingsT], place: str, *, file: Path) -> SettingsT:
    """Return a table of the configuration as an instance of the attrs class *cls*.

    Raises:

        ConfigurationError: Something is wrong; one line for each problem, with the file and the path in it. Values
            are not quoted, because one may be a secret in the wrong place.
    """
    try:
        return _converter(file.parent).structure(table, cls)
    except cattrs.BaseValidationError as error:
        found = _problems(error)
    except Exception as error:
        found = [("", _describe(error, cls))]
    lines = Texts(_line(file, place, path, problem) for path, problem in found)
    raise ConfigurationError("{problems}", problems=lines) from None


def _problems(error: cattrs.BaseValidationError) -> list[tuple[str, Text]]:
    """Return every problem with its path. cattrs puts both into one string, so it gets a number for each problem."""
    found: list[Text] = []

    def number(problem: BaseException, cls: type | None) -> str:
        found.append(_describe(problem, cls))
        return str(len(found) - 1)

    lines = [line.partition(" @ $") for line in transform_error(error, path="$", format_exception=number)]
    return [(path.removeprefix("."), found[int(place)]) for place, _, path in lines]


def _line(file: Path, place: str, path: str, problem: Text) -> Text:
    where = ".".join(part for part in (place, path) if part)
    return Text("{file}: {place}: {problem}", {"file": file, "place": where or Text("the file"), "problem": problem})


def _describe(error: BaseException, cls: type | None) -> Text:
    if isinstance(error, ForbiddenExtraKeysError):
        return reduce(_both, [_unknown(key, error.cl) for key in sorted(error.extra_fields)])
    if isinstance(error, KeyError):
        return Text("it is missing; expected {kind}", {"kind": _kind(cls)})
    if isinstance(error, (ConfigurationError, _WrongTypeError)):
        return _both(error.text, error.cure) if error.cure.template else error.text
    if isinstance(cls, type) and issubclass(cls, Enum):
        return Text("expected {kind}", {"kind": _kind(cls)})
    if isinstance(error, (ValueError, TypeError)):
        return Text("not allowed: {bound}", {"bound": _bound(error)})
    return Text("{error}", {"error": type(error).__name__})


def _both(one: Text, other: Text) -> Text:
    return Text("{one}; {other}", {"one": one, "other": other})


def _unknown(key: str, cls: type) -> Text:
    known = [attribute.name for attribute in attrs.fields(cls)]
    values = {"key": key, "known": ", ".join(known)}
    for meant in get_close_matches(key, known, n=1):
        return Text("unknown key {key}; did you mean {meant}? known are {known}", {**values, "meant": meant})
    return Text("unknown key {key}; known are {known}", values)


def _kind(cls: Any) -> Text:
    """Say what a setting of this type looks like in TOML."""
    if cls is Secret:
        return Text("a secret, as {references}", {"references": secrets.REFERENCES})
    if isinstance(cls, type) and issubclass(cls, Enum):
        return Text("one of {values}", {"values": ", ".join(str(member.value) for member in cls)})
    if _is_list(cls):
        return _LIST
    return _TABLE if attrs.has(cls) or _is_mapping(cls) else _NAMES.get(cls, _NAMES[str])


def _bound(error: BaseException) -> Text:
    """Return a validator's own words: they name the attribute and the bound, before what was found."""
    return bound(str(error.args[0]).split(":")[0].split(" (got")[0] if error.args else type(error).__name__)


_LIST, _TABLE = Text("a list"), Text("a table")
_NAMES = {str: Text("a string"), int: Text("a whole number"), float: Text("a number"), bool: Text("true or false")}

#: The largest integer of TOML. Larger floats are no setting either, and neither is "not a number".
_LARGEST = 2**63 - 1

#: The types that only TOML has and no setting.
_OTHERS = {list: _LIST, dict: _TABLE}


class _WrongTypeError(TypeError):
    """A value has another type than the setting. The message names both types, and not the value."""

    def __init__(self, expected: Text, value: object) -> None:
        found = (_NAMES | _OTHERS).get(type(value), Text("a date or time"))
        self.cure = Text("")
        self.text = Text("expected {kind}", {"kind": expected})
        if found != expected:
            self.text = Text("expected {kind}, found {found}", {"kind": expected, "found": found})
        super().__init__(str(self.text))


def _exactly(kind: type, value: object, cls: Callable[[object], object]) -> object:
    accepted = (int, float) if kind is float else (kind,)
    if isinstance(value, bool) is not (kind is bool) or not isinstance(value, accepted):
        raise _WrongTypeError(_NAMES[kind], value)
    if isinstance(value, (int, float)) and not abs(value) <= _LARGEST:  # "not a number" is not
        raise ConfigurationError("the number is infinite, or larger than 64 bits can hold")
    return cls(value)  # which may be an enumeration of that kind


def _is_list(cls: Any) -> bool:
    return get_origin(cls) is list or get_origin(cls) is tuple


def _is_mapping(cls: Any) -> bool:
    return get_origin(cls) is dict or get_origin(cls) is Mapping


def _of_table(structure: Callable[[Any, Any], object]) -> Callable[[Any, Any], object]:
    """Return the same for tables, and an error that says what is wrong for everything else."""

    def structured(value: object, cls: object) -> object:
        if not isinstance(value, Mapping):
            raise _WrongTypeError(_TABLE, value)
        return structure(value, cls)

    return structured


def _list(converter: cattrs.Converter, value: object, cls: Any) -> object:
    if not isinstance(value, list):
        raise _WrongTypeError(_LIST, value)
    item = cls.__args__[0]
    items = [converter.structure(element, item) for element in value]
    return tuple(items) if get_origin(cls) is tuple else items


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _WrongTypeError(_NAMES[str], value)
    return value


def _time_zone(value: object, _: object) -> ZoneInfo:
    try:
        return ZoneInfo(_text(value))
    except (KeyError, ValueError, OSError):
        raise _WrongTypeError(Text("the name of a time zone, such as Europe/Istanbul"), value) from None


def _converter(folder: Path) -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)
    for kind in _NAMES:
        converter.register_structure_hook(kind, partial(_exactly, kind))
    converter.register_structure_hook(Secret, lambda value, _: secrets.find(_text(value), folder))
    converter.register_unstructure_hook(Secret, _refuse)
    converter.register_structure_hook(Path, lambda value, _: folder / _text(value))
    converter.register_structure_hook(ZoneInfo, _time_zone)
    converter.register_structure_hook_factory(
        attrs.has, lambda cls: _of_table(converter.gen_structure_attrs_fromdict(cls))
    )
    converter.register_structure_hook_factory(_is_mapping, lambda cls: _of_table(converter.gen_structure_mapping(cls)))
    converter.register_structure_hook_func(_is_list, lambda value, cls: _list(converter, value, cls))
    return converter


def _refuse(_: Secret) -> str:
    msg = "a Secret cannot be unstructured"
    raise TypeError(msg)
