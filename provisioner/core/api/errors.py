"""The errors of the product. The class of an error decides what happens next.

.. code-block:: text

    ProvisionerError
    ├── ConfigurationError          a setting is wrong, missing or contradicts another
    │   └── PluginError             a plug-in can't be loaded or violates the contract of the hooks
    ├── InputError                  a file or an argument is wrong; contains all problems
    ├── DeniedError                 the rules forbid it
    │   └── NotAuthorizedError      an actor may not do this to these accounts; contains all denials
    ├── NotReadyError               targets or channels can't be used; detected before the first change
    ├── BusyError                   another operation holds the account
    ├── SupersededError             a later operation for the same account replaced this one
    ├── ClockError                  the clock contradicts the last use of the store
    ├── LeaseLostError              the lease of the account expired; another process may have taken it over
    ├── StagedError                 the run would close too many accounts and waits for its release
    ├── StoppedError                the program was stopped between two steps
    ├── DryRunError                 something tried to change a system during a dry run
    ├── StoreError                  the store can't be opened, read or written
    │   └── StoreUnavailableError   not now: it is locked or full, or its server doesn't answer
    ├── DefectError                 the program failed at this operation; the others continue
    └── TargetError                 a target or channel didn't do what it was asked
        ├── TransientError          it may work later: retried
        │   ├── UnavailableError    it couldn't be reached; nothing was sent
        │   │   └── CircuitOpenError  it failed repeatedly; calls are suspended
        │   │       ├── QuarantinedError    it failed for so long that a person has to resume it
        │   │       └── InMaintenanceError  it is in maintenance
        │   ├── ThrottledError      it limits the rate of requests
        │   │   └── DailyLimitError the channel has sent the messages that it may send on a day
        │   ├── PartialListError    a list ended before the target declared its end
        │   ├── EarlierMessageError an earlier message with a password may still arrive
        │   ├── NotAppliedError     a probe showed that the change did not happen
        │   ├── SessionsOpenError   the change is done, and sessions of the account may still be open
        │   └── SessionsLeftError   the change is refused, and sessions of the account may still be open
        ├── UnknownOutcomeError     the request was sent and no answer arrived: probe before anything else
        │   └── PluginDefectError   the plug-in raised something that is not a TargetError
        ├── RefusedError            it refused the request, and would refuse it again
        │   ├── SecretRefusedError  it doesn't accept the password
        │   ├── ConflictError       another object is in the way
        │   ├── MissingError        the account doesn't exist
        │   ├── LockedError         another administrator locked the account there
        │   ├── ForbiddenError      the credentials are valid, but don't allow this for this account or person
        │   └── UnsupportedError    it can't do this at all
        │       └── OmittedError    the configuration says so, and the operation continues without it
        ├── MisconfiguredError      the product's credentials or settings are wrong: the run stops for this target,
        │   │                       if its check fails as well
        │   └── SystemMisconfiguredError  also if the check passes, because the answer concerns all requests
        └── ItemMisconfiguredError  they are not sufficient for one account, person or message; the check passes

Plug-ins raise the leaves below ``TargetError``. A message must not contain a secret. The gateway that calls the
plug-ins also masks secrets in messages.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar, Self

import attrs

from provisioner.core.model import StepError
from provisioner.core.model.text import Text, Texts, marked, storable

#: The longest pause that a target can request.
LONGEST_REST = timedelta(days=1)


class ProvisionerError(Exception):
    """Base of all errors. It contains a message and, if possible, a cure. Both can be translated.

    Args:

        message: An English template with ``{named}`` placeholders, or a message with its own values.

        cure: What the reader can do about it, as a template.

        values: The values of the placeholders in both. Never a secret.
    """

    def __init__(self, message: str | Text, /, *, cure: str | Text = "", **values: object) -> None:
        self.text = _filled(message, values)
        self.cure = _filled(cure, values)
        super().__init__(self.text.template)

    @property
    def message(self) -> Text:
        """The complete message, including everything that the error contains."""
        return self.text

    def __str__(self) -> str:
        return str(self.message)


def _filled(message: str | Text, values: Mapping[str, object]) -> Text:
    if isinstance(message, Text):
        return attrs.evolve(message, values={**values, **message.values})
    return Text(message, values)


class ConfigurationError(ProvisionerError):
    """A setting is wrong, missing or contradicts another one."""


class PluginError(ConfigurationError):
    """A plug-in can't be loaded or violates the contract of the hooks."""


@attrs.frozen(kw_only=True)
class Problem:
    """One problem of the input, and its place."""

    #: The name of the file as it was given, or ``None`` for an argument of the command line.
    file: str | None = None
    #: The line in the file, counted from 1.
    line: int | None = None
    #: The code, login or ID of the affected item, if known.
    subject: str | None = None
    #: The name of the column, key or argument.
    field: str
    #: What is wrong.
    message: Text

    @property
    def placed(self) -> Text:
        """The place, followed by what is wrong."""
        place = ":".join(str(part) for part in (self.file, self.line, self.subject, self.field) if part is not None)
        return Text("{place}: {message}", {"place": place, "message": self.message})

    def __str__(self) -> str:
        return str(self.placed)


