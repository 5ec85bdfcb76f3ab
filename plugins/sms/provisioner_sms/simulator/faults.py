"""How the simulator misbehaves when it is told to."""

from __future__ import annotations

import threading
from enum import StrEnum

import attrs


class SmsFault(StrEnum):
    """What goes wrong with a message."""

    #: The number is refused; nothing is taken.
    REFUSE = "refuse"
    #: Too many requests; nothing is taken.
    THROTTLE = "throttle"
    #: The message arrives, and the answer comes, after a while.
    DELAY = "delay"
    #: The message arrives, and no answer comes.
    APPLY_AND_LOSE_ANSWER = "apply_and_lose_answer"
    #: The message arrives, and half an answer comes.
    CUT_ANSWER = "cut_answer"
    #: An internal error; nothing is taken.
    ERROR_500 = "error_500"


@attrs.frozen(kw_only=True)
class SmsFaultOrder:
    """When something goes wrong."""

    fault: SmsFault
    #: Which of the messages that come from now on, counted from 1; none for all.
    calls: frozenset[int] = frozenset()
    #: The length of the delay, or what ``Retry-After`` says.
    seconds: float = 1


@attrs.define(eq=False)
class Script:
    """Counts the messages that come, and says what goes wrong with each. Threads may share it."""

    _order: SmsFaultOrder | None = None
    _calls: int = 0
    _since: int = 0
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    @property
    def calls(self) -> int:
        """How many messages came so far."""
        return self._calls

    def play(self, order: SmsFaultOrder | None) -> None:
        """Misbehave from now on in this way, or no more."""
        with self._lock:
            self._order, self._since = order, self._calls

    def next(self) -> SmsFaultOrder | None:
        """Return what goes wrong with the message that just came."""
        with self._lock:
            self._calls += 1
            planned = self._order
            if planned is None or (planned.calls and self._calls - self._since not in planned.calls):
                return None
            return planned
