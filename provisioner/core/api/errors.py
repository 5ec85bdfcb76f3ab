"""Every error of the product. Its class decides what happens next.

.. code-block:: text

    ProvisionerError
    ├── ConfigurationError          a setting is wrong, missing or contradicts another
    │   └── PluginError             a plug-in cannot be loaded or does not keep the contract of the hooks
    ├── InputError                  a file or an argument is wrong; carries every problem found
    ├── DeniedError                 the rules forbid it
    │   └── NotAuthorizedError      an actor may not do this to these accounts; carries every denial
    ├── NotReadyError               targets or channels cannot be used; found before the first write
    ├── BusyError                   another operation holds the account
    ├── SupersededError             a later wish for the same account took the operation's place
    ├── ClockError                  the clock does not fit with when the store was used before
    ├── LeaseLostError              the account's lease ran out, and another process may have taken it over
    ├── StagedError                 the run would close too many accounts and waits for its release
    ├── StoppedError                the program was asked to stop between two steps
    ├── DryRunError                 something tried to change a system during a dry run
    ├── StoreError                  the store cannot be opened, read or written
    ├── DefectError                 the program failed at this operation; the others go on
    └── TargetError                 a target or channel did not do what it was asked
        ├── TransientError          it may work later: retried
        │   ├── UnavailableError    it could not be reached; nothing was sent
        │   │   └── CircuitOpenError  it failed too often in a row and is given a rest
        │   │       ├── QuarantinedError    it failed for so long that somebody has to look at it
        │   │       └── InMaintenanceError  somebody is working on it
        │   ├── ThrottledError      it asked clients to wait
        │   └── NotAppliedError     a probe showed that the change did not happen
        ├── UnknownOutcomeError     it was sent and no answer came: probe before anything else
        │   └── PluginDefectError   the plug-in raised something that is not a TargetError
        ├── RefusedError            it said no, and will say no again
        │   ├── SecretRefusedError  it does not like the password
        │   ├── ConflictError       something else is in the way
        │   ├── MissingError        the account is not there
        │   ├── LockedError         somebody else locked the account there
        │   ├── ForbiddenError      our credentials are good, and we may not do this to this account or person
        │   └── UnsupportedError    it cannot do this at all
        │       └── OmittedError    the configuration says so, and the operation goes on without it
        ├── MisconfiguredError      our credentials or settings are wrong: the run stops for this target, if its
        │   │                       check fails as well
        │   └── SystemMisconfiguredError  or if it passes, because the answer says that it is about all
        └── ItemMisconfiguredError  they do not do for one account, person or message; the check passes

Plug-ins raise the leaves below ``TargetError``. Nothing in a message may be a secret; the gateway that calls the
plug-ins scrubs them all the same.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Self

import attrs

from provisioner.core.model import StepError
from provisioner.core.model.text import Text, Texts, storable

#: The longest time for which a target can ask not to be called.
LONGEST_REST = timedelta(days=1)


class ProvisionerError(Exception):
    """Base of all errors. Carries a message, and the cure where there is one, in a form that can be translated.

    Args:

        message: An English template with ``{named}`` places.

        cure: What the reader can do about it, in the same form.

        values: What fills the places of both. Never a secret.
    """

    def __init__(self, message: str, /, *, cure: str = "", **values: object) -> None:
        self.text = Text(message, values)
        self.cure = Text(cure, values)
        super().__init__(message)

    @property
    def message(self) -> Text:
        """All that it says, with everything that it carries."""
        return self.text

    def __str__(self) -> str:
        return str(self.message)


class ConfigurationError(ProvisionerError):
    """A setting is wrong, is missing or contradicts another one."""


class PluginError(ConfigurationError):
    """A plug-in cannot be loaded, or does not keep the contract of the hooks."""


@attrs.frozen(kw_only=True)
class Problem:
    """One thing that is wrong with the input, and where."""

    #: The file's name as it was given, or ``None`` for an argument of the command line.
    file: str | None = None
    #: The line in that file, counted from 1.
    line: int | None = None
    #: The code, login or id of what it is about, where that is known.
    subject: str | None = None
    #: The name of the column, key or argument.
    field: str
    #: What is wrong with it.
    message: Text

    @property
    def placed(self) -> Text:
        """What is wrong, after its place."""
        place = ":".join(str(part) for part in (self.file, self.line, self.subject, self.field) if part is not None)
        return Text("{place}: {message}", {"place": place, "message": self.message})

    def __str__(self) -> str:
        return str(self.placed)


class InputError(ProvisionerError):
    """A file or an argument is wrong. Nothing was changed.

    Args:

        problems: All that were found, so that they can be mended in one go.

        warnings: What may be right in the same file, and should be looked at.
    """

    def __init__(self, problems: Sequence[Problem], /, *, warnings: Sequence[Problem] = ()) -> None:
        self.problems, self.warnings = tuple(problems), tuple(warnings)
        super().__init__("{count} problem(s) in the input", count=len(self.problems))

    @property
    def message(self) -> Text:
        """How many problems there are, and one line for each."""
        return _listed(self.text, [problem.placed for problem in self.problems])


class DeniedError(ProvisionerError):
    """The rules forbid it: authority, a missing request, a clearance, a protected account."""


@attrs.frozen(kw_only=True)
class Denial:
    """Why somebody may not do something."""

    reason: Text
    #: Who could do it, or what has to be done first.
    cure: Text


@attrs.frozen(kw_only=True)
class Denied:
    """One thing that somebody may not do."""

    #: The login of the account.
    login: str
    #: Why not, and who could.
    denial: Denial


class NotAuthorizedError(DeniedError):
    """An actor may not do something to accounts. Nothing was changed.

    Args:

        denials: All of them.
    """

    def __init__(self, denials: Sequence[Denied], /) -> None:
        self.denials = tuple(denials)
        super().__init__("{count} operation(s) denied", count=len(self.denials))

    @property
    def message(self) -> Text:
        """How many operations are denied, and one line for each."""
        return _listed(
            self.text,
            [
                Text("{login}: {reason}", {"login": denial.login, "reason": denial.denial.reason})
                for denial in self.denials
            ],
        )


class BusyError(ProvisionerError):
    """Another operation holds the account; only one may run at a time."""


class SupersededError(ProvisionerError):
    """A later wish for the same account took the operation's place."""


