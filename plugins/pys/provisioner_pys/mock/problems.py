"""What the service answers when it does not do what it was asked (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

from provisioner_pys.mock.documents import ProblemDocument

#: The stable codes, with the status of each.
CODES = MappingProxyType(
    {
        "request_invalid": HTTPStatus.BAD_REQUEST,
        "body_invalid": HTTPStatus.BAD_REQUEST,
        "unauthenticated": HTTPStatus.UNAUTHORIZED,
        "forbidden": HTTPStatus.FORBIDDEN,
        "route_missing": HTTPStatus.NOT_FOUND,
        "person_missing": HTTPStatus.NOT_FOUND,
        "unit_missing": HTTPStatus.NOT_FOUND,
        "account_missing": HTTPStatus.NOT_FOUND,
        "method_unknown": HTTPStatus.METHOD_NOT_ALLOWED,
        "undo_gone": HTTPStatus.CONFLICT,
        "length_required": HTTPStatus.LENGTH_REQUIRED,
        "body_too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "refused": HTTPStatus.UNPROCESSABLE_ENTITY,
        "password_refused": HTTPStatus.UNPROCESSABLE_ENTITY,
        "throttled": HTTPStatus.TOO_MANY_REQUESTS,
        "internal": HTTPStatus.INTERNAL_SERVER_ERROR,
    }
)


class MockProblem(Exception):  # noqa: N818 - the RFC's own word
    """A request was not carried out.

    Args:

        code: One of :data:`CODES`.

        detail: Why, in a sentence that quotes nothing of the request's body.

        headers: What the answer's head must say besides.
    """

    def __init__(self, code: str, detail: str, *, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.headers = headers

    @property
    def status(self) -> HTTPStatus:
        """The status that goes with the code."""
        return CODES[self.code]

    def document(self) -> ProblemDocument:
        """Return it as it is sent."""
        return ProblemDocument(
            type="about:blank", title=self.status.phrase, status=self.status, detail=self.detail, code=self.code
        )
