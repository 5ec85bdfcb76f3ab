"""What stands before the pages: connections, forms of others, sessions, headers, and text that is no markup."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import cast

import attrs
import pytest

from provisioner import Person, Unit
from provisioner.console.sessions import OneAtATime
from provisioner.core.api.errors import StoreError
from provisioner.core.governance.log_ins import LoggedIn
from provisioner.core.model.log_ins import LogInWay
from provisioner.services.persons import Persons
from provisioner.testing.clock import FakeClock
from tests.console_office import ADMINISTRATOR, LOGINS, OFFICER, PERSONS, TEACHER, UNITS, Browser, Office

MARKUP = "\"><img src=x onerror=alert(1)>'</title><script>alert(1)</script>"

HEADERS = {
    "content-security-policy",
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "cross-origin-embedder-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "permissions-policy",
}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("GET", "/accounts/nobody", 422), ("POST", "/logout", 403), ("GET", "/due", 200)],
)
def test_the_loop_waits_for_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch, method: str, path: str, status: int
) -> None:
    """The names of the personnel system and the time of the store can take seconds, and nobody else got an answer."""
    browser, names, now = office.logged_in(OFFICER), Persons.names, office.console.sessions._now
    threads: list[threading.Thread] = []

    def slow(self: Persons, ids: Iterable[str | None]) -> Mapping[str, str]:
        threads.append(threading.current_thread())
        return names(self, ids)

    def slow_now() -> datetime:
        threads.append(threading.current_thread())
        return now()

    monkeypatch.setattr(Persons, "names", slow)
    monkeypatch.setattr(office.console.sessions, "_now", slow_now)

    answer = browser.send(method, path, data={"everywhere": "1"} if method == "POST" else None)
    assert (answer.status_code, "Gül Öz" in answer.text) == (status, True)
    assert threads
    assert threading.main_thread() not in threads


def test_a_person_with_two_browsers_clicks_once_at_a_time(office: Office) -> None:
    """Both would begin to apply the same list."""
    sessions, at = office.console.sessions, office.harness.clock()
    found = []
    for person in (OFFICER, TEACHER, OFFICER):
        log_in = LoggedIn(at=at, actor=person, login=LOGINS[person], way=LogInWay.PASSWORD, address="10.0.0.1")
        session = sessions.find(sessions.begin(log_in))
        assert session
        found.append(session.one_at_a_time)

    assert found[0] is found[2]
    assert found[0] is not found[1]


def test_impatient_clicks_do_not_hold_all_threads(office: Office) -> None:
    browser = office.logged_in(OFFICER)
    [session] = office.console.sessions._sessions.values()
    session.one_at_a_time = OneAtATime(room=1)
    with session.one_at_a_time:
        page = browser.get("/calendar")
        assert (page.status_code, "your last click is still being worked on" in page.text) == (409, True)

    assert browser.get("/calendar").status_code == 200


def test_every_answer_has_the_headers(office: Office) -> None:
    """Answers of the router itself would go out without them."""
    for browser in (office.browser(), office.logged_in(TEACHER)):
        for path in ("/login", "/", "/nothing", "/accounts/nobody", "/static/0/console.css"):
            answer = browser.get(path)

            assert set(answer.headers) >= HEADERS, path
            assert "unsafe" not in answer.headers["content-security-policy"]
            assert "script-src" not in answer.headers["content-security-policy"]
    assert office.browser().get("/login").headers["cache-control"] == "no-store"


def test_a_form_of_another_site_changes_nothing(office: Office) -> None:
    browser = office.logged_in(TEACHER)
    for headers in (
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
        {"sec-fetch-site": "", "origin": "http://127.0.0.1:8460.elsewhere.example"},
    ):
        assert browser.post("/logout", headers=headers).status_code == 403, headers
    assert browser.get("/me").status_code == 200


def test_a_form_without_a_sign_of_its_origin_changes_nothing(office: Office) -> None:
    browser = office.logged_in(TEACHER)

    assert browser.send("POST", "/logout", data={"csrf": browser.csrf()}).status_code == 403


def test_a_form_of_another_session_changes_nothing(office: Office) -> None:
    browser, other = office.logged_in(TEACHER), office.logged_in(OFFICER)

    for given in ("", "wrong", "\u0131", other.csrf()):
        answer = browser.post("/logout", {"csrf": given})
        assert answer.status_code == 403
    assert browser.get("/me").status_code == 200


def test_the_form_of_the_log_in_belongs_to_one_browser(office: Office) -> None:
    """Otherwise another site could log a person in as somebody else."""
    token = office.browser().csrf()

    answer = office.browser().post("/login", {"login": "okul46", "password": "x", "csrf": token})

    assert answer.status_code == 403


def test_a_session_that_was_planted_is_not_adopted(office: Office) -> None:
    """Session fixation: a person who knows the token before would share the session."""
    browser = office.browser()
    browser.cookies.set("provisioner-session", "planted", domain="127.0.0.1")
    browser.log_in("okul46", office.password(TEACHER))

    assert "planted" not in [cookie.value for cookie in browser.cookies.jar]
    thief = office.browser()
    thief.cookies.set("provisioner-session", "planted", domain="127.0.0.1")
    assert thief.get("/me").status_code == 303


def test_a_log_in_ends_the_session_before(office: Office) -> None:
    browser = office.logged_in(TEACHER)
    [before] = [cookie.value for cookie in browser.cookies.jar if cookie.name == "provisioner-session"]
    browser.post("/login", {"login": "bilgi46", "password": office.password(OFFICER)})

    assert office.console.sessions.find(str(before)) is None
    assert "Gül Öz" in browser.get("/me").text


def test_a_session_ends_when_it_is_not_used_and_in_the_end(office: Office) -> None:
    clock = cast("FakeClock", office.harness.clock)
    idle, used = office.logged_in(TEACHER), office.logged_in(OFFICER)
    for _ in range(31):
        assert used.get("/me").status_code == 200
        clock.advance(timedelta(minutes=19))
    clock.advance(timedelta(minutes=5))

    assert idle.get("/me").status_code == 303
    for _ in range(2):
        used.get("/me")
        clock.advance(timedelta(minutes=10))
    assert used.get("/me").status_code == 303


def _close(office: Office) -> None:
    office.harness.close_accounts(["okul46"])


def _rotate(office: Office) -> None:
    office.harness.rotate(["okul46"])


@pytest.mark.parametrize("change", [_close, _rotate])
def test_a_session_ends_with_the_account_and_with_its_password(
    office: Office, change: Callable[[Office], None]
) -> None:
    """Somebody who stole the password would stay logged in after it was changed because of that."""
    browser = office.logged_in(TEACHER)
    token = browser.csrf()
    cast("FakeClock", office.harness.clock).advance(timedelta(minutes=1))
    change(office)
    form = {"csrf": token, "login": "okul46", "kind": "rotate", "reason": "x", "to": ""}

    sent = browser.send("POST", "/requests/new", headers={"sec-fetch-site": "same-origin"}, data=form)
    assert (sent.status_code, sent.headers["location"]) == (303, "/login")
    assert browser.get("/login").status_code == 200
    assert browser.get("/me").status_code == 303
    assert not list(office.harness.app.access_requests.listed(viewer=ADMINISTRATOR))


def test_a_store_that_fails_is_told_on_a_page(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page that tells it would read the name of the person and fail too."""
    browser = office.logged_in(TEACHER)

    def fail(*_: object) -> None:
        raise StoreError("the store is locked")

    store = office.harness.store
    for part in (store.persons, store.accounts):
        with monkeypatch.context() as broken:
            broken.setattr(part, "get_many", fail)
            answer = browser.get("/due")

        assert answer.status_code == 503
        assert set(answer.headers) >= HEADERS
        assert "the store is locked" in answer.text
    assert browser.get("/me").status_code == 200


