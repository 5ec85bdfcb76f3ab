"""From a request to an answer, without a socket: routes, authenticates, reads the body, and misbehaves when told to."""

from __future__ import annotations

import hmac
import json
import math
from collections.abc import Callable, Mapping
from enum import Enum, auto
from http import HTTPStatus
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

import attrs
import structlog

from provisioner.core.api.errors import raised_at
from provisioner.core.model.secret import Secret
from provisioner_pys.mock.documents import read_document
from provisioner_pys.mock.faults import PysFault, PysFaultOrder, PysFaultOrders
from provisioner_pys.mock.problems import MockProblem
from provisioner_pys.mock.routes import ENDPOINTS, ROUTES, Route
from provisioner_pys.mock.service import MockService

log = structlog.stdlib.get_logger(__name__)


class Delivery(Enum):
    """What becomes of an answer on its way."""

    WHOLE = auto()
    #: The connection is closed in the middle of it.
    CUT = auto()
    #: The connection is closed before it.
    LOST = auto()


@attrs.frozen(kw_only=True)
class MockAnswer:
    """What is sent back."""

    status: HTTPStatus = HTTPStatus.OK
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = attrs.field(factory=dict)
    delivery: Delivery = Delivery.WHOLE


#: What is answered, instead of doing it, to a call that goes wrong before it has begun.
REFUSALS: Mapping[PysFault, tuple[str, str]] = MappingProxyType(
    {
        PysFault.REFUSE: ("refused", "refused, as ordered"),
        PysFault.REFUSE_SECRET: ("password_refused", "the password is refused, as ordered"),
        PysFault.FORBID: ("forbidden", "the key may not do this, as ordered"),
        PysFault.THROTTLE: ("throttled", "throttled, as ordered"),
        PysFault.ERROR_500: ("internal", "failed, as ordered"),
        PysFault.LOSE_REQUEST: ("internal", "lost, as ordered"),
    }
)

DELIVERIES: Mapping[PysFault, Delivery] = MappingProxyType(
    {
        PysFault.LOSE_REQUEST: Delivery.LOST,
        PysFault.APPLY_AND_LOSE_ANSWER: Delivery.LOST,
        PysFault.CUT_ANSWER: Delivery.CUT,
    }
)


@attrs.define(eq=False, kw_only=True)
class Dispatcher:
    """Answers requests; many threads may ask at once.

    Args:

        service: What the requests are about.

        api_key: The key that callers must show.

        pages: What may be read without a key, by path.

        wait: Waits for so many seconds; returns at once, and true, when the server ends.
    """

    service: MockService
    api_key: Secret
    pages: Mapping[str, MockAnswer]
    wait: Callable[[float], bool]
    faults: PysFaultOrders = attrs.field(factory=lambda: PysFaultOrders(ENDPOINTS), init=False)

    def answer(self, method: str, path: str, key: str, body: bytes) -> MockAnswer:
        """MockAnswer one request.

        Args:

            method: Its method.

            path: Its path, percent-encoded and without a query.

            key: The key the caller shows.

            body: Its body.
        """
        if method == "GET" and path in self.pages:
            return self.pages[path]
        try:
            route, parameters = find_route(method, path)
        except MockProblem as problem:
            return problem_answer(problem)
        answer = self._answer(route, parameters, key, body)
        log.info("pys_mock_call", endpoint=route.name, status=int(answer.status), delivery=answer.delivery.name)
        return answer

    def _answer(self, route: Route, parameters: tuple[str, ...], key: str, body: bytes) -> MockAnswer:
        record = unquote(parameters[0]) if parameters else None
        fault = None if route.control else self.faults.called(route.name, record)
        try:
            self._authenticate(key)
            self._misbehave_before(fault)
            answer = json_answer(self._run(route, parameters, body))
        except MockProblem as problem:
            answer = problem_answer(problem)
        except Exception as error:
            log.error("pys_mock_defect", error=type(error).__name__, at=raised_at(error))
            answer = problem_answer(MockProblem("internal", "see the log of the service"))
        return self._misbehave_after(fault, answer)

    def _authenticate(self, key: str) -> None:
        if not hmac.compare_digest(key.encode(), self.api_key.reveal().encode()):
            raise MockProblem(
                "unauthenticated", "the API key is missing or wrong", headers={"WWW-Authenticate": "Bearer"}
            )

    def _run(self, route: Route, parameters: tuple[str, ...], body: bytes) -> object:
        receiver = self.faults if route.control else self.service
        arguments: list[Any] = [unquote(parameter) for parameter in parameters]
        if route.body is not None:
            arguments.append(_read(route.body, body))
        return route.run(receiver, *arguments)

    def _misbehave_before(self, fault: PysFaultOrder | None) -> None:
        if fault is None:
            return
        if fault.do is PysFault.DELAY and self.wait(fault.seconds):
            raise MockProblem("internal", "the service ends")
        if fault.do in REFUSALS:
            throttled = fault.do is PysFault.THROTTLE
            raise MockProblem(
                *REFUSALS[fault.do], headers={"Retry-After": str(math.ceil(fault.seconds))} if throttled else {}
            )

    def _misbehave_after(self, fault: PysFaultOrder | None, answer: MockAnswer) -> MockAnswer:
        if fault is None:
            return answer
        if fault.do is PysFault.ANSWER_LATE:
            self.wait(fault.seconds)
        return attrs.evolve(answer, delivery=DELIVERIES.get(fault.do, Delivery.WHOLE))


def find_route(method: str, path: str) -> tuple[Route, tuple[str, ...]]:
    """Return the endpoint for a request, and the parameters in its path.

    Raises:

        MockProblem: There is no such path, or not with this method.
    """
    matches = [(route, parameters) for route in ROUTES if (parameters := route.match(path)) is not None]
    for route, parameters in matches:
        if route.method == method:
            return route, parameters
    if matches:
        allowed = ", ".join(route.method for route, _ in matches)
        raise MockProblem("method_unknown", f"this path knows {allowed}", headers={"Allow": allowed})
    raise MockProblem("route_missing", "there is no such path")


def json_answer(document: object) -> MockAnswer:
    """Return *document* as a successful answer."""
    return MockAnswer(body=_json(document))


def problem_answer(problem: MockProblem) -> MockAnswer:
    """Return *problem* as an answer."""
    return MockAnswer(
        status=problem.status,
        body=_json(problem.document()),
        content_type="application/problem+json",
        headers=problem.headers,
    )


def _read(cls: type, body: bytes) -> object:
    try:
        value = json.loads(body)
    except ValueError:
        raise MockProblem("body_invalid", "the body is not JSON") from None
    document = read_document(cls, value)
    if isinstance(document, list):
        raise MockProblem("body_invalid", f"missing, unknown or of the wrong type: {', '.join(document)}")
    return document


def _json(document: object) -> bytes:
    plain = attrs.asdict(document) if attrs.has(type(document)) else document  # type: ignore[arg-type]
    return json.dumps(plain, ensure_ascii=False).encode()
