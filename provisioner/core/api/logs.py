"""Loggers that import structlog with their first message. Most commands log nothing, and the import takes long."""

from __future__ import annotations

from collections.abc import Callable

import attrs

#: What sets structlog up before the first message, if that is still to be done.
_set_up: list[Callable[[], None]] = []


def set_up_later(set_up: Callable[[], None]) -> None:
    """Set structlog up before the first message, and not at all if there is none.

    Args:

        set_up: Sets it up.
    """
    _set_up[:] = [set_up]


@attrs.frozen
class Logger:
    """Writes the messages of one module to the log.

    Args:

        name: The name of the module.
    """

    _name: str

    def debug(self, event: str, **values: object) -> None:
        """Log what only explains a call.

        Args:

            event: The event, as a word.

            values: What belongs to it.
        """
        self._log("debug", event, values)

    def info(self, event: str, **values: object) -> None:
        """Log what is as expected. The arguments are those of :meth:`debug`."""
        self._log("info", event, values)

    def warning(self, event: str, **values: object) -> None:
        """Log what someone should look at. The arguments are those of :meth:`debug`."""
        self._log("warning", event, values)

    def error(self, event: str, **values: object) -> None:
        """Log what went wrong. The arguments are those of :meth:`debug`."""
        self._log("error", event, values)

    def _log(self, level: str, event: str, values: dict[str, object]) -> None:
        import structlog

        while _set_up:
            _set_up.pop()()
        getattr(structlog.stdlib.get_logger(self._name), level)(event, **values)