class InputError(ProvisionerError):
    """A file or an argument is wrong. Nothing was changed.

    Args:

        problems: All problems that were found.

        cure: What the reader can do about all of them, if the problems don't say it.

        warnings: Possible problems in the same file.
    """

    def __init__(
        self, problems: Sequence[Problem], /, *, cure: str | Text = "", warnings: Sequence[Problem] = ()
    ) -> None:
        self.problems, self.warnings = tuple(problems), tuple(warnings)
        text = Text.counted("{count} problem in the input", "{count} problems in the input", count=len(self.problems))
        super().__init__(text, cure=cure)

    @property
    def message(self) -> Text:
        """The number of problems, and one line for each."""
        return _listed(self.text, [problem.placed for problem in self.problems])


class DeniedError(ProvisionerError):
    """The rules forbid it: authority, a missing access request, a clearance, a protected account."""


@attrs.frozen(kw_only=True)
class Denial:
    """The reason why an actor may not do something."""

    reason: Text
    #: Who could do it, or what has to be done first.
    cure: Text


@attrs.frozen(kw_only=True)
class Denied:
    """One denied action."""

    #: The login of the account.
    login: str
    #: The reason, and who is allowed.
    denial: Denial


class NotAuthorizedError(DeniedError):
    """An actor may not do something to accounts. Nothing was changed.

    Args:

        denials: All denials.
    """

    def __init__(self, denials: Sequence[Denied], /) -> None:
        self.denials = tuple(denials)
        count = len(self.denials)
        super().__init__(Text.counted("{count} operation denied", "{count} operations denied", count=count))

    @property
    def message(self) -> Text:
        """The number of denied operations, and one line for each."""
        return _listed(
            self.text,
            [
                Text("{login}: {reason}", {"login": denial.login, "reason": denial.denial.reason})
                for denial in self.denials
            ],
        )


class BusyError(ProvisionerError):
    """Another operation holds the account. Only one can run at a time."""


class SupersededError(ProvisionerError):
    """A later operation for the same account replaced this one."""


class LeaseLostError(ProvisionerError):
    """This process was suspended for so long that another one may have taken over the operation."""


class ClockError(ProvisionerError):
    """The clock contradicts the last use of the store. Nothing was changed."""


class StagedError(ProvisionerError):
    """The run would close or delete too many accounts. It is recorded and waits for its release."""


class StoppedError(ProvisionerError):
    """The program was asked to stop, and stopped between two steps."""


class DryRunError(ProvisionerError):
    """Something tried to change a system during a dry run. The system was not called."""


class StoreError(ProvisionerError):
    """The store can't be opened, read or written."""


class StoreUnavailableError(StoreError):
    """The store can't be used now: it is locked or full, or its server doesn't answer. It may work later."""


class DefectError(ProvisionerError):
    """The program failed at one operation. The other operations of the run continue."""

    @classmethod
    def of(cls, error: Exception) -> Self:
        """Return an error with the class and place of *error*. Its text is left out, because it may quote a secret."""
        return cls(
            marked("the program failed: {error} at {place}"),
            cure=marked("please report it; 'provisioner resume' or the next sweep tries the operation again"),
            error=type(error).__name__,
            place=raised_at(error),
        )


class TargetError(ProvisionerError):
    """A target or channel didn't do what it was asked.

    Args:

        message: What happened, without any secret.

        cure: What an administrator can do about it.
    """

    #: The name of the target or channel. The gateway sets it; plug-ins don't have to.
    target: str = ""
    #: Whether another attempt within seconds may succeed.
    retryable: ClassVar[bool] = False


class TransientError(TargetError):
    """It did not work now and may work later. The account is in the state before the call."""

    retryable = True


class UnavailableError(TransientError):
    """The target couldn't be reached, so nothing was sent to it; or a query was sent and no answer arrived."""

    #: Whether it was reached and gave no answer. This can concern one account or person only; a failed connection
    #: can't.
    reached: bool = False


class CircuitOpenError(UnavailableError):
    """The target failed repeatedly. Calls are suspended for a short time."""

    retryable = False


class QuarantinedError(CircuitOpenError):
    """The target failed for so long that calls are suspended until a person resumes it."""


class InMaintenanceError(CircuitOpenError):
    """The target is in maintenance and not called. This doesn't count as a failure and causes no alarm."""

    #: The end of the maintenance, in UTC.
    until: datetime = datetime.min.replace(tzinfo=UTC)


