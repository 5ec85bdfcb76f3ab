"""The audit log as syslog messages of RFC 5424.

The structured data come first and are short, so that a collector which cuts long messages still keeps the hashes; the
event itself, as it is kept, is the message.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

import attrs

from provisioner.audit.framing import Framing
from provisioner.core.model import OperationState
from provisioner.core.model.text import visible
from provisioner.store.audit.verification import ChainEntry

#: The facility "log audit" of RFC 5424, table 1.
LOG_AUDIT = 13

#: The private enterprise number that RFC 5612 reserves for documentation. An organisation with its own number uses
#: that.
DOCUMENTATION_NUMBER = 32473

#: What stands for a field that has no value.
_NIL = "-"

_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_BOM = b"\xef\xbb\xbf"
_ESCAPED = re.compile(r'["\\\]]')
_HARMLESS = re.compile(r'[^"\\\]]*')
#: Control characters would end a line; they become the octal number that RFC 5424 shows for one of them.
_CONTROLS = {code: f"#{code:03o}" for code in (*range(0x20), 0x7F)}


class Severity(IntEnum):
    """The severity of a message, RFC 5424, table 2."""

    ERROR = 3
    WARNING = 4
    INFORMATIONAL = 6


def _this_host() -> str:
    return _printable(socket.gethostname(), 255)


@attrs.frozen(kw_only=True)
class Syslog:
    """Makes syslog messages of entries."""

    hostname: str = attrs.field(factory=_this_host)
    #: The private enterprise number in the names of the structured data.
    enterprise_number: int = DOCUMENTATION_NUMBER
    framing: Framing = Framing.LINES
    #: The bytes of the longest message that the collector takes; ``None`` if it takes every message.
    max_size: int | None = None

    def message(self, entry: ChainEntry, previous: str) -> bytes:
        """Return one message, as it is sent.

        A message that is too long has no event: its structured data say how many bytes were left out.

        Args:

            entry: The entry.

            previous: The hash before it.
        """
        event: dict[str, Any] = json.loads(entry.body)
        message = b"%s %s%s" % (self._head(entry, previous, event), _BOM, entry.body)
        if self.max_size is not None and len(message) > self.max_size:
            message = self._head(entry, previous, event, omitted=len(entry.body))
        return self.framing.frame(message)

    def _head(self, entry: ChainEntry, previous: str, event: Mapping[str, Any], **more: int) -> bytes:
        """Return all that comes before the event."""
        time = str(event["at"])
        parts = (
            f"<{LOG_AUDIT * 8 + severity(event)}>1",
            time if _TIME.fullmatch(time) else _NIL,
            self.hostname,
            "provisioner",
            _NIL,
            _printable(str(event["kind"]), 32),
            self._data(entry, previous, event, more),
        )
        return " ".join(parts).encode(errors="replace")

    def _data(self, entry: ChainEntry, previous: str, event: Mapping[str, Any], more: Mapping[str, int]) -> str:
        values = {
            "seq": entry.seq,
            "previous": previous,
            "hash": entry.hash,
            "actor": event["actor"],
            "login": event["login"],
            "operation": event["operation_id"],
            **more,
        }
        params = " ".join(f'{name}="{escaped(str(value))}"' for name, value in values.items())
        return f"[provisioner@{self.enterprise_number} {params}]"


def severity(event: Mapping[str, Any]) -> Severity:
    """Return the severity of an event: a permanent failure, a temporary one, or none."""
    if event.get("state") == OperationState.FAILED:
        return Severity.ERROR
    return Severity.WARNING if event.get("error") or _step_error(event) else Severity.INFORMATIONAL


def _step_error(event: Mapping[str, Any]) -> object:
    step = event.get("step")
    return step.get("error") if isinstance(step, dict) else None


def escaped(value: str) -> str:
    """Return the value of a parameter as RFC 5424, 6.3.3 wants it, in one line."""
    if value.isprintable() and _HARMLESS.fullmatch(value):
        return value
    return _ESCAPED.sub(r"\\\g<0>", visible(value.translate(_CONTROLS)))


def _printable(text: str, longest: int) -> str:
    """Return *text* if it can stand in a header."""
    return text if re.fullmatch(rf"[!-~]{{1,{longest}}}", text) else _NIL