class LeaseLostError(ProvisionerError):
    """This process was stopped for so long that another one took the operation over, or may have."""


class ClockError(ProvisionerError):
    """The clock does not fit with when the store was used before. Nothing was changed."""


class StagedError(ProvisionerError):
    """The run would close or delete too many accounts. It is written down and waits for its release."""


class StoppedError(ProvisionerError):
    """The program was asked to stop, and stopped between two steps."""


class DryRunError(ProvisionerError):
    """Something tried to change a system during a dry run. It was not called."""


class StoreError(ProvisionerError):
    """The store cannot be opened, read or written."""


class DefectError(ProvisionerError):
    """The program itself failed at one operation. The other operations of the run go on."""

    @classmethod
    def of(cls, error: Exception) -> Self:
        """Return what is known of *error*: its class and its place. Its text may quote a secret."""
        return cls(
            "the program failed: {error} at {place}",
            cure="please report it; 'provisioner resume' or the next sweep tries the operation again",
            error=type(error).__name__,
            place=raised_at(error),
        )


class TargetError(ProvisionerError):
    """A target or channel did not do what it was asked.

    Args:

        message: What happened, without any secret.

        cure: What an administrator can do about it.
    """

    #: The name of the target or channel. The gateway fills it in; plug-ins need not.
    target: str = ""
    #: Whether another attempt within seconds may help.
    retryable: ClassVar[bool] = False


class TransientError(TargetError):
    """It did not work now and may work later; the account is as it was before the call."""

    retryable = True


class UnavailableError(TransientError):
    """The target could not be reached, so nothing was sent to it; or a question was sent and no answer came."""

    #: Whether it was reached and did not answer. That can be about one account or person; no connection cannot.
    reached: bool = False


class CircuitOpenError(UnavailableError):
    """The target failed so often in a row that it is not called for a while."""

    retryable = False


class QuarantinedError(CircuitOpenError):
    """The target failed for so long that it is not called before somebody has resumed it."""


