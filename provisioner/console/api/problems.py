"""What went wrong, as programs read it: problem details of RFC 9457, with the class of the error and its cure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus

import msgspec

from provisioner.console.failures import status_of
from provisioner.core.api.errors import InputError, NotAuthorizedError, NotReadyError, ProvisionerError
from provisioner.core.model.text import Text

MEDIA_TYPE = "application/problem+json"

#: Returns a message in the language of the reader.
Said = Callable[[Text], str]

_HTTP = {
    400: Text("the request can't be read"),
    401: Text("the token is missing, or can't be used"),
    403: Text("the console answers its reverse proxy only"),
    404: Text("there is no such address"),
    405: Text("this address can't be used with this method"),
    413: Text("the request is too large"),
    415: Text("only JSON can be sent here"),
    421: Text("the console does not serve this host name"),
    429: Text("there were too many requests"),
}
_NO_CURE = Text("")


class ProblemItem(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One of several things that are wrong."""

    #: The field of the request; null if it is not about one.
    field: str | None = None
    message: str
    cure: str | None = None


class ProblemAnswer(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What went wrong, and what can be done about it."""

    type: str = "about:blank"
    #: What the status means.
    title: str
    status: int
    #: What happened.
    detail: str
    #: The class of the error, as in the JSON of the command line; null if it is none of the product's.
    error_class: str | None = msgspec.field(default=None, name="class")
    cure: str | None = None
    items: list[ProblemItem] = []


class NotThereError(Exception):
    """What the address of a request names is not there.

    Args:

        cause: Why.
    """

    def __init__(self, cause: InputError) -> None:
        super().__init__()
        self.cause = cause


@contextmanager
def looked_up() -> Iterator[None]:
    """Let errors in a block mean that what the address names is not there.

    Raises:

        NotThereError: It is not.
    """
    try:
        yield
    except InputError as error:
        raise NotThereError(error) from None


def refused(status: int, said: Said, *, message: Text | None = None, cure: Text = _NO_CURE) -> ProblemAnswer:
    """Return what is said of a request that reached no service.

    Args:

        status: The status of the answer.

        said: Returns a message in the language of the reader.

        message: Why; by default, what the status means.

        cure: What can be done about it.
    """
    detail = said(message or _HTTP.get(status, _HTTP[400]))
    return ProblemAnswer(title=HTTPStatus(status).phrase, status=status, detail=detail, cure=said(cure) or None)


def problem_of(error: Exception, said: Said) -> ProblemAnswer:
    """Return what is said of an error. The text of an error that is none of the product's stays unsaid."""
    if isinstance(error, NotThereError):
        return msgspec.structs.replace(problem_of(error.cause, said), status=404, title=HTTPStatus(404).phrase)
    status = status_of(error)
    match error:
        case InputError():
            items = [ProblemItem(field=problem.field, message=said(problem.message)) for problem in error.problems]
            message = error.problems[0].message if len(items) == 1 else error.text
            return _problem(status, said, error, message, items=items)
        case NotAuthorizedError():
            denials = dict.fromkeys(denied.denial for denied in error.denials)
            items = [ProblemItem(message=said(denial.reason), cure=said(denial.cure) or None) for denial in denials]
            return _problem(status, said, error, error.text, items=items)
        case NotReadyError():
            items = [
                ProblemItem(message=said(failure.text), cure=said(failure.cure) or None) for failure in error.errors
            ]
            return _problem(status, said, error, error.text, items=items)
        case ProvisionerError():
            return _problem(status, said, error, error.text)
        case _:
            message = Text("this is a defect of the program: {error}", {"error": type(error).__name__})
            return refused(status, said, message=message, cure=Text("please report it, with the time"))


def _problem(
    status: int, said: Said, error: ProvisionerError, message: Text, *, items: Sequence[ProblemItem] = ()
) -> ProblemAnswer:
    return ProblemAnswer(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=said(message),
        error_class=type(error).__name__,
        cure=said(error.cure) or None,
        items=list(items),
    )
