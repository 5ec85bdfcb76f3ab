"""What the pages say and do, beside who may open them."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from provisioner.console.visit import Visit
from provisioner.core.engine.plan import Initiator
from provisioner.core.model import AccountState, MessageState
from provisioner.core.model.log_ins import LogInWay
from provisioner.testing.faults import Fault
from tests.console_office import ADMINISTRATOR, OFFICER, SUPERVISOR, TEACHER, Browser, Office


def test_a_number_is_masked_until_somebody_asks_for_it(office: Office) -> None:
    browser = office.logged_in(OFFICER)
    page = browser.get("/accounts/okul46").text

    assert "5321234567" not in page
    assert "*67" in page
    assert "+905321234567" in browser.post("/accounts/okul46/number").text
    assert office.kinds()[-1] == "number_shown"


def test_times_are_in_the_configured_zone_and_the_language_of_the_person(office: Office) -> None:
    browser = office.logged_in(TEACHER)

    assert "5 Jan 2026 09:00" in browser.get("/accounts/okul46").text
    browser.post("/language", {"language": "tr", "next": "/accounts/okul46"})
    page = browser.get("/accounts/okul46").text
    assert '<html lang="tr">' in page
    assert "05.01.2026 09:00" in page
    assert "Parola iletileri" in page


def test_an_error_says_its_class_and_its_cure_in_the_language_of_the_person(office: Office) -> None:
    browser = office.logged_in(SUPERVISOR)
    browser.post("/language", {"language": "tr", "next": "/"})

    answer = browser.get("/accounts/okul46")

    assert answer.status_code == 403
    assert "DeniedError" in answer.text
    assert "Gül Öz" in answer.text
    assert browser.get("/nothing").status_code == 404
    assert "böyle bir sayfa yok" in browser.get("/nothing").text


def test_a_session_ends_with_the_account(office: Office) -> None:
    """A person who has handed the account over must not go on with a session of it."""
    browser = office.logged_in(TEACHER)
    office.harness.close_accounts(["okul46"])

    answer = browser.get("/accounts/okul46")

    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert browser.get("/").status_code == 303


def test_a_form_that_is_sent_twice_makes_one_request(office: Office) -> None:
    """A double click made two, because neither knew of the other."""
    browser = office.logged_in(TEACHER)
    form = {"csrf": browser.csrf(), "login": "okul46", "kind": "rotate", "reason": "unuttum", "to": ""}

    def send(_: int) -> str:
        twin = Browser(office.web, cookies=httpx.Cookies(browser.cookies))
        headers = {"sec-fetch-site": "same-origin"}
        return twin.send("POST", "/requests/new", headers=headers, data=form).headers["location"]

    with ThreadPoolExecutor(4) as pool:
        addresses = set(pool.map(send, range(4)))

    [request] = office.harness.app.access_requests.listed(viewer=ADMINISTRATOR)
    assert addresses == {f"/requests/{request.id}"}


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault.REFUSE, "the account is not closed; the history says why"),
        (Fault.CANNOT_CONNECT, "the account is not closed on every target yet; the rest is tried again by itself"),
    ],
)
def test_an_account_that_is_not_closed_is_not_told_to_be(office: Office, fault: Fault, said: str) -> None:
    """After a refusal, the page said that it was closed where possible and that the rest follows."""
    office.faults.on("account_close", fault)
    browser = office.logged_in(OFFICER)

    browser.post("/accounts/okul46/close", {"reason": "çalındı", "password": office.password(OFFICER)})

    assert office.harness.account("okul46").state is AccountState.OPEN
    assert said in browser.get("/accounts/okul46").text


def test_an_emergency_works_with_a_target_down_and_needs_the_password(office: Office) -> None:
    browser = office.logged_in(OFFICER)
    form = {"reason": "çalındı", "password": "wrong-Password-1"}

    assert browser.post("/accounts/okul46/close", form).status_code == 403
    assert browser.post("/accounts/okul46/close", {**form, "password": ""}).status_code == 403
    assert office.harness.account("okul46").state is AccountState.OPEN
    office.faults.on("account_close", Fault.CANNOT_CONNECT)
    form["password"] = office.password(OFFICER)
    assert browser.post("/accounts/okul46/close", form).status_code == 303
    assert "the rest is tried again by itself" in browser.get("/accounts/okul46").text
    assert "okul46" in browser.get("/operations").text
    office.faults.clear()


def test_an_account_that_is_handed_over_between_two_checks_ends_the_session(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page wanted to name the person, and failed without one."""
    browser = office.logged_in(OFFICER)
    token = browser.csrf()
    office.harness.hand_over("bilgi46", to=SUPERVISOR)
    monkeypatch.setattr(Visit, "has_lost_account", lambda _: False)
    form = {"csrf": token, "reason": "çalındı", "password": office.password(SUPERVISOR)}

    answer = browser.send("POST", "/accounts/okul46/close", headers={"sec-fetch-site": "same-origin"}, data=form)

    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert office.harness.account("okul46").state is AccountState.OPEN


