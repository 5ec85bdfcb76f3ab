"""Faults to order: what can go wrong between a client and a service, call by call."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import attrs


class PysFault(StrEnum):
    """What the service does instead of a proper answer."""

    #: Refuse permanently, with 422 ``refused``. Nothing is changed.
    REFUSE = "refuse"
    #: Refuse the password permanently, with 422 ``password_refused``. Nothing is changed.
    REFUSE_SECRET = "refuse_secret"  # noqa: S105 - the name of a fault
    #: Say that the key may not do this, with 403 ``forbidden``. Nothing is changed.
    FORBID = "forbid"
    #: Ask for patience, with 429 and ``Retry-After``. Nothing is changed.
    THROTTLE = "throttle"
    #: Answer 500. Nothing is changed, but the caller cannot know.
    ERROR_500 = "error_500"
    #: Close the connection without an answer. Nothing is changed, but the caller cannot know.
    LOSE_REQUEST = "lose_request"
    #: Wait, then do what was asked and answer, although the caller may have gone in between.
    DELAY = "delay"
    #: Do what was asked at once, and answer late.
    ANSWER_LATE = "answer_late"
    #: Do what was asked, and close the connection without an answer.
    APPLY_AND_LOSE_ANSWER = "apply_and_lose_answer"
    #: Do what was asked, and close the connection in the middle of the answer.
    CUT_ANSWER = "cut_answer"


@attrs.frozen(kw_only=True)
class PysFaultOrder:
    """One order to misbehave. A second one for the same endpoint, call and record replaces the first."""

    #: The name of an endpoint, for example ``account.password``, or ``*`` for all.
    endpoint: str
    do: PysFault = attrs.field(converter=PysFault)
    #: Which call from now on, counted from 1, or ``always``.
    call: int | Literal["always"] = "always"
    #: How long to wait, or what ``Retry-After`` says.
    seconds: float = 1.0
    #: The id of the person or the login of the account that the call is about; any if it is not given.
    record: str | None = None
