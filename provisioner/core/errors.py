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
    ├── LeaseLostError              the account's lease ran out and somebody else took it over
    ├── StagedError                 the run would close too many accounts and waits for its release
    ├── StoppedError                the program was asked to stop between two steps
    ├── DryRunError                 something tried to change a system during a dry run
    ├── StoreError                  the store cannot be opened, read or written
    └── TargetError                 a target or channel did not do what it was asked
        ├── TransientError          it may work later: retried
        │   ├── UnavailableError    it could not be reached; nothing was sent
        │   │   └── LeftAloneError  it failed too often in a row and is given a rest
        │   │       ├── QuarantinedError    it failed for so long that somebody has to look at it
        │   │       └── InMaintenanceError  somebody is working on it
        │   ├── ThrottledError      it asked to be left alone for a while
        │   └── NotAppliedError     a probe showed that the change did not happen
        ├── UnknownOutcomeError     it was sent and no answer came: probe before anything else
        │   └── PluginDefectError   the plug-in raised something that is not a TargetError
        ├── RefusedError            it said no, and will say no again
        │   ├── SecretRefusedError  it does not like the password
        │   ├── ConflictError       something else is in the way
        │   ├── MissingError        the account is not there
        │   └── UnsupportedError    it cannot do this at all
        └── MisconfiguredError      our credentials or settings are wrong: the run stops for this target

Plug-ins raise the leaves below ``TargetError``. Nothing in a message may be a secret; the gateway that calls the
plug-ins scrubs them all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar

import attrs

from provisioner.core.requests import Denial
from provisioner.core.text import Text


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

    def __str__(self) -> str:
        return str(self.text)


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

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.subject, self.field) if part is not None)
        return f"{place}: {self.message}"


class InputError(ProvisionerError):
    """A file or an argument is wrong. Nothing was changed.

    Args:

        problems: All that were found, so that they can be mended in one go.
    """

    def __init__(self, problems: Sequence[Problem], /) -> None:
        self.problems = tuple(problems)
        super().__init__("{count} problem(s) in the input", count=len(self.problems))

    def __str__(self) -> str:
        return "\n".join([f"{self.text}:", *map(str, self.problems)])


class DeniedError(ProvisionerError):
    """The rules forbid it: authority, a missing request, a clearance, a protected account."""


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

    def __str__(self) -> str:
        return "\n".join([f"{self.text}:", *(f"{one.login}: {one.denial.reason}" for one in self.denials)])


class BusyError(ProvisionerError):
    """Another operation holds the account; only one may run at a time."""


class SupersededError(ProvisionerError):
    """A later wish for the same account took the operation's place."""


class LeaseLostError(ProvisionerError):
    """This process was away for so long that another one took the operation over."""


class StagedError(ProvisionerError):
    """The run would close or delete too many accounts. It is written down and waits for its release."""


class StoppedError(ProvisionerError):
    """The program was asked to stop, and stopped between two steps."""


class DryRunError(ProvisionerError):
    """Something tried to change a system during a dry run. It was not called."""


class StoreError(ProvisionerError):
    """The store cannot be opened, read or written."""


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
    """The target could not be reached, so nothing was sent to it."""


class LeftAloneError(UnavailableError):
    """The target failed so often in a row that it is not called for a while."""

    retryable = False


class QuarantinedError(LeftAloneError):
    """The target failed for so long that it is not called before somebody has resumed it."""


class InMaintenanceError(LeftAloneError):
    """Somebody is working on the target, so it is not called. That is no failure, and alarms nobody."""

    #: When that will be over.
    until: datetime = datetime.min.replace(tzinfo=UTC)


class ThrottledError(TransientError):
    """The target asked to be left alone for a while.

    Args:

        retry_after: The seconds it asked for, or ``None`` if it did not say.
    """

    def __init__(self, message: str, /, *, retry_after: float | None = None, cure: str = "", **values: object) -> None:
        super().__init__(message, cure=cure, **values)
        self.retry_after = retry_after


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


class UnsupportedError(RefusedError):
    """The target cannot do this at all."""


class MisconfiguredError(TargetError):
    """Our own credentials or settings for the target are wrong. The run stops for it."""


class NotReadyError(ProvisionerError):
    """Targets or channels cannot be used now. Nothing was changed.

    Args:

        errors: What each of them raised.
    """

    def __init__(self, errors: Sequence[TargetError], /) -> None:
        self.errors = tuple(errors)
        super().__init__("not ready: {targets}", targets=", ".join(error.target for error in errors))

    def __str__(self) -> str:
        return "\n".join([f"{self.text}:", *(f"{error.target}: {error}" for error in self.errors)])
