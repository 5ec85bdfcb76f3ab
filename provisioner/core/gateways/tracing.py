"""Logs each call of a hook: arguments, result and duration, without secrets.

``--trace-hooks`` enables it, and so does the level ``DEBUG`` of the logger :data:`LOGGER` in a library.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import PurePath

import attrs
import pluggy

from provisioner.core.api.logs import Logger
from provisioner.core.model.masking import MASK, mask
from provisioner.core.model.secret import Secret

LOGGER = "provisioner.hooks"

#: The modules of classes whose fields are shown. For other objects, only the class is shown.
SHOWN = frozenset(
    f"provisioner.core.{module}"
    for module in ("api.messages", "api.registration", "model.accounts", "model.operations", "model.text")
)

#: The maximum length of a shown text.
LONGEST = 200

log = Logger(LOGGER)


def trace(manager: pluggy.PluginManager) -> bool:
    """Log all calls of this manager from now on, if the logger is enabled, and return whether it is."""
    is_enabled = logging.getLogger(LOGGER).isEnabledFor(logging.DEBUG)
    if is_enabled:
        monitor = _Monitor()
        manager.add_hookcall_monitoring(monitor.before, monitor.after)
    return is_enabled


class _Monitor(threading.local):
    """Remembers when the calls of one thread started, the innermost one last."""

    def __init__(self) -> None:
        self._began: list[float] = []

    def before(self, *_: object) -> None:
        self._began.append(time.monotonic())

    def after(
        self,
        outcome: pluggy.Result[object],
        hook: str,
        implementations: Sequence[pluggy.HookImpl],
        arguments: Mapping[str, object],
    ) -> None:
        seconds = time.monotonic() - self._began.pop()
        if not implementations:
            return
        error = outcome.exception
        log.debug(
            "hook_called",
            hook=hook,
            of=", ".join(implementation.plugin_name for implementation in implementations),
            asked=", ".join(redacted(value) for value in arguments.values()),
            answered=type(error).__name__ if error else redacted(outcome.get_result()),
            milliseconds=round(seconds * 1000, 1),
        )


def redacted(value: object) -> str:
    """Return what can be shown of *value*. Every existing secret is masked in its texts."""
    match value:
        case Secret():
            return MASK
        case Enum() | None | bool() | int() | float():
            return str(value)
        case str() | PurePath():
            return repr(_cut(mask(str(value))))
        case Mapping():
            pairs = (f"{redacted(key)}: {redacted(one)}" for key, one in value.items())
            return f"{{{', '.join(pairs)}}}"
        case list() | tuple() | frozenset():
            return f"[{', '.join(redacted(item) for item in value)}]"
    return _object(value)


def _object(value: object) -> str:
    cls = type(value)
    if not attrs.has(cls) or cls.__module__ not in SHOWN:
        return f"<{cls.__name__}>"
    fields = [field.name for field in attrs.fields(cls) if field.repr]
    return f"{cls.__name__}({', '.join(f'{name}={_field(name, getattr(value, name))}' for name in fields)})"


def _field(name: str, value: object) -> str:
    # A mobile number is only for the gateway; that there is one may explain the result.
    return MASK if name in {"mobile", "other_mobile"} and value else redacted(value)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
