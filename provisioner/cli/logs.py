"""The log: on stderr, for people on a terminal and as ``key=value`` elsewhere, without anything secret."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from provisioner.core.gateways import tracing
from provisioner.core.model.masking import MASK
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import visible

if TYPE_CHECKING:
    from structlog.types import EventDict, Processor


@contextmanager
def absent(*modules: str) -> Iterator[None]:
    """Let imports of modules fail that aren't imported yet, as if they weren't installed.

    Args:

        modules: The names of the modules.
    """
    found: dict[str, Any] = sys.modules
    hidden = [name for name in modules if name not in found]
    found |= dict.fromkeys(hidden)  # None makes an import fail
    try:
        yield
    finally:
        for name in hidden:
            del found[name]


# structlog uses them for tracebacks, which the log doesn't show, and on Windows. They take longer than itself.
with absent("colorama", "rich"):
    import structlog

#: Libraries whose debug log shows headers and bodies.
TALKATIVE = ("httpcore", "httpx", "ldap3", "urllib3")

#: Words that make the value beside them secret.
SENSITIVE = ("authorization", "cookie", "credential", "key", "passwd", "password", "pwd", "secret", "token")


def redact(_: object, __: str, event: EventDict) -> EventDict:
    """Mask values that have, or are called like, a secret, and leave the class of an exception only."""
    exception = event.pop("exc_info", None)
    if exception is True:
        exception = sys.exc_info()
    if isinstance(exception, BaseException):
        exception = type(exception), exception, None
    if isinstance(exception, tuple) and exception[0]:
        event["error"] = exception[0].__name__
    return {name: _shown(name, value) for name, value in event.items()}


def _shown(name: str, value: object) -> object:
    if _is_secret(name, value):
        return MASK
    return visible(value) if isinstance(value, str) else value


def _is_secret(name: str, value: object) -> bool:
    return isinstance(value, Secret) or any(word in name.lower() for word in SENSITIVE)


def set_up(*, verbose: bool, trace_hooks: bool = False) -> None:
    """Send all logs, structlog's and the standard library's, to stderr in one form.

    Args:

        verbose: Whether everything is shown, or warnings only.

        trace_hooks: Whether each call of a hook is shown too.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _renderer()],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.DEBUG if verbose else logging.WARNING, force=True)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger(tracing.LOGGER).setLevel(logging.DEBUG if trace_hooks else logging.INFO)


def _renderer() -> Any:
    if sys.stderr.isatty():
        return structlog.dev.ConsoleRenderer()
    return structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"])
