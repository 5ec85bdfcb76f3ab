"""What a health check finds out about one part."""

from __future__ import annotations

from enum import StrEnum

import attrs

from provisioner.core.api.errors import ProvisionerError
from provisioner.core.model.text import Text

NO_CURE = Text("")


class CheckStatus(StrEnum):
    """How a part is."""

    OK = "ok"
    #: It works, and somebody should look at it.
    WARNING = "warning"
    #: It does not work.
    PROBLEM = "problem"


@attrs.frozen(kw_only=True)
class CheckResult:
    """What was found out about one part."""

    #: The part, such as ``store`` or ``targets.mail``.
    name: str
    status: CheckStatus = CheckStatus.OK
    message: Text
    cure: Text = NO_CURE
    #: What kind of error a problem is; ``None`` if the store has lost something, which no setting can correct.
    error: type[ProvisionerError] | None = None


def problem(name: str, error: ProvisionerError, kind: type[ProvisionerError] | None = None) -> CheckResult:
    """Return an error as a result.

    Args:

        name: The part.

        error: What is wrong with it.

        kind: What kind of error it is; by default, its class.
    """
    return CheckResult(
        name=name, status=CheckStatus.PROBLEM, message=error.text, cure=error.cure, error=kind or type(error)
    )


def warning(name: str, message: Text, cure: Text) -> CheckResult:
    """Return something that somebody should look at.

    Args:

        name: The part.

        message: What was found.

        cure: What to do about it.
    """
    return CheckResult(name=name, status=CheckStatus.WARNING, message=message, cure=cure)