def test_log_out_everywhere_ends_all_sessions_of_the_person_and_no_other(office: Office) -> None:
    one, other, stays = office.logged_in(TEACHER), office.logged_in(TEACHER), office.logged_in(OFFICER)

    answer = one.post("/logout", {"everywhere": "1"})

    assert answer.status_code == 200
    assert [browser.get("/me").status_code for browser in (one, other, stays)] == [303, 303, 200]
    assert office.kinds()[-1] == "logged_out"


def test_a_log_in_leads_to_no_other_site(office: Office) -> None:
    """Open redirect, and headers that an address would add."""
    browser, password = office.browser(), office.password(TEACHER)
    for target in (
        "https://elsewhere.example/",
        "//elsewhere.example/",
        "/\\elsewhere.example",
        "\\\\elsewhere.example",
        "/\t/elsewhere.example",
        "javascript:alert(1)",
        "/due\r\nset-cookie: a=b",
        "",
    ):
        answer = browser.post("/login", {"login": "okul46", "password": password, "next": target})
        assert answer.headers["location"] == "/", target
        language = browser.post("/language", {"language": "en", "next": target})
        assert language.headers["location"] == "/", target
    assert "a" not in browser.cookies


def test_a_log_in_leads_back_to_the_page_that_was_wanted(office: Office) -> None:
    browser = office.browser()
    location = browser.get("/?q=ay%C5%9Fe").headers["location"]

    assert location == "/login?next=%2F%3Fq%3Day%25C5%259Fe"
    form = {"login": "okul46", "password": office.password(TEACHER), "next": "/?q=ay%C5%9Fe"}
    assert browser.post("/login", form).headers["location"] == "/?q=ay%C5%9Fe"


