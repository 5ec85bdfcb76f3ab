"""Log-ins of people to the console: what the audit log says of them."""

from __future__ import annotations

from enum import StrEnum

import attrs

from provisioner.core.api.events import Event
from provisioner.core.model.log_ins import LogInWay


class LogInDenial(StrEnum):
    """Why a log-in was denied."""

    #: The target doesn't accept the password.
    PASSWORD = "password"  # noqa: S105 - the name of a reason
    #: There is no open account with this login, or it has no holder.
    ACCOUNT = "account"
    #: There were too many denied log-ins before. The target was not asked.
    THROTTLED = "throttled"
    #: The header names no person.
    HEADER = "header"
    #: The claim of the ID token names no person, or an account that is not open or that nobody holds.
    CLAIM = "claim"
    #: The answer of the OpenID provider is not accepted.
    ANSWER = "answer"


@attrs.frozen(kw_only=True)
class LoggedIn(Event):
    """A person logged in to the console, or confirmed the log-in for a change that needs it."""

    kind = "logged_in"

    actor: str
    way: LogInWay
    #: The network address of the person's computer, as far as it is known.
    address: str


@attrs.frozen(kw_only=True)
class LogInDenied(Event):
    """A log-in to the console was denied. A login that no account has is not written down: it may be a password."""

    kind = "log_in_denied"

    way: LogInWay
    reason: LogInDenial
    address: str


@attrs.frozen(kw_only=True)
class LoggedOut(Event):
    """A person logged out of the console."""

    kind = "logged_out"

    actor: str
    #: Whether all sessions of the person ended.
    everywhere: bool


@attrs.frozen(kw_only=True)
class NumberShown(Event):
    """The console showed a mobile number that it masks by default."""

    kind = "number_shown"

    actor: str
    #: The ID of the person whose number it is.
    person: str
