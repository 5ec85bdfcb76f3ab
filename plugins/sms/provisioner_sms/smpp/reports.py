"""Takes the reports of an operator."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress

import attrs
import structlog

from provisioner.core.api.errors import StoreError
from provisioner.core.model import MessageState
from provisioner.core.model.deliveries import of_parts
from provisioner_sms.gateway import Report
from provisioner_sms.settings import HexadecimalIds, SmppSettings
from provisioner_sms.smpp.pdus import PartReport

log = structlog.stdlib.get_logger(__name__)

#: Of how many parts the reports are remembered.
CAPACITY = 10_000


@attrs.define(eq=False, kw_only=True)
class SmppReports:
    """Stores the reports of an operator, and remembers them for messages that have no answer yet.

    They are remembered for as long as a message can wait for its answer: the operator gives IDs again after a while.

    Args:

        settings: The operator.

        report: Stores a report on a part, and returns whether its message is known.

        seconds: The clock.
    """

    _settings: SmppSettings
    _report: Report
    _seconds: Callable[[], float] = time.monotonic
    #: What was reported on each part, and when, the latest last.
    _states: OrderedDict[str, tuple[MessageState, float]] = attrs.field(factory=OrderedDict, init=False, repr=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    def take(self, found: PartReport) -> bool:
        """Store a report, and return whether it is stored."""
        part = self.part(found.part, HexadecimalIds.REPORTS)
        self._remember(part, found.state)
        try:
            known = self._report(part, found.state)
        except StoreError as error:
            log.warning("report_not_stored", reason=str(error))
            return False
        log.info("report_stored", part=part, state=found.state.value, known=known)
        return True

    def part(self, written: str, place: HexadecimalIds) -> str:
        """Return the ID of a part, the same for answers and reports, and for no other operator.

        Args:

            written: The operator's ID.

            place: Whether it is from an answer or from a report.
        """
        return f"{self._settings.host}/{common_id(written, is_hexadecimal=place is self._settings.hexadecimal_ids)}"

    def state(self, parts: Sequence[str]) -> MessageState | None:
        """Return what was reported on a message, by the IDs of its parts; ``None`` if nothing was."""
        with self._lock:
            self._forget_old()
            return of_parts([self._states[part][0] if part in self._states else None for part in parts])

    def _remember(self, part: str, state: MessageState) -> None:
        with self._lock:
            self._forget_old()
            known, _ = self._states.pop(part, (state, 0.0))
            self._states[part] = known.after(state), self._seconds()
            while len(self._states) > CAPACITY:
                self._states.popitem(last=False)

    def _forget_old(self) -> None:
        oldest = self._seconds() - self._settings.timeout
        while self._states and next(iter(self._states.values()))[1] < oldest:
            self._states.popitem(last=False)


def common_id(written: str, *, is_hexadecimal: bool) -> str:
    """Return an ID as answers and reports have it in common: in small letters, without zeros in front.

    Args:

        written: The operator's ID.

        is_hexadecimal: Whether it has hexadecimal digits where its counterpart has decimal ones.
    """
    with suppress(ValueError):
        if is_hexadecimal:
            return str(int(written, 16))
    return written.lower().lstrip("0") or "0"
