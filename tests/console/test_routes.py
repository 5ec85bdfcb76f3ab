"""Every route, every role, and nobody: what each gets, generated from the router and counted."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.console.web import make_router
from provisioner.core.governance.access_requests import AccessRequest, RequestState
from provisioner.core.model import OperationKind
from tests.console_office import ADMINISTRATOR, OFFICER, STRANGER, SUPERVISOR, TEACHER, Office

ROLES = (STRANGER, TEACHER, SUPERVISOR, ADMINISTRATOR, OFFICER)
ALL, READERS = frozenset(ROLES), frozenset({TEACHER, OFFICER, ADMINISTRATOR})

#: Who gets an answer at each route; others are denied. Routes without a session have no entry.
ALLOWED = {
    ("GET", "/"): ALL,
    ("GET", "/accounts/{login:str}"): READERS,
    ("POST", "/accounts/{login:str}/number"): READERS,
    ("GET", "/due"): ALL,
    ("GET", "/me"): ALL,
    ("GET", "/requests"): ALL,
    ("GET", "/requests/new"): ALL,
    ("POST", "/requests/new"): ALL,
    ("GET", "/requests/{request_id:str}"): ALL,
    ("POST", "/requests/{request_id:str}/approve"): {SUPERVISOR},
    ("POST", "/requests/{request_id:str}/reject"): {SUPERVISOR},
    ("POST", "/requests/{request_id:str}/execute"): {OFFICER, ADMINISTRATOR},
    ("POST", "/logout"): ALL,
}
PUBLIC = {("GET", "/login"), ("POST", "/login"), ("POST", "/language"), ("GET", "/static/{version:str}/{name:str}")}

#: The state that a request must be in before each of these, and its kind: there is one open request of each kind.
NEEDED = {
    "approve": (RequestState.SUBMITTED, OperationKind.CLOSE),
    "reject": (RequestState.SUBMITTED, OperationKind.UPDATE),
    "execute": (RequestState.APPROVED, OperationKind.ROTATE),
}
OTHERWISE = (RequestState.SUBMITTED, OperationKind.ROTATE)


def routes() -> Iterator[tuple[str, str]]:
    """Yield the method and the path of each route."""
    for route in make_router().routes:
        yield from ((method, route.path) for method in sorted(getattr(route, "methods", ())) if method != "OPTIONS")


def request_in(office: Office, state: RequestState, kind: OperationKind) -> AccessRequest:
    """Return a request of the teacher in a state, and make it if there is none."""
    service = office.harness.app.access_requests
    for found in service.listed(viewer=ADMINISTRATOR, state=state):
        if (found.requester, found.kind) == (TEACHER, kind):
            return found
    found = service.submit("okul46", kind, actor=TEACHER, reason="unuttum")
    return found if state is RequestState.SUBMITTED else service.approve(found.id, actor=SUPERVISOR)


def test_no_route_is_forgotten() -> None:
    found = set(routes())

    assert found == ALLOWED.keys() | PUBLIC
    assert len(found) == 17


def test_every_route_answers_only_those_who_may(office: Office) -> None:
    """The count is the number of answers that were compared: each route with each role."""
    browsers = {role: office.logged_in(role) for role in ROLES}
    compared = 0
    for (method, path), allowed in ALLOWED.items():
        if path == "/logout":
            continue
        for role in sorted(ROLES, key=allowed.__contains__):  # those who may change it find it unchanged by others
            needed = NEEDED.get(path.rpartition("/")[2], OTHERWISE)
            request = request_in(office, *needed) if "request_id" in path else None
            address = path.replace("{login:str}", "okul46").replace("{request_id:str}", request.id if request else "")
            form = {"login": "okul46", "kind": "rotate", "reason": "deneme", "to": ""}
            answer = browsers[role].get(address) if method == "GET" else browsers[role].post(address, form)
            expected = {200, 303} if role in allowed else {403}
            assert answer.status_code in expected, (method, path, role, answer.status_code, answer.text)
            compared += 1

    assert compared == (len(ALLOWED) - 1) * len(ROLES) == 60


def test_nobody_gets_anything_without_a_session(office: Office) -> None:
    for method, path in ALLOWED:
        address = path.replace("{login:str}", "okul46").replace("{request_id:str}", "1")
        answer = office.browser().get(address) if method == "GET" else office.browser().post(address)

        assert answer.status_code == (303 if method == "GET" else 403), path
        assert method == "POST" or answer.headers["location"].startswith("/login")
        assert "Ayşe" not in answer.text
