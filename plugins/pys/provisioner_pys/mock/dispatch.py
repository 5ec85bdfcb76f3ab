"""From a request to an answer, without a socket: routes, authenticates, reads the body, and misbehaves when told to."""

from __future__ import annotations

import hmac
import json
import math
from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote

import attrs
import structlog

from provisioner.core.api.errors import raised_at
from provisioner.core.model.secret import Secret
from provisioner.net.http_service import LONGEST_REQUEST, Delivery, HttpAnswer, HttpCall
from provisioner.testing.fault_orders import DELIVERIES, FaultOrders
from provisioner_pys.mock.documents import read_document
from provisioner_pys.mock.faults import PysFault, PysFaultOrder
from provisioner_pys.mock.problems import MockProblem
from provisioner_pys.mock.routes import ENDPOINTS, ROUTES, Route
from provisioner_pys.mock.service import MockService

log = structlog.stdlib.get_logger(__name__)


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

#: What is answered to what is not read as a request.
REJECTIONS: Mapping[HTTPStatus, tuple[str, str]] = MappingProxyType(
    {
        HTTPStatus.BAD_REQUEST: ("request_invalid", "this is not an HTTP request known here"),
        HTTPStatus.LENGTH_REQUIRED: ("length_required", "send Content-Length, and the body in one piece"),
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ("body_too_large", f"a body has {LONGEST_REQUEST} bytes at most"),
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
    pages: Mapping[str, HttpAnswer]
    wait: Callable[[float], bool]
    faults: FaultOrders[PysFaultOrder] = attrs.field(factory=lambda: FaultOrders(ENDPOINTS), init=False)

    def answer(self, call: HttpCall) -> HttpAnswer:
        """Answer one request."""
        if call.method == "GET" and call.path in self.pages:
            return self.pages[call.path]
        try:
            route, parameters = find_route(call.method, call.path)
        except MockProblem as problem:
            return problem_answer(problem)
        answer = self._answer(route, parameters, call)
        log.info("pys_mock_call", endpoint=route.name, status=int(answer.status), delivery=answer.delivery.name)
        return answer

    def _answer(self, route: Route, parameters: tuple[str, ...], call: HttpCall) -> HttpAnswer:
        record = unquote(parameters[0]) if parameters else None
        fault = None if route.control else self.faults.called(route.name, record)
        try:
            self._authenticate(call)
            self._misbehave_before(fault)
            answer = HttpAnswer.of_document(_plain(self._run(route, parameters, call.body)))
        except MockProblem as problem:
            answer = problem_answer(problem)
        except Exception as error:
            log.error("pys_mock_defect", error=type(error).__name__, at=raised_at(error))
            answer = problem_answer(MockProblem("internal", "see the log of the service"))
        return self._misbehave_after(fault, answer)

    def _authenticate(self, call: HttpCall) -> None:
        key = call.bearer or call.headers.get("x-api-key", "")
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

    def _misbehave_after(self, fault: PysFaultOrder | None, answer: HttpAnswer) -> HttpAnswer:
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


def problem_answer(problem: MockProblem) -> HttpAnswer:
    """Return *problem* as an answer."""
    return HttpAnswer.of_document(
        _plain(problem.document()),
        problem.status,
        content_type="application/problem+json",
        headers=problem.headers,
    )


def rejection(status: HTTPStatus) -> HttpAnswer:
    """Return the answer to what is not read as a request."""
    return problem_answer(MockProblem(*REJECTIONS[status]))


def _read(cls: type, body: bytes) -> object:
    try:
        value = json.loads(body)
    except ValueError:
        raise MockProblem("body_invalid", "the body is not JSON") from None
    document = read_document(cls, value)
    if isinstance(document, list):
        raise MockProblem("body_invalid", f"missing, unknown or of the wrong type: {', '.join(document)}")
    return document


def _plain(document: object) -> object:
    return attrs.asdict(document) if attrs.has(type(document)) else document  # type: ignore[arg-type]
