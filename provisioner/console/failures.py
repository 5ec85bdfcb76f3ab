"""What went wrong, as a page says it: the class of the error, what it says, and what can be done about it."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

import attrs

from provisioner.console.cures import on_page
from provisioner.core.api.errors import (
    BusyError,
    DeniedError,
    InputError,
    NotAuthorizedError,
    NotReadyError,
    ProvisionerError,
    StagedError,
    StoppedError,
    StoreError,
    SupersededError,
    TargetError,
)
from provisioner.core.model.text import Text
from provisioner.services.keyed_requests import InterruptedRequestError

#: The status of an answer for each class of errors. The class nearest to the error decides.
_STATUSES: dict[type[BaseException], int] = {
    BusyError: HTTPStatus.CONFLICT,
    DeniedError: HTTPStatus.FORBIDDEN,
    InputError: HTTPStatus.UNPROCESSABLE_ENTITY,
    InterruptedRequestError: HTTPStatus.CONFLICT,
    NotReadyError: HTTPStatus.SERVICE_UNAVAILABLE,
    StagedError: HTTPStatus.CONFLICT,
    StoppedError: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreError: HTTPStatus.SERVICE_UNAVAILABLE,
    SupersededError: HTTPStatus.CONFLICT,
    TargetError: HTTPStatus.SERVICE_UNAVAILABLE,
    BaseException: HTTPStatus.INTERNAL_SERVER_ERROR,
}

_HTTP = {
    400: Text("the request can't be read"),
    403: Text("the console answers its reverse proxy only"),
    404: Text("there is no such page"),
    405: Text("this address can't be used like this"),
    413: Text("the form is too large"),
    415: Text("only forms can be sent here"),
    421: Text("the console does not serve this host name"),
}


@attrs.frozen(kw_only=True)
class Failure:
    """What a page says of an error."""

    status: int
    #: The name of the error's class; empty if it is none of the product's.
    name: str = ""
    message: Text
    cure: Text = attrs.field(factory=lambda: Text(""))
    #: What exactly is wrong, if it is more than one thing.
    items: Sequence[Text] = ()


def refusal(status: int, message: Text | None = None, *, cure: Text | None = None) -> Failure:
    """Return what is said of a request that reached no page.

    Args:

        status: The status of the answer.

        message: Why; by default, what the status means.

        cure: What can be done about it.
    """
    return Failure(status=status, message=message or _HTTP.get(status, _HTTP[400]), cure=cure or Text(""))


def status_of(error: Exception) -> int:
    """Return the status of the answer for an error."""
    return int(next(_STATUSES[cls] for cls in type(error).__mro__ if cls in _STATUSES))


def failure_of(error: Exception) -> Failure:
    """Return what is said of an error. The text of an error that is none of the product's stays unsaid."""
    status = status_of(error)
    name = type(error).__name__
    match error:
        case InputError():
            messages = [problem.message for problem in error.problems]
            if len(messages) == 1:
                return Failure(status=status, name=name, message=messages[0], cure=on_page(error.cure))
            return Failure(status=status, name=name, message=error.text, cure=on_page(error.cure), items=messages)
        case NotAuthorizedError():
            reasons = [denied.denial.reason for denied in error.denials]
            cures = [on_page(denied.denial.cure) for denied in error.denials]
            return Failure(status=status, name=name, message=error.text, items=_said(*reasons, *cures))
        case NotReadyError():
            items = [text for failure in error.errors for text in (failure.text, on_page(failure.cure))]
            return Failure(status=status, name=name, message=error.text, items=_said(*items))
        case ProvisionerError():
            return Failure(status=status, name=name, message=error.text, cure=on_page(error.cure))
        case _:
            message = Text("this is a defect of the program: {error}", {"error": name})
            return Failure(status=status, name=name, message=message, cure=Text("please report it, with the time"))


def _said(*texts: Text) -> Sequence[Text]:
    return [text for text in dict.fromkeys(texts) if text.template]
