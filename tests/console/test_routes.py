"""Every route, every role, and nobody: what each gets, generated from the router and counted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import cast

from provisioner import Unit
from provisioner.console.web import make_router
from provisioner.core.governance.access_requests import AccessRequest, RequestState
from provisioner.core.governance.incidents import IncidentState
from provisioner.core.model import Handover, OperationKind, OperationState
from provisioner.testing.clock import FakeClock
from provisioner.testing.faults import Fault
from tests.console_office import ADMINISTRATOR, OFFICER, STRANGER, SUPERVISOR, TEACHER, Office

ROLES = (STRANGER, TEACHER, SUPERVISOR, ADMINISTRATOR, OFFICER)
ALL, READERS = frozenset(ROLES), frozenset({TEACHER, OFFICER, ADMINISTRATOR})

#: Who gets an answer at each route; others are denied. Routes without a session have no entry.
ALLOWED = {
    ("GET", "/"): ALL,
    ("GET", "/accounts/{login:str}"): READERS,
    ("POST", "/accounts/{login:str}/number"): READERS,
    ("GET", "/due"): ALL,
    ("GET", "/live/calendar"): ALL,
    ("GET", "/live/comparison"): ALL,
    ("GET", "/live/lists/{list_id:str}"): ALL,
    ("GET", "/me"): ALL,
    ("GET", "/requests"): ALL,
    ("GET", "/requests/new"): ALL,
    ("POST", "/requests/new"): ALL,
    ("GET", "/requests/{request_id:str}"): ALL,
    ("POST", "/requests/{request_id:str}/approve"): {SUPERVISOR},
    ("POST", "/requests/{request_id:str}/reject"): {SUPERVISOR},
    ("POST", "/requests/{request_id:str}/execute"): {OFFICER, ADMINISTRATOR},
    ("GET", "/operations"): ALL,
    ("POST", "/operations/{operation_id:str}/retry"): {OFFICER, ADMINISTRATOR},
    ("GET", "/held"): ALL,
    ("GET", "/held/{run_id:str}"): {ADMINISTRATOR},
    ("POST", "/held/{run_id:str}/discard"): {ADMINISTRATOR},
    ("GET", "/accounts/{login:str}/handover"): {SUPERVISOR, OFFICER, ADMINISTRATOR},
    ("POST", "/accounts/{login:str}/handover"): {ADMINISTRATOR},
    ("GET", "/handovers"): ALL,
    ("GET", "/handovers/{operation_id:str}"): READERS | {SUPERVISOR},
    ("GET", "/handovers/{operation_id:str}/pdf"): READERS | {SUPERVISOR},
    ("GET", "/clearance"): ALL,
    ("GET", "/incidents"): ALL,
    ("GET", "/incidents/new"): ALL,
    ("POST", "/incidents/new"): ALL,
    ("GET", "/incidents/{incident_id:str}"): ALL,
    ("POST", "/incidents/{incident_id:str}/escalate"): {TEACHER, OFFICER, ADMINISTRATOR},
    ("POST", "/incidents/{incident_id:str}/resolve"): {TEACHER, OFFICER, ADMINISTRATOR},
    ("GET", "/lists"): ALL,
    ("POST", "/lists"): {OFFICER, ADMINISTRATOR},
    ("GET", "/lists/{list_id:str}"): {ADMINISTRATOR},
    ("POST", "/lists/{list_id:str}/apply"): {ADMINISTRATOR},
    ("POST", "/lists/{list_id:str}/retry"): {ADMINISTRATOR},
    ("POST", "/lists/{list_id:str}/discard"): {ADMINISTRATOR},
    ("GET", "/ages"): ALL,
    ("GET", "/calendar"): ALL,
    ("GET", "/comparison"): ALL,
    ("POST", "/comparison"): {ADMINISTRATOR},
    ("GET", "/comparison/repair"): {ADMINISTRATOR},
    ("POST", "/comparison/repair"): {ADMINISTRATOR},
    ("GET", "/systems"): ALL,
    ("POST", "/systems/{name:str}/maintenance"): {ADMINISTRATOR},
    ("POST", "/systems/{name:str}/service"): {ADMINISTRATOR},
    ("POST", "/systems/{name:str}/resume"): {ADMINISTRATOR},
    ("GET", "/accounts/{login:str}/close"): READERS,
    ("POST", "/accounts/{login:str}/close"): {OFFICER, ADMINISTRATOR},
    ("POST", "/held/{run_id:str}/release"): {ADMINISTRATOR},
    ("POST", "/logout"): ALL,
}
PUBLIC = {("GET", "/login"), ("POST", "/login"), ("POST", "/language"), ("GET", "/static/{version:str}/{name:str}")}

#: What people and an OpenID provider use if they log in there.
AT_PROVIDER = {
    ("GET", "/logged-out"),
    ("GET", "/oidc/callback"),
    ("GET", "/oidc/confirm"),
    ("POST", "/oidc/backchannel-logout"),
}

#: Where those who may not read something are told that it is unknown.
SAYS_UNKNOWN = {
    ("GET", "/held/{run_id:str}"),
    ("GET", "/lists/{list_id:str}"),
    ("POST", "/lists/{list_id:str}/apply"),
    ("POST", "/lists/{list_id:str}/retry"),
    ("POST", "/lists/{list_id:str}/discard"),
}

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


def incomplete_operation(office: Office) -> str:
    """Return the id of an operation on the account of the teacher that has not ended."""
    harness = office.harness
    found = list(harness.store.operations.find(login="okul46", state=OperationState.INCOMPLETE))
    if not found:
        office.faults.on("account_update", Fault.CANNOT_CONNECT)
        found = harness.update(["okul46"])
        office.faults.clear()
        cast("FakeClock", harness.clock).advance(timedelta(minutes=5))  # until the circuit is closed
    return found[0].id


def incident(office: Office) -> str:
    """Return the id of an open incident that the unit of the teacher handles."""
    service = office.harness.app.incidents
    known = service.readable(viewer=TEACHER, state=IncidentState.OPEN, limit=100)
    here = [one.incident for one in known if (one.incident.unit, one.incident.reporter) == ("okul", TEACHER)]
    return here[0].id if here else service.report("okul46", f"giremiyorum ({len(known)})", actor=TEACHER).id


def handed_over(office: Office) -> Handover:
    """Return a handover from the teacher to the supervisor, of an account that nobody logs in with."""
    if not (found := office.harness.app.handovers.readable(viewer=SUPERVISOR, limit=1)):
        unit = Unit(code="yeni", name="Yeni Okul", kind="school", parent="ilce", login="yeni46", custodian=TEACHER)
        office.harness.know(units=[unit])
        office.harness.open(["yeni"])
        office.harness.hand_over("yeni46", to=SUPERVISOR)
        found = office.harness.app.handovers.readable(viewer=SUPERVISOR, limit=1)
    return found[0].handover


def held_run(office: Office) -> str:
    """Return the id of a run that is held."""
    if not (waiting := office.harness.app.held_runs.waiting(viewer=ADMINISTRATOR)):
        office.harness.close_accounts(["il46", "ilce46", "baska46"])
        waiting = office.harness.app.held_runs.waiting(viewer=ADMINISTRATOR)
    return waiting[0].run.id


#: A list that an officer of the district may apply.
LIST = f"code,name,kind,parent,login,custodian\nek,Ek Okul,school,ilce,ek46,{TEACHER}\n".encode()


def uploaded_list(office: Office, last: str) -> str:
    """Return the id of a list that the administrator has uploaded; applied, if something of it can be tried again."""
    browser = office.logged_in(ADMINISTRATOR)
    name = f"Ek Okul {len(office.kinds())}"  # something is left to do each time
    address = browser.upload(LIST.replace(b"Ek Okul", name.encode())).headers["location"]
    if last == "retry":
        browser.post(f"{address}/apply", {"digest": digest(office, address)})
    return str(address).rpartition("/")[2]


def digest(office: Office, address: str) -> str:
    """Return what the form of a list has to contain."""
    page = office.logged_in(ADMINISTRATOR).get("/".join(address.split("/")[:3])) if "/lists/" in address else None
    found = re.search(r'name="digest" value="([^"]*)"', page.text) if page else None
    return found[1] if found else ""


def comparison(office: Office) -> str:
    """Return what the form of a repair has to contain, when the comparison of the administrator has ended."""
    begun = office.console.comparisons.of(ADMINISTRATOR)
    if begun is None:
        return ""
    begun.under_way.result()
    return begun.began_at.isoformat()


def address_of(office: Office, path: str) -> str:
    """Return an address of a route, and make what it is about."""
    last = path.rpartition("/")[2]
    makers: Mapping[str, Callable[[], str]] = {
        "{login:str}": lambda: handed_over(office).login if last == "handover" else "okul46",
        "{request_id:str}": lambda: request_in(office, *NEEDED.get(last, OTHERWISE)).id,
        "{operation_id:str}": lambda: (
            handed_over(office).operation_id if "handovers" in path else incomplete_operation(office)
        ),
        "{incident_id:str}": lambda: incident(office),
        "{run_id:str}": lambda: held_run(office),
        "{name:str}": lambda: "sms",
        "{list_id:str}": lambda: uploaded_list(office, last),
    }
    return "/".join(makers[part]() if part in makers else part for part in path.split("/"))


def test_no_route_is_forgotten() -> None:
    found = set(routes())

    assert found == ALLOWED.keys() | PUBLIC | AT_PROVIDER
    assert len(found) == 60


def test_every_route_answers_only_those_who_may(office: Office) -> None:
    """The count is the number of answers that were compared: each route with each role."""
    browsers = {role: office.logged_in(role) for role in ROLES}
    compared = 0
    for (method, path), allowed in ALLOWED.items():
        if path == "/logout":
            continue
        for role in sorted(ROLES, key=allowed.__contains__):  # those who may change it find it unchanged by others
            address = address_of(office, path)
            form = {
                "login": "okul46",
                "kind": "rotate",
                "reason": "deneme",
                "to": "",
                "successor": TEACHER,
                "text": "posta açılmıyor",
                "password": office.password(role),
                "digest": digest(office, address),
                "until": "2999-01-01T18:00",
                "comparison": comparison(office) if path == "/comparison/repair" else "",
            }
            if (method, path) == ("POST", "/lists"):
                answer = browsers[role].upload(LIST)
            else:
                answer = browsers[role].get(address) if method == "GET" else browsers[role].post(address, form)
            denied = {422} if (method, path) in SAYS_UNKNOWN else {403}
            expected = {200, 303} if role in allowed else denied
            assert answer.status_code in expected, (method, path, role, answer.status_code, answer.text)
            compared += 1

    assert compared == (len(ALLOWED) - 1) * len(ROLES) == 255


def test_nobody_gets_anything_without_a_session(office: Office) -> None:
    for method, path in ALLOWED:
        address = re.sub(r"\{\w+:str\}", "okul46", path)
        answer = office.browser().get(address) if method == "GET" else office.browser().post(address)

        assert answer.status_code == (303 if method == "GET" else 403), path
        assert method == "POST" or answer.headers["location"].startswith("/login")
        assert "Ayşe" not in answer.text