def test_a_form_that_is_none_is_refused(office: Office) -> None:
    for headers, content, status in (
        ({"content-type": "text/plain"}, b"csrf=1", 415),
        ({"content-type": "multipart/form-data; boundary=x"}, b"--x--", 415),
        ({}, b"a=" + b"x" * 70_000, 413),
        ({}, b"a=%ff", 400),
        ({}, b"a=1&a=2", 400),
        ({}, b"&".join(b"a%d=1" % number for number in range(60)), 400),
    ):
        given = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin", **headers}
        answer = office.browser().send("POST", "/login", headers=given, content=content)
        assert (answer.status_code, answer.text.count('role="alert"')) == (status, 1), "an empty page says nothing"


def test_another_host_is_refused(office: Office) -> None:
    """A name that another site lets point to this machine."""
    answer = office.browser().get("/login", headers={"host": "elsewhere.example"})

    assert (answer.status_code, answer.text) == (421, "the console does not serve this host name\n")


def test_an_address_that_cannot_be_read_is_refused(office: Office) -> None:
    answer = office.browser().get("/login?a=%ff")

    assert (answer.status_code, answer.text) == (400, "the request can't be read\n")


def test_head_answers_like_get_without_a_body(office: Office) -> None:
    """It was a method that no page knows, and checks of the site from outside failed."""
    browser = office.logged_in(TEACHER)
    for path in ("/", "/accounts/okul46", "/nothing"):
        head, page = browser.send("HEAD", path), browser.get(path)

        assert (head.status_code, head.content) == (page.status_code, b"")
        assert head.headers.keys() == page.headers.keys()
    assert office.browser().send("HEAD", "/due").headers["location"] == "/login?next=%2Fdue"


def test_connections_past_the_proxy_are_refused(at_proxy: Callable[..., Office]) -> None:
    office = at_proxy(url="https://konsol.example", proxies=("10.0.0.0/24",))
    near, far = office.browser(), office.browser()
    near.peer, near.headers = "10.0.0.7", {"host": "konsol.example"}
    far.peer, far.headers = "10.0.1.7", {"host": "konsol.example"}

    assert far.get("/login").status_code == 403
    answer = near.get("/login")
    assert answer.status_code == 200
    assert "max-age" in answer.headers["strict-transport-security"]
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-provisioner-before=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))


def _marked_units() -> list[Unit]:
    return [attrs.evolve(unit, name=f"{unit.name} {MARKUP}", kind=MARKUP) for unit in UNITS]


def _marked_persons() -> list[Person]:
    return [
        attrs.evolve(person, name=f"{person.name} {MARKUP}", title=MARKUP, mobile=person.mobile) for person in PERSONS
    ]


def test_no_field_of_a_unit_or_a_person_becomes_markup(office: Office) -> None:
    office.harness.know(units=_marked_units(), persons=_marked_persons())
    browser = office.logged_in(ADMINISTRATOR)
    browser.post("/requests/new", {"login": "okul46", "kind": "rotate", "reason": MARKUP, "to": ""})
    [request] = office.harness.app.access_requests.listed(viewer=ADMINISTRATOR)
    paths = ["/?q=46", f"/?q={'%3Cscript%3E'}", "/accounts/okul46", "/due", "/requests", f"/requests/{request.id}"]
    incident = browser.post("/incidents/new", {"login": "okul46", "text": MARKUP}).headers["location"]
    paths += [incident, "/incidents", "/handovers", f"/clearance?person={TEACHER}", "/clearance?person=%3Cscript%3E"]
    paths += [f"/accounts/okul46/handover?to={OFFICER}", "/accounts/okul46/handover?q=%3Cscript%3E"]
    paths += ["/accounts/okul46/handover?to=%22%3E%3Cscript%3E", "/incidents/new?login=%22%3E%3Cscript%3E"]
    paths += ["/requests/new?login=%22%3E%3Cscript%3E", "/me", "/nothing/%3Cscript%3E", "/accounts/%3Cscript%3E"]

    for path in paths:
        text = browser.get(path).text
        assert "<script" not in text, path
        assert "<img" not in text, path
    assert "&lt;script&gt;" in browser.get("/accounts/okul46").text


def test_a_password_is_in_no_page_and_no_address(office: Office) -> None:
    browser = Browser(office.web)
    answer = browser.log_in("okul46", "wrong-Password-7")

    assert answer.status_code == 403
    assert "wrong-Password-7" not in answer.text
    assert all("wrong-Password-7" not in entry.body for entry in office.harness.store.audit_log.entries())
