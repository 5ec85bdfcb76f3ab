"""Every route, every role, and nobody: what each gets, generated from the router and counted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import msgspec
import pytest

from provisioner.console.api import shapes
from provisioner.console.api.call import FURTHEST, LARGEST_PAGE
from provisioner.console.api.openapi import document
from provisioner.console.api.problems import ProblemAnswer
from provisioner.console.api.router import make_api
from provisioner.core.api.errors import UnavailableError
from provisioner.core.engine.people import LookUp
from provisioner.core.governance.roles import Role
from provisioner.core.model.tokens import TokenAccess
from provisioner.services import inbox
from provisioner.services.access_requests import AccessRequests
from provisioner.services.recent_people import RecentPeople
from tests.console.api.conftest import Program
from tests.console.test_routes import address_of
from tests.console_office import ADMINISTRATOR, OFFICER, STRANGER, SUPERVISOR, TEACHER, Office

#: A service with the rights of an administrator, and one without roles.
SERVICE, GUEST = "service:personel", "service:guest"

ROLES = (STRANGER, GUEST, TEACHER, SUPERVISOR, SERVICE, ADMINISTRATOR, OFFICER)
ALL, READERS = frozenset(ROLES), frozenset({TEACHER, OFFICER, ADMINISTRATOR, SERVICE})
ADMINISTRATORS = frozenset({ADMINISTRATOR, SERVICE})

#: Who gets an answer at each route; others are denied. A service decides on nothing.
ALLOWED = {
    ("GET", "/token"): ALL,
    ("GET", "/accounts"): ALL,
    ("GET", "/accounts/{login:str}"): READERS,
    ("GET", "/due"): ALL,
    ("GET", "/requests"): ALL,
    ("GET", "/requests/inbox"): ALL,
    ("GET", "/requests/{request_id:str}"): ALL,
    ("POST", "/requests"): ALL - {SERVICE, GUEST},
    ("POST", "/requests/{request_id:str}/approve"): {SUPERVISOR},
    ("POST", "/requests/{request_id:str}/reject"): {SUPERVISOR},
    ("POST", "/requests/{request_id:str}/execute"): {OFFICER, *ADMINISTRATORS},
    ("GET", "/operations"): ALL,
    ("GET", "/operations/{operation_id:str}"): ALL,
    ("POST", "/operations/{operation_id:str}/retry"): {OFFICER, *ADMINISTRATORS},
    ("GET", "/held-runs"): ALL,
    ("POST", "/held-runs/{run_id:str}/discard"): ADMINISTRATORS,
    ("POST", "/accounts/{login:str}/handover"): ADMINISTRATORS,
    ("GET", "/handovers"): ALL,
    ("GET", "/handovers/{operation_id:str}"): {*READERS, SUPERVISOR},
    ("GET", "/clearance/{person_id:str}"): ADMINISTRATORS,
    ("GET", "/incidents"): ALL,
    ("GET", "/incidents/{incident_id:str}"): ALL,
    ("POST", "/incidents"): ALL,
    ("POST", "/incidents/{incident_id:str}/escalate"): {TEACHER, OFFICER, *ADMINISTRATORS},
    ("POST", "/incidents/{incident_id:str}/resolve"): {TEACHER, OFFICER, *ADMINISTRATORS},
    ("POST", "/accounts/{login:str}/close"): {OFFICER, *ADMINISTRATORS},
    ("POST", "/held-runs/{run_id:str}/release"): {ADMINISTRATOR},
}

#: What is sent where a body is needed.
BODIES = {
    "close": {"reason": "deneme"},
    "requests": {"login": "okul46", "kind": "close", "reason": "deneme"},
    "reject": {"reason": "deneme"},
    "discard": {"reason": "deneme"},
    "release": {"reason": "deneme"},
    "handover": {"to": TEACHER, "reason": "deneme"},
    "incidents": {"login": "okul46", "text": "posta açılmıyor"},
    "resolve": {"text": "açıldı"},
}


def routes() -> Iterator[tuple[str, str]]:
    """Yield the method and the path of each route below the API."""
    for route in make_api().routes:
        path = route.path.removeprefix("/api/v1")
        yield from ((method, path) for method in sorted(getattr(route, "methods", ())) if method != "OPTIONS")


def shape_of(method: str, path: str) -> type[shapes.JsonShape]:
    """Return the class of the answers of a route, as its description says."""
    described = document()["paths"]["/api/v1" + re.sub(r":str", "", path)][method.lower()]
    [answer] = [one for status, one in described["responses"].items() if status.startswith("2")]
    name = answer["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    shape: type[shapes.JsonShape] = getattr(shapes, name)
    return shape


def filled(office: Office, path: str) -> str:
    """Return an address of a route, and make what it is about."""
    if path == "/accounts":
        return "/accounts?q=okul46"
    return address_of(office, path.replace("{person_id:str}", TEACHER))


def test_no_route_is_forgotten() -> None:
    found = set(routes())

    assert found == ALLOWED.keys()
    assert len(found) == 27


def test_every_route_answers_only_those_who_may(office: Office, program: Callable[..., Program]) -> None:
    """The count is the number of answers that were compared: each route with each role."""
    office.harness.app.delegation.grant(SERVICE, Role.ADMINISTRATOR, actor=ADMINISTRATOR)
    programs = {role: program(role) for role in ROLES}
    compared = 0
    for (method, path), allowed in ALLOWED.items():
        for role in sorted(ROLES, key=allowed.__contains__):  # those who may change it find it unchanged by others
            address, asks = filled(office, path), programs[role]
            answer = asks.get(address) if method == "GET" else asks.post(address, BODIES.get(path.rpartition("/")[2]))
            place = (method, path, role, answer.status_code, answer.text)
            if role in allowed:
                assert answer.status_code in {200, 201, 202}, place
                msgspec.convert(answer.json(), shape_of(method, path), strict=True)
            else:
                assert answer.status_code in ({404} if "held-runs" in path and role != SERVICE else {403}), place
                assert answer.headers["content-type"] == "application/problem+json"
                msgspec.convert(answer.json(), ProblemAnswer, strict=True)
            compared += 1

    assert compared == len(ALLOWED) * len(ROLES) == 189


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer x", "Basic eDp5", f"Bearer prv_{'0' * 16}_{'A' * 43}"])
def test_nobody_gets_anything_without_a_token(office: Office, token: str) -> None:
    before = len(office.kinds())
    for method, path in ALLOWED:
        address = "/api/v1" + re.sub(r"\{\w+:str\}", "okul46", path)
        answer = office.browser().send(method, address, headers={"authorization": token} if token else {})

        assert answer.status_code in {401, 429}, path
        assert answer.status_code == 429 or answer.headers["www-authenticate"].startswith("Bearer")
        assert "Ayşe" not in answer.text
    assert {*office.kinds()[before:]} <= {"token_refused"}


def test_an_inbox_without_the_personnel_system_is_not_taken_for_an_empty_one(
    office: Office, program: Callable[..., Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    program(TEACHER).post("/requests", {"login": "okul46", "kind": "rotate", "reason": "unutuldu"})
    reader = program(SUPERVISOR)
    whole = reader.get("/requests/inbox").json()
    assert (len(whole["to_decide"]), whole["is_complete"]) == (1, True)

    down = LookUp(persons={}, errors={TEACHER: UnavailableError("down")}, answered=False)
    monkeypatch.setattr(RecentPeople, "look_up", lambda *_: down)

    partial = reader.get("/requests/inbox").json()
    assert (partial["to_decide"], partial["is_complete"]) == ([], False)


def test_the_latest_requests_of_a_person_are_not_taken_for_all(
    office: Office, program: Callable[..., Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = program(TEACHER)
    for kind in ("rotate", "close"):
        reader.post("/requests", {"login": "okul46", "kind": kind, "reason": "unutuldu"})
    whole = reader.get("/requests/inbox").json()
    monkeypatch.setattr(inbox, "_OWN", 1)
    partial = reader.get("/requests/inbox").json()

    assert (len(whole["own"]), whole["own_is_complete"]) == (2, True)
    assert (len(partial["own"]), partial["own_is_complete"]) == (1, False)


def test_a_list_that_is_too_long_does_not_seem_to_end(
    office: Office, program: Callable[..., Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = program(TEACHER)
    reader.post("/requests", {"login": "okul46", "kind": "rotate", "reason": "unutuldu"})
    [request] = office.harness.app.access_requests.listed(viewer=TEACHER)
    monkeypatch.setattr(AccessRequests, "listed", lambda *_, **__: [request] * (FURTHEST + LARGEST_PAGE + 1))

    last = reader.get(f"/requests?limit={LARGEST_PAGE}&offset={FURTHEST}").json()["next"]
    assert last == f"/api/v1/requests?limit={LARGEST_PAGE}&offset={FURTHEST + LARGEST_PAGE}"
    assert reader.get(last.removeprefix("/api/v1")).status_code == 400


def test_a_token_for_reading_changes_nothing(office: Office, program: Callable[..., Program]) -> None:
    reader = program(ADMINISTRATOR, TokenAccess.READ)
    before = len(office.kinds())
    for method, path in ALLOWED:
        if method == "POST":
            answer = reader.post(re.sub(r"\{\w+:str\}", "okul46", path), BODIES.get(path.rpartition("/")[2]))
            assert (answer.status_code, answer.json()["class"]) == (403, "DeniedError"), path

    assert reader.get("/accounts/okul46").status_code == 200
    assert {*office.kinds()[before:]} == {"token_refused"}
