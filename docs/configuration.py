"""Generates ``docs/reference/configuration.md`` from the classes that the configuration is read into."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_type_hints
from zoneinfo import ZoneInfo

import attrs

from docs.docstrings import inherited_comments, prose, summary, table
from provisioner.config import heads, load, secrets, settings
from provisioner.config.oidc import OidcSettings
from provisioner.core.model.secret import Secret
from provisioner.local import LocalSettings
from provisioner.rules.plugin import RULES
from provisioner_ldap.settings import LdapSettings
from provisioner_letter.settings import LetterSettings
from provisioner_mail.settings import MailServerSettings, MailSettings
from provisioner_mail.smtp_settings import SmtpSettings
from provisioner_pys.settings import PysSettings
from provisioner_sms.settings import JsonSettings, KannelSettings, SimulatorSettings, SmsTexts
from provisioner_sms.settings import Settings as SmsSettings

#: The tables of the file, with the class of each.
TABLES: dict[str, type] = {
    "[accounts]": settings.AccountSettings,
    "[limits]": settings.LimitSettings,
    "[breaker]": settings.BreakerSettings,
    "[notices]": settings.NoticeSettings,
    "[authority]": settings.AuthoritySettings,
    "[console]": settings.ConsoleSettings,
    "[console.oidc]": OidcSettings,
    "[worker]": settings.WorkerSettings,
    "[targets.NAME]": heads.HEADS["targets"],
    "[channels.NAME]": heads.HEADS["channels"],
    "[channels.NAME.notices]": heads.AudienceSettings,
    "[rules.NAME]": heads.HEADS["rules"],
    'plugin = "local"': LocalSettings,
    'plugin = "ldap"': LdapSettings,
    'plugin = "letter"': LetterSettings,
    'plugin = "mail"': MailSettings,
    "[[targets.NAME.servers]]": MailServerSettings,
    'plugin = "mail", as a channel': SmtpSettings,
    'plugin = "pys"': PysSettings,
    'plugin = "sms"': SmsSettings,
    "[channels.NAME.kannel]": KannelSettings,
    "[channels.NAME.json]": JsonSettings,
    "[channels.NAME.simulator]": SimulatorSettings,
    "[channels.NAME.texts]": SmsTexts,
    **{f'rule = "{name}"': cls for name, cls in RULES.items()},
}

_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", Path: "path", Secret: "secret reference"}


def page() -> str:
    """Return the whole page."""
    parts = [
        "# Configuration",
        "<!-- Generated from the settings classes by `python -m docs`; change those. -->",
        (
            "The configuration is one TOML file. `provisioner` reads the file of `--config`, else that of "
            "`$PROVISIONER_CONFIG`, else `./provisioner.toml`. Unknown keys and wrong types are errors that name the "
            "file, the key and the cure; `provisioner check` reports them. Relative paths start at the folder of the "
            "file."
        ),
        f"A secret is given by reference: {secrets.REFERENCES}.",
        "## Top level",
        _keys(load.Configuration),
        *(part for name, cls in TABLES.items() for part in _table(name, cls)),
    ]
    return "\n\n".join(parts) + "\n"


def _table(name: str, cls: type) -> Iterator[str]:
    yield f"## `{name}`"
    yield summary(cls) if prose(cls) else ""
    if keys := _keys(cls):
        yield keys


def _keys(cls: type) -> str:
    hints, described = get_type_hints(cls), inherited_comments(cls)
    rows = [
        (f"`{field.name}`", _type(hints[field.name]), _default(field), described.get(field.name, ""))
        for field in attrs.fields(cls)
        if not attrs.has(_bare(hints[field.name]))
    ]
    return table(("key", "type", "default", "meaning"), *rows) if rows else ""


def _bare(hint: Any) -> Any:
    """Return a type without its ``None``."""
    return next((part for part in getattr(hint, "__args__", ()) if attrs.has(part)), hint)


def _type(hint: Any) -> str:
    hint = next((part for part in getattr(hint, "__args__", ()) if type(None) in hint.__args__), hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return ", ".join(f'`"{member.value}"`' for member in hint)
    if getattr(hint, "__origin__", None) in {tuple, list}:
        return f"list of {_type(hint.__args__[0])}s"
    if hint is ZoneInfo:
        return "time zone"
    return _TYPES.get(hint, "table")


def _default(field: attrs.Attribute[Any]) -> str:
    if field.default is attrs.NOTHING:
        return "required"
    value = _made(field.default)
    if value is None or value == "" or value in ((), {}, []):
        return ""
    return f"`{_toml(value)}`"


def _made(default: Any) -> object:
    return default.factory() if hasattr(default, "factory") else default


def _toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case Enum(value=inner):
            return _toml(inner)
        case int() | float():
            return re.sub(r"\.0$", "", str(value))
        case dict():
            return f"{{ {', '.join(f'{key} = {_toml(inner)}' for key, inner in value.items())} }}"
        case tuple() | list():
            return f"[{', '.join(map(_toml, value))}]"
        case _:
            return f'"{value}"'