class ThrottledError(TransientError):
    """The target limits the rate of requests.

    Args:

        retry_after: The requested pause in seconds, or ``None`` if it named none. At most :data:`LONGEST_REST`.
    """

    def __init__(
        self, message: str | Text, /, *, retry_after: float | None = None, cure: str | Text = "", **values: object
    ) -> None:
        super().__init__(message, cure=cure, **values)
        rest = None if retry_after is None else min(retry_after, LONGEST_REST.total_seconds())
        self.retry_after = None if rest is None or math.isnan(rest) else max(0.0, rest)


class DailyLimitError(ThrottledError):
    """The channel has sent as many messages today as ``max_per_day`` allows. Only the engine raises it."""

    retryable = False
    #: When the next day begins, in UTC.
    until: datetime = datetime.min.replace(tzinfo=UTC)


class EarlierMessageError(TransientError):
    """An earlier message with a password for the same account may still arrive, and after the new one."""

    retryable = False
    #: When it can no longer arrive, in UTC.
    until: datetime = datetime.min.replace(tzinfo=UTC)


class PartialListError(TransientError):
    """A list ended before the target declared its end. Nothing can be concluded from what is not in it."""

    retryable = False


class NotAppliedError(TransientError):
    """A probe showed that the change did not happen."""


class SessionsOpenError(TransientError):
    """The account is changed, and sessions of it may still be open. Only the engine raises it."""

    retryable = False


class SessionsLeftError(TransientError):
    """The change was refused permanently, and sessions of the account that have to end may still be open. Only the
    engine raises it.
    """

    retryable = False


class UnknownOutcomeError(TargetError):
    """The request was sent and no usable answer arrived. The change may or may not have been applied."""


class PluginDefectError(UnknownOutcomeError):
    """The plug-in raised an error that is not a :class:`TargetError`, or returned an invalid value."""


class RefusedError(TargetError):
    """The target refused the request, and would refuse it again. The account is in the state before the call."""


class SecretRefusedError(RefusedError):
    """The password violates the rules of the target."""


class ConflictError(RefusedError):
    """An object that is not this account is in the way."""


class MissingError(RefusedError):
    """The account doesn't exist on the target."""


class LockedError(RefusedError):
    """Another administrator locked the account there. Only an administrator of the target can unlock it."""


class ForbiddenError(RefusedError):
    """The credentials are valid, but don't allow this for this account, person or message.

    A plug-in raises it if an answer concerns the rights to one item. The core still runs the target's check; if that
    fails, the error becomes a :class:`MisconfiguredError`.
    """


class UnsupportedError(RefusedError):
    """The target can't do this at all."""


class OmittedError(UnsupportedError):
    """The configuration says that the target can't do this. The operation continues without it, and reports it."""


class ItemMisconfiguredError(TargetError):
    """The rights or settings are not sufficient for this account, person or message. The target's check passes.

    The core makes it from a :class:`MisconfiguredError`; plug-ins don't raise it. The other operations continue, and
    this one waits until a person corrects the problem.
    """


class MisconfiguredError(TargetError):
    """The product's credentials or settings for the target are wrong. The run stops for it.

    If the target's check passes, the error concerns one item, and becomes an :class:`ItemMisconfiguredError`.
    """


class SystemMisconfiguredError(MisconfiguredError):
    """The problem on the product's side concerns all requests to the target, regardless of its check.

    A plug-in raises it if the answer clearly says so, for example that the account has no credit.
    """


class NotReadyError(ProvisionerError):
    """Targets or channels can't be used now. Nothing was changed.

    Args:

        errors: What each of them raised.
    """

    def __init__(self, errors: Sequence[TargetError], /) -> None:
        self.errors = tuple(errors)
        super().__init__(marked("not ready: {targets}"), targets=", ".join(error.target for error in errors))

    @property
    def message(self) -> Text:
        """The targets and channels that are not ready, and one line for each."""
        return _listed(
            self.text,
            [Text("{target}: {error}", {"target": error.target, "error": error.message}) for error in self.errors],
        )


def _listed(heading: Text, lines: Iterable[Text]) -> Text:
    return Text("{heading}:\n{lines}", {"heading": heading, "lines": Texts(lines)})


def known_or_defect(error: Exception) -> ProvisionerError:
    """Return *error* if it is an error of the product, whose text can be shown; otherwise a :class:`DefectError`."""
    return error if isinstance(error, ProvisionerError) else DefectError.of(error)


def raised_at(error: BaseException) -> str:
    """Return where *error* was raised, without its text, which may quote a secret."""
    frames = inspect.getinnerframes(error.__traceback__, context=0) if error.__traceback__ else []
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "unknown"


def step_error(error: ProvisionerError) -> StepError:
    """Return *error* as it is stored."""
    return StepError(name=type(error).__name__, message=storable(error.message), cure=storable(error.cure))