def test_trying_again_is_written_down_with_who_wanted_it(office: Office) -> None:
    """The operation keeps the person who requested it, so nobody could tell later."""
    office.faults.on("account_update", Fault.CANNOT_CONNECT)
    [operation] = office.harness.update(["okul46"])

    office.logged_in(OFFICER).post(f"/operations/{operation.id}/retry")

    [event] = [entry for entry in office.harness.store.audit_log.entries() if entry.kind == "operation_retried"]
    assert (event.actor, event.login) == (OFFICER, "okul46")
    assert operation.id in event.body


def test_a_page_tells_of_no_command(office: Office) -> None:
    app, initiator = office.harness.app, Initiator(actor=ADMINISTRATOR)
    app.runs.start(app.accounts.plan_closing(["il46", "ilce46", "baska46"], initiator)).wait()
    [waiting] = app.held_runs.waiting(viewer=ADMINISTRATOR)
    form = {"reason": "denetlendi", "password": office.password(ADMINISTRATOR)}

    answer = office.logged_in(ADMINISTRATOR).post(f"/held/{waiting.run.id}/release", form)

    assert answer.status_code == 403
    assert "another person has to check it on the page" in answer.text
    assert "provisioner policy" not in answer.text


def test_a_run_is_released_by_another_person_than_the_one_who_started_it(office: Office) -> None:
    app = office.harness.app
    office.harness.close_accounts(["il46", "ilce46", "baska46"])  # as "tester"
    [waiting] = app.held_runs.waiting(viewer=ADMINISTRATOR)
    browser = office.logged_in(ADMINISTRATOR)
    form = {"reason": "denetlendi", "password": office.password(ADMINISTRATOR)}

    assert "3 of 5 accounts" in browser.get(f"/held/{waiting.run.id}").text
    wrong = browser.post(f"/held/{waiting.run.id}/release", {**form, "password": "wrong-Password-1"})
    assert wrong.status_code == 403
    assert browser.post(f"/held/{waiting.run.id}/release", form).status_code == 303
    office.console.background.close()
    assert {office.harness.account(login).state for login in ("il46", "ilce46", "baska46")} == {AccountState.CLOSED}


def test_the_proxy_names_the_person_in_every_request(at_proxy: Callable[..., Office]) -> None:
    office = at_proxy(
        url="https://konsol.example", proxies=("10.0.0.1",), log_in=LogInWay.PROXY, person_header="X-Remote-User"
    )
    browser = office.browser()
    browser.peer, browser.origin = "10.0.0.1", "https://konsol.example"
    browser.headers = {"x-remote-user": OFFICER, "x-forwarded-for": "6.6.6.6, 192.0.2.7, 10.0.0.1"}

    assert browser.get("/login").status_code == 303
    assert "Gül Öz" in browser.get("/me").text
    last = list(office.harness.store.audit_log.entries())[-1]
    assert (last.kind, last.actor, '"address":"192.0.2.7"' in last.body) == ("logged_in", OFFICER, True)
    browser.headers["x-remote-user"] = TEACHER
    assert browser.get("/me").status_code == 303
    browser.headers["x-forwarded-for"] = "192.0.2.7:49152"
    assert browser.get("/login").status_code == 303
    assert '"address":"10.0.0.1"' in list(office.harness.store.audit_log.entries())[-1].body
    browser.headers["x-remote-user"] = "policy:expiry"
    assert browser.get("/login").status_code == 403


def test_passwords_that_did_not_arrive_are_listed(office: Office) -> None:
    """Officers are told by SMS how many there are, and see here which."""
    for login in ("okul46", "baska46"):
        [delivery] = office.harness.store.deliveries.recent(login)
        office.harness.app.deliveries.report(delivery.id, MessageState.REJECTED)

    page = office.logged_in(OFFICER).get("/operations").text

    assert re.findall(r'<a href="/accounts/(\w+)">', page) == ["okul46"]
    assert "Check the number of the receiver" in page
    assert "No message with the last password" in office.logged_in(SUPERVISOR).get("/operations").text


def test_a_request_that_is_approved_already_is_not_called_undecided(office: Office) -> None:
    """The page said that the supervisor decides next, although nothing new was submitted."""
    form = {"login": "okul46", "kind": "rotate", "reason": "unuttum", "to": ""}
    teacher = office.logged_in(TEACHER)
    request = teacher.post("/requests/new", form).headers["location"].rpartition("/")[2]
    assert "the supervisor decides next" in teacher.get(f"/requests/{request}").text
    office.harness.app.access_requests.approve(request, actor=SUPERVISOR)

    teacher.post("/requests/new", form)
    page = teacher.get(f"/requests/{request}").text
    assert "the supervisor decides next" not in page
    assert "the request is approved" in page
