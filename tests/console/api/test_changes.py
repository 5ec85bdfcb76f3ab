"""Changes over the API: each takes effect once, and its answer is the same for the same key."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import pytest

from provisioner.core.api.errors import BusyError, ProvisionerError, StoreError
from provisioner.core.api.events import Event
from provisioner.core.governance.request_service import RequestService
from provisioner.core.governance.roles import Role
from provisioner.store.journal.writer import Writer
from provisioner.testing.faults import Fault
from tests.console.api.conftest import Program
from tests.console.test_routes import held_run
from tests.console_office import ADMINISTRATOR, LOGINS, OFFICER, SUPERVISOR, TEACHER, Office

KEY = "0190c0de-0000-7000-8000-000000000001"


def test_a_request_that_is_sent_twice_changes_once(office: Office, program: Callable[..., Program]) -> None:
    asks = program(TEACHER)
    first = asks.post("/incidents", {"login": "okul46", "text": "giremiyorum"}, key=KEY)
    before = office.kinds()
    again = asks.post("/incidents", {"login": "okul46", "text": "giremiyorum"}, key=KEY)

    assert (again.status_code, again.content, again.headers["location"]) == (
        201,
        first.content,
        first.headers["location"],
    )
    assert office.kinds() == before
    assert asks.get(first.headers["location"].removeprefix("/api/v1")).json() == first.json()


def test_a_key_is_not_used_for_something_else(office: Office, program: Callable[..., Program]) -> None:
    asks = program(TEACHER)
    asks.post("/incidents", {"login": "okul46", "text": "giremiyorum"}, key=KEY)
    before = office.kinds()
    other_body = asks.post("/incidents", {"login": "okul46", "text": "başka"}, key=KEY)
    other_path = asks.post("/accounts/okul46/close", {"reason": "deneme"}, key=KEY)

    assert [(one.status_code, one.json()["items"][0]["field"]) for one in (other_body, other_path)] == [
        (422, "Idempotency-Key"),
        (422, "Idempotency-Key"),
    ]
    assert office.kinds() == before


def test_a_denial_stays_a_denial_for_its_key(office: Office, program: Callable[..., Program]) -> None:
    service = program("service:personel")
    denied = service.post("/accounts/okul46/close", {"reason": "deneme"}, key=KEY)
    office.harness.app.delegation.grant("service:personel", Role.OFFICER, unit="ilce", actor=ADMINISTRATOR)

    assert denied.status_code == 403
    assert service.post("/accounts/okul46/close", {"reason": "deneme"}, key=KEY).content == denied.content
    done = service.post("/accounts/okul46/close", {"reason": "deneme"})
    assert [one["state"] for one in done.json()["operations"]] == ["done"]


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        pytest.param(StoreError("no space is left"), (503, "StoreError"), id="no room in the store"),
        pytest.param(BusyError("okul46 was changed by another process"), (409, "BusyError"), id="another process"),
    ],
)
def test_a_closure_of_which_nothing_was_planned_is_made_later(
    office: Office,
    program: Callable[..., Program],
    monkeypatch: pytest.MonkeyPatch,
    error: ProvisionerError,
    answer: tuple[int, str],
) -> None:
    """The answer was 503 for a day, or 200 with an operation that did not exist."""

    def fail(*_: object) -> None:
        raise error

    asks = program(OFFICER)
    monkeypatch.setattr(Writer, "write", fail)
    refused = asks.post("/accounts/okul46/close", {"reason": "deneme"}, key=KEY)
    monkeypatch.undo()
    done = asks.post("/accounts/okul46/close", {"reason": "deneme"}, key=KEY)

    assert (refused.status_code, refused.json()["class"]) == answer
    assert [one["state"] for one in done.json()["operations"]] == ["done"]


@pytest.mark.parametrize("allowed", [1, 2])
def test_a_closure_that_broke_off_is_not_made_again(
    office: Office, program: Callable[..., Program], monkeypatch: pytest.MonkeyPatch, allowed: int
) -> None:
    real, writes = Writer.write, itertools.count(1)

    def fail(writer: Writer, events: Sequence[Event]) -> None:
        if next(writes) > allowed:
            raise StoreError("no space is left")
        real(writer, events)

    asks = program(OFFICER)
    monkeypatch.setattr(Writer, "write", fail)
    refused = asks.post("/accounts/okul46/close", {"reason": "deneme"}, key=KEY)
    monkeypatch.undo()
    before = office.kinds()
    again = asks.post("/accounts/okul46/close", {"reason": "deneme"}, key=KEY)

    assert (refused.status_code, again.status_code) == (503, 409)
    assert again.json()["class"] == "InterruptedRequestError"
    assert office.kinds() == before


@pytest.mark.parametrize("allowed", [0, 1])
def test_a_continued_request_that_broke_off_is_continued_once(
    office: Office, program: Callable[..., Program], monkeypatch: pytest.MonkeyPatch, allowed: int
) -> None:
    """Its operation is in the journal, so only a thread of the run writes."""
    body = {"login": "okul46", "kind": "rotate", "reason": "unuttum"}
    address = program(TEACHER).post("/requests", body).headers["location"].removeprefix("/api/v1")
    program(SUPERVISOR).post(f"{address}/approve")
    asks = program(OFFICER)
    office.faults.on("account_rotate", Fault.CANNOT_CONNECT)
    assert asks.post(f"{address}/execute").json()["operations"][0]["state"] == "incomplete"
    office.faults.clear()
    real, writes = Writer.write, itertools.count(1)

    def fail(writer: Writer, events: Sequence[Event]) -> None:
        if next(writes) > allowed:
            raise StoreError("no space is left")
        real(writer, events)

    monkeypatch.setattr(Writer, "write", fail)
    refused = asks.post(f"{address}/execute", key=KEY)
    monkeypatch.undo()
    again = asks.post(f"{address}/execute", key=KEY)

    assert (refused.status_code, again.status_code) == (503, 409 if allowed else 200)


def test_what_stays_to_do_is_told(office: Office, program: Callable[..., Program]) -> None:
    office.faults.on("account_close", Fault.CANNOT_CONNECT)
    answer = program(OFFICER).post("/accounts/okul46/close", {"reason": "deneme"})
    [operation] = answer.json()["operations"]

    assert (answer.status_code, operation["state"]) == (200, "incomplete")
    assert operation["error"]["class"] == "UnavailableError"


def test_a_request_goes_from_its_author_to_its_officer(office: Office, program: Callable[..., Program]) -> None:
    body = {"login": "okul46", "kind": "rotate", "reason": "unuttum"}
    made = program(TEACHER).post("/requests", body)
    address = made.headers["location"].removeprefix("/api/v1")
    inbox = program(SUPERVISOR).get("/requests/inbox").json()
    assert ([one["id"] for one in inbox["to_decide"]], inbox["next"]) == ([made.json()["id"]], None)
    assert program(SUPERVISOR).post(f"{address}/approve").json()["state"] == "approved"
    before = office.password(TEACHER)

    run = program(OFFICER).post(f"{address}/execute")
    assert [one["state"] for one in run.json()["operations"]] == ["done"]
    assert office.password(TEACHER) != before
    assert office.password(TEACHER) not in run.text
    assert program(TEACHER).get(address).json()["state"] == "archived"


def test_what_nobody_can_request_is_refused(program: Callable[..., Program]) -> None:
    answer = program(TEACHER).post("/requests", {"login": "okul46", "kind": "delete", "reason": "deneme"})

    assert (answer.status_code, answer.json()["items"][0]["field"]) == (422, "kind")


def test_a_released_run_is_carried_out_after_the_answer(office: Office, program: Callable[..., Program]) -> None:
    run = held_run(office)
    answer = program(ADMINISTRATOR).post(f"/held-runs/{run}/release", {"reason": "denetlendi"})
    office.console.background.close()

    assert (answer.status_code, answer.json()) == (202, {"run": run, "operations": 3})
    states = {
        one.login: str(one.state) for one in office.harness.store.accounts.get_many(["baska46", "ilce46"]).values()
    }
    assert states == {"baska46": "closed", "ilce46": "closed"}


def test_a_page_of_the_inbox_leads_to_the_next(office: Office, program: Callable[..., Program]) -> None:
    """The whole inbox of a province was one answer."""
    made = [
        program(person).post("/requests", {"login": LOGINS[person], "kind": "rotate", "reason": "unuttum"}).json()["id"]
        for person in (TEACHER, OFFICER)
    ]
    asks, address, seen = program(SUPERVISOR), "/requests/inbox?limit=1", []

    for _ in made:
        page = asks.get(address).json()
        seen += [one["id"] for one in page["to_decide"]]
        address = (page["next"] or "").removeprefix("/api/v1")

    assert sorted(seen) == sorted(made)
    assert address == ""


def test_a_request_that_is_done_does_not_stand_for_a_new_one(
    office: Office, program: Callable[..., Program], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that ended before it archived a request left it open, and the next one was lost in it."""

    def fail(*_: object) -> None:
        raise BusyError("the process has ended")

    body = {"login": "okul46", "kind": "rotate", "reason": "unuttum"}
    made = program(TEACHER).post("/requests", body)
    address = made.headers["location"].removeprefix("/api/v1")
    program(SUPERVISOR).post(f"{address}/approve")
    monkeypatch.setattr(RequestService, "archive", fail)
    run = program(OFFICER).post(f"{address}/execute")
    monkeypatch.undo()

    assert [one["state"] for one in run.json()["operations"]] == ["done"]
    again = program(TEACHER).post("/requests", body)
    assert again.json()["state"] == "submitted"
    assert again.json()["id"] != made.json()["id"]
