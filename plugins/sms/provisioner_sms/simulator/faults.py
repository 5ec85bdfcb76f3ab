"""How the simulator misbehaves when it is told to."""

from __future__ import annotations

from enum import StrEnum

import attrs

from provisioner.testing.fault_orders import CallNumber


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


#: The endpoint that accepts messages.
MESSAGES = "messages"


@attrs.frozen(kw_only=True)
class SmsFaultOrder:
    """When something goes wrong."""

    fault: SmsFault
    #: Which of the messages that come from now on, counted from 1, or ``always``.
    call: CallNumber = "always"
    #: The length of the delay, or what ``Retry-After`` says.
    seconds: float = 1
    #: The faults of other simulators choose an endpoint and a record; here there is one endpoint, and no record.
    endpoint: str = attrs.field(default=MESSAGES, init=False)
    record: str | None = attrs.field(default=None, init=False)