class InMaintenanceError(CircuitOpenError):
    """Somebody is working on the target, so it is not called. That is no failure, and alarms nobody."""

    #: When that will be over.
    until: datetime = datetime.min.replace(tzinfo=UTC)


class ThrottledError(TransientError):
    """The target asked clients to wait.

    Args:

        retry_after: The seconds it asked for, or ``None`` if it did not say. No more than :data:`LONGEST_REST` is kept.
    """

    def __init__(self, message: str, /, *, retry_after: float | None = None, cure: str = "", **values: object) -> None:
        super().__init__(message, cure=cure, **values)
        rest = None if retry_after is None else min(retry_after, LONGEST_REST.total_seconds())
        self.retry_after = None if rest is None or math.isnan(rest) else max(0.0, rest)


class NotAppliedError(TransientError):
    """A probe showed that the change did not happen."""


class UnknownOutcomeError(TargetError):
    """The request was sent and no usable answer came: it may or may not have been applied."""


class PluginDefectError(UnknownOutcomeError):
    """The plug-in raised something that is not a :class:`TargetError`, or returned something else than promised."""


class RefusedError(TargetError):
    """The target said no and will say no again. The account is as it was before the call."""


class SecretRefusedError(RefusedError):
    """The target's own password rules do not accept this password."""


class ConflictError(RefusedError):
    """Something that is not this account is in the way."""


class MissingError(RefusedError):
    """The account is not there."""


class LockedError(RefusedError):
    """Somebody else locked the account there, and only an administrator of the target unlocks it."""


class ForbiddenError(RefusedError):
    """Our credentials are good, and we may not do this to this account, person or message.

    A plug-in raises it where an answer is about the rights to one item. The target's check is asked all the same; if
    that fails, it becomes a :class:`MisconfiguredError`.
    """


class UnsupportedError(RefusedError):
    """The target cannot do this at all."""


class OmittedError(UnsupportedError):
    """The configuration says that the target cannot do this. The operation goes on without it, and says so."""


class ItemMisconfiguredError(TargetError):
    """Our rights or settings do not do for this account, person or message; the target's check passes.

    The core makes it of a :class:`MisconfiguredError`; plug-ins do not raise it. The others go on, and the operation
    waits for somebody to correct that.
    """


class MisconfiguredError(TargetError):
    """Our own credentials or settings for the target are wrong. The run stops for it.

    If the target's check passes, it is about one item, and becomes an :class:`ItemMisconfiguredError`.
    """


class SystemMisconfiguredError(MisconfiguredError):
    """What is wrong on our side holds for everything that the target is asked, whatever its check says.

    A plug-in raises it where the answer says so plainly, for example that our account there has no credit left.
    """


class NotReadyError(ProvisionerError):
    """Targets or channels cannot be used now. Nothing was changed.

    Args:

        errors: What each of them raised.
    """

    def __init__(self, errors: Sequence[TargetError], /) -> None:
        self.errors = tuple(errors)
        super().__init__("not ready: {targets}", targets=", ".join(error.target for error in errors))

    @property
    def message(self) -> Text:
        """Which targets and channels are not ready, and one line for each."""
        return _listed(
            self.text,
            [Text("{target}: {error}", {"target": error.target, "error": error.message}) for error in self.errors],
        )


def _listed(heading: Text, lines: Iterable[Text]) -> Text:
    return Text("{heading}:\n{lines}", {"heading": heading, "lines": Texts(lines)})


def known_or_defect(error: Exception) -> ProvisionerError:
    """Return *error* if it is one of ours, whose text may be shown, or else a :class:`DefectError` in its place."""
    return error if isinstance(error, ProvisionerError) else DefectError.of(error)


def raised_at(error: BaseException) -> str:
    """Say where *error* was raised, without its text, which may quote a secret."""
    frames = inspect.getinnerframes(error.__traceback__, context=0) if error.__traceback__ else []
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "unknown"


def step_error(error: ProvisionerError) -> StepError:
    """Return *error* as it is stored."""
    return StepError(name=type(error).__name__, message=storable(error.message), cure=storable(error.cure))
