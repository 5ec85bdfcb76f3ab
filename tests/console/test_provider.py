"""Log-ins at a provider over HTTP: what the console accepts, what ends a session, and what confirms a change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

import attrs
import httpx
import pytest

from provisioner.config.oidc import ClaimMeaning, OidcSettings
from provisioner.config.settings import ConsoleSettings
from provisioner.console.server import make_console
from provisioner.console.single_sign_on import SingleSignOn
from provisioner.console.site import Site
from provisioner.console.web import make_web
from provisioner.core.model import AccountState
from provisioner.core.model.log_ins import LogInWay
from provisioner.net.http_service import HttpAnswer
from provisioner.testing.clock import FakeClock
from tests.console_office import ADMINISTRATOR, OFFICER, STRANGER, SUPERVISOR, TEACHER, Browser, Office
from tests.oidc.issuer import CLIENT_ID, SECRET, Issuer, new_key

CLOSE = "/accounts/okul46/close"

MakeOffice = Callable[..., Office]


@pytest.fixture(name="issuer")
def _issuer(office: Office) -> Iterator[Issuer]:
    issuer = Issuer(office.harness.clock)
    issuer.start()
    yield issuer
    issuer.stop()


@pytest.fixture(name="at_provider")
def _at_provider(office: Office, issuer: Issuer) -> Iterator[MakeOffice]:
    """Return a function that lets people log in to the console at the provider."""
    ways: list[SingleSignOn] = []

    def make(**settings: Any) -> Office:
        app = office.harness.app
        oidc = OidcSettings(issuer=issuer.url, client_id=CLIENT_ID, client_secret=f"plain:{SECRET}", **settings)
        console = attrs.evolve(app.config.content.console, log_in=LogInWay.OIDC, oidc=oidc)
        app.config = attrs.evolve(app.config, content=attrs.evolve(app.config.content, console=console))
        made = make_console(app, Site.on_this_machine(8460))
        assert made.single_sign_on
        ways.append(made.single_sign_on)
        return attrs.evolve(office, console=made, web=make_web(made))

    yield make
    for way in ways:
        way.client.close()


def leave(browser: Browser, path: str = "/login") -> str:
    """Return where a browser is sent."""
    answer = browser.get(path)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def come_back(browser: Browser, issuer: Issuer, subject: str, path: str = "/login", **claims: Any) -> httpx.Response:
    return browser.get(f"/oidc/callback?{issuer.log_in(leave(browser, path), subject, **claims)}")


def entered(office: Office, issuer: Issuer, subject: str) -> Browser:
    browser = office.browser()
    assert come_back(browser, issuer, subject).headers["location"] == "/"
    return browser


def send_logout(office: Office, token: str) -> httpx.Response:
    """Send a logout token as the provider does: without cookies, and from nowhere."""
    return Browser(office.web).send("POST", "/oidc/backchannel-logout", data={"logout_token": token})


def test_a_person_logs_in_and_nothing_of_it_is_kept(at_provider: MakeOffice, issuer: Issuer) -> None:
    office = at_provider()
    browser = office.browser()
    location = leave(browser, "/login?next=/due")
    asked = dict(parse_qsl(urlsplit(location).query))
    answer = browser.get(f"/oidc/callback?{issuer.log_in(location, OFFICER)}")

    assert location.startswith(f"{issuer.url}/authorize?realm=staff&response_type=code")
    assert asked["redirect_uri"] == "http://127.0.0.1:8460/oidc/callback"
    assert (asked["scope"], asked["code_challenge_method"]) == ("openid", "S256")
    assert asked.keys().isdisjoint({"prompt", "max_age"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/due")
    assert "Gül Öz" in browser.get("/me").text
    [form] = issuer.forms
    bodies = [entry.body for entry in office.harness.store.audit_log.entries()]
    secrets = [form["code"], form["code_verifier"], asked["nonce"], asked["state"], SECRET]
    held = [*bodies, *answer.headers.values(), *(str(cookie.value) for cookie in browser.cookies.jar)]
    assert not [one for one in secrets for text in held if one in text]
    assert (office.kinds()[-1], '"way":"oidc"' in bodies[-1]) == ("logged_in", True)


def test_a_provider_that_wants_the_secret_in_the_form_gets_it_there(at_provider: MakeOffice, issuer: Issuer) -> None:
    issuer.metadata["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    office = at_provider()

    entered(office, issuer, OFFICER)

    assert issuer.forms[0]["client_secret"] == SECRET


def test_a_claim_can_be_the_login_of_an_account(at_provider: MakeOffice, issuer: Issuer) -> None:
    office = at_provider(person_claim="preferred_username", claim_meaning=ClaimMeaning.LOGIN)
    browser = office.browser()

    answer = come_back(browser, issuer, "u-17", preferred_username="Okul46@meb.gov.tr")
    assert (answer.status_code, "Ayşe Işık" in browser.get("/me").text) == (303, True)
    office.harness.hand_over("okul46", to=SUPERVISOR)
    assert browser.get("/me").headers["location"] == "/login"
    for name in ("kimse46", "okul46@elsewhere.example", "", None, ["okul46"]):
        assert come_back(office.browser(), issuer, "u-17", preferred_username=name).status_code == 403
    assert office.kinds()[-1] == "log_in_denied"


def test_a_claim_that_names_no_person_lets_nobody_in(at_provider: MakeOffice, issuer: Issuer) -> None:
    office = at_provider(person_claim="number")
    for named in ("policy:expiry", "service:stok", "", "a\nb"):
        answer = come_back(office.browser(), issuer, "u-17", number=named)

        assert (answer.status_code, "know the person whom" in answer.text) == (403, True), named


def test_a_token_that_fails_a_check_lets_nobody_in(at_provider: MakeOffice, issuer: Issuer) -> None:
    office = at_provider()
    for wrong in (
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another"},
        {"iss": "https://other.example"},
        {"exp": 1},
        {"at_hash": "x"},
        {"sub": None},
    ):
        issuer.claims = {}
        browser = office.browser()
        answer = come_back(browser, issuer, OFFICER, **wrong)

        assert (answer.status_code, answer.text.count('role="alert"')) == (403, 1), wrong
        assert browser.get("/me").status_code == 303
    bodies = [entry.body for entry in office.harness.store.audit_log.entries() if entry.kind == "log_in_denied"]
    assert (len(bodies), '"reason":"answer"' in bodies[0]) == (1, True), "a stranger could fill the audit log"


def test_a_log_in_ends_only_in_the_browser_in_which_it_began(at_provider: MakeOffice, issuer: Issuer) -> None:
    """Somebody else's log-in could be planted in a browser, whose person would then work as somebody else."""
    office = at_provider()
    browser, other = office.browser(), office.browser()
    query = issuer.log_in(leave(browser), OFFICER)
    leave(other)

    for stranger in (other, office.browser()):
        answer = stranger.get(f"/oidc/callback?{query}")
        assert (answer.status_code, "did not begin in this browser" in answer.text) == (403, True)
    assert browser.get(f"/oidc/callback?{query.replace('state=', 'state=x')}").status_code == 403
    assert not issuer.forms
    assert browser.get(f"/oidc/callback?{query}").status_code == 303
    assert browser.get(f"/oidc/callback?{query}").status_code == 403


def test_two_tabs_can_log_in_one_after_the_other(at_provider: MakeOffice, issuer: Issuer) -> None:
    """The second one made the first one forget what it had sent."""
    browser = at_provider().browser()
    first, second = (leave(browser, f"/login?next={path}") for path in ("/due", "/me"))

    for location, path in ((first, "/due"), (second, "/me")):
        answer = browser.get(f"/oidc/callback?{issuer.log_in(location, OFFICER)}")
        assert answer.headers["location"] == path


def test_a_log_in_that_takes_too_long_is_over(at_provider: MakeOffice, issuer: Issuer) -> None:
    office = at_provider()
    browser = office.browser()
    query = issuer.log_in(leave(browser), OFFICER)
    cast("FakeClock", office.harness.clock).advance(timedelta(minutes=10))

    assert browser.get(f"/oidc/callback?{query}").status_code == 403


def test_an_answer_of_another_provider_is_refused(at_provider: MakeOffice, issuer: Issuer) -> None:
    """Its code would be sent to ours, or ours to it (RFC 9207)."""
    office = at_provider()
    for said in ({}, {"iss": "https://other.example"}, {"iss": ""}):
        browser = office.browser()
        fields = dict(parse_qsl(issuer.log_in(leave(browser), OFFICER)))
        del fields["iss"]
        answer = browser.get(f"/oidc/callback?{urlencode({**fields, **said})}")

        assert (answer.status_code, "another provider issued it" in answer.text, issuer.forms) == (403, True, [])


def test_an_error_of_the_provider_is_told_without_its_words(at_provider: MakeOffice, issuer: Issuer) -> None:
    """Everyone who makes an address could let the console say anything."""
    office = at_provider()
    for error, said in (
        ("access_denied", "access_denied"),
        ("Call 555 now", "let you in: error"),
        ("x" * 61, ": error"),
    ):
        browser = office.browser()
        state = dict(parse_qsl(urlsplit(leave(browser)).query))["state"]
        query = urlencode({"state": state, "error": error, "error_description": "Call 555", "iss": issuer.url})
        answer = browser.get(f"/oidc/callback?{query}")

        assert (answer.status_code, said in answer.text, "Call" in answer.text) == (403, True, False)


def test_a_provider_that_answers_nonsense_lets_nobody_in(at_provider: MakeOffice, issuer: Issuer) -> None:
    office = at_provider()
    for path, answer, status in (
        ("/token", HttpAnswer(status=500), 503),
        ("/token", HttpAnswer.of_document({"error": "invalid_grant"}, status=400), 503),
        ("/token", HttpAnswer(status=302, headers={"Location": "/elsewhere"}), 503),
        ("/token", HttpAnswer(body=b"[]"), 503),
        ("/token", HttpAnswer(body=b'{"a":"' + b"x" * 300_000 + b'"}'), 503),
        ("/token", HttpAnswer.of_document({"access_token": "a"}), 403),
        ("/jwks", HttpAnswer.of_document({"keys": []}), 503),
        ("/jwks", HttpAnswer(body=b"[" * 100_000), 503),
    ):
        issuer.answers = {path: answer}
        browser = office.browser()
        page = come_back(browser, issuer, OFFICER)

        assert (page.status_code, page.text.count('role="alert"')) == (status, 1), answer
        assert browser.get("/me").status_code == 303
    assert "/elsewhere" not in issuer.asked


def test_a_provider_that_is_down_is_told_on_a_page(at_provider: MakeOffice, issuer: Issuer) -> None:
    office = at_provider()
    issuer.answers["/.well-known/openid-configuration"] = HttpAnswer(status=503)

    page = office.browser().get("/login")
    assert (page.status_code, "try again in a few minutes" in page.text) == (503, True)
    del issuer.answers["/.well-known/openid-configuration"]
    entered(office, issuer, OFFICER)


def test_a_provider_that_hangs_takes_half_of_the_threads(at_provider: MakeOffice, issuer: Issuer) -> None:
    """Nobody has to log in to wait for it, and those who are logged in would get no page."""
    office = at_provider()
    browser, way = entered(office, issuer, OFFICER), office.console.single_sign_on
    assert way
    with ExitStack() as hanging:
        for _ in range(ConsoleSettings().threads // 2):
            hanging.enter_context(way.asking())

        page = office.browser().get("/login")
        assert (page.status_code, "too many requests are waiting" in page.text) == (503, True)
        assert send_logout(office, issuer.logout_token(sid="s1")).status_code == 503
        assert browser.get("/me").status_code == 200
        assert "Your session has ended." in browser.post("/logout").text

    entered(office, issuer, OFFICER)


def test_metadata_are_read_once_a_day_and_kept_while_the_provider_is_down(
    at_provider: MakeOffice, issuer: Issuer
) -> None:
    office = at_provider()
    clock = cast("FakeClock", office.harness.clock)
    for _ in range(3):
        entered(office, issuer, OFFICER)
    clock.advance(timedelta(days=1))
    issuer.answers["/.well-known/openid-configuration"] = HttpAnswer(status=503)
    entered(office, issuer, OFFICER)
    entered(office, issuer, OFFICER)

    assert issuer.asked.count("/.well-known/openid-configuration") == 2


def test_a_new_key_of_the_provider_is_used_at_once(at_provider: MakeOffice, issuer: Issuer) -> None:
    office = at_provider()
    entered(office, issuer, OFFICER)
    issuer.key = new_key("two")

    entered(office, issuer, OFFICER)
    assert issuer.asked.count("/jwks") == 2


def test_log_out_leads_to_the_provider_without_a_token(at_provider: MakeOffice, issuer: Issuer) -> None:
    browser = entered(at_provider(), issuer, OFFICER)

    page = browser.post("/logout")

    expected = f"{issuer.url}/end?client_id=konsol&post_logout_redirect_uri=http%3A%2F%2F127.0.0.1%3A8460%2Flogged-out"
    assert page.headers["refresh"] == f"0;url={expected}"
    assert browser.get("/me").status_code == 303
    assert "Your session has ended" in browser.get("/logged-out").text


def test_log_out_needs_no_provider(at_provider: MakeOffice, issuer: Issuer) -> None:
    office = at_provider()
    browser = entered(office, issuer, OFFICER)
    issuer.answers["/.well-known/openid-configuration"] = HttpAnswer(status=503)
    cast("Any", office.console.single_sign_on).client._known = None

    page = browser.post("/logout")

    assert (page.status_code, "refresh" in page.headers) == (200, False)
    assert browser.get("/me").status_code == 303


def test_a_logout_token_ends_the_sessions_that_it_names_and_no_other(at_provider: MakeOffice, issuer: Issuer) -> None:
    office = at_provider()
    issuer.claims["sid"] = "s1"
    one = entered(office, issuer, OFFICER)
    issuer.claims["sid"] = "s2"
    two, other = entered(office, issuer, OFFICER), entered(office, issuer, TEACHER)

    answer = send_logout(office, issuer.logout_token(sid="s1", jti="a"))
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert [browser.get("/me").status_code for browser in (one, two, other)] == [303, 200, 200]
    assert send_logout(office, issuer.logout_token(sub=OFFICER, jti="b")).status_code == 200
    assert [browser.get("/me").status_code for browser in (two, other)] == [303, 200]


def test_a_logout_token_works_once(at_provider: MakeOffice, issuer: Issuer) -> None:
    """Somebody who recorded it could log a person out again and again."""
    office = at_provider()
    token = issuer.logout_token(sub=OFFICER)
    assert send_logout(office, token).status_code == 200
    browser = entered(office, issuer, OFFICER)

    answer = send_logout(office, token)

    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_request"})
    assert browser.get("/me").status_code == 200


def test_a_forged_logout_token_ends_nothing(at_provider: MakeOffice, issuer: Issuer) -> None:
    office = at_provider()
    browser = entered(office, issuer, OFFICER)
    right, issuer.key = issuer.key, new_key("one")
    issuer.published = [right]
    forged = issuer.logout_token(sub=OFFICER)
    issuer.key = right
    wrong = [
        forged,
        "",
        "x",
        issuer.logout_token(sub=OFFICER, aud="other"),
        issuer.logout_token(sub=OFFICER, events={}),
    ]

    assert [send_logout(office, token).status_code for token in wrong] == [400] * len(wrong)
    assert browser.get("/me").status_code == 200


def test_a_log_out_at_the_provider_during_a_log_in_is_not_lost(at_provider: MakeOffice, issuer: Issuer) -> None:
    office = at_provider()
    browser = office.browser()
    query = issuer.log_in(leave(browser), OFFICER)
    send_logout(office, issuer.logout_token(sid="s1"))

    assert browser.get(f"/oidc/callback?{query}").status_code == 403
    assert browser.get("/me").status_code == 303


def test_an_emergency_needs_a_log_in_for_that_page(at_provider: MakeOffice, issuer: Issuer) -> None:
    office = at_provider()
    browser, form = entered(office, issuer, OFFICER), {"reason": "çalındı"}

    assert "/oidc/confirm?next=/accounts/okul46/close" in browser.get(CLOSE).text
    assert "have not confirmed" in browser.post(CLOSE, form).text
    location = leave(browser, f"/oidc/confirm?next={CLOSE}")
    asked = dict(parse_qsl(urlsplit(location).query))
    assert (asked["prompt"], asked["max_age"]) == ("login", "0")
    back = browser.get(f"/oidc/callback?{issuer.log_in(location, OFFICER)}")
    assert back.headers["location"] == CLOSE
    assert "You have confirmed" in browser.get(CLOSE).text
    assert browser.post("/accounts/ilce46/close", form).status_code == 403
    assert browser.post(CLOSE, form).status_code == 303
    assert office.harness.account("okul46").state is AccountState.CLOSED


def test_a_confirmation_is_over_after_minutes(at_provider: MakeOffice, issuer: Issuer) -> None:
    office = at_provider()
    browser = entered(office, issuer, OFFICER)
    come_back(browser, issuer, OFFICER, f"/oidc/confirm?next={CLOSE}")
    cast("FakeClock", office.harness.clock).advance(timedelta(minutes=5))

    assert browser.post(CLOSE, {"reason": "çalındı"}).status_code == 403
    assert office.harness.account("okul46").state is AccountState.OPEN


def test_another_person_or_an_old_log_in_confirms_nothing(at_provider: MakeOffice, issuer: Issuer) -> None:
    office = at_provider()
    browser = entered(office, issuer, OFFICER)
    for subject, claims in ((ADMINISTRATOR, {}), (OFFICER, {"auth_time": None}), (OFFICER, {"auth_time": 1})):
        issuer.claims = {}
        answer = come_back(browser, issuer, subject, f"/oidc/confirm?next={CLOSE}", **claims)

        assert answer.status_code == 403, claims
        assert browser.post(CLOSE, {"reason": "çalındı"}).status_code == 403
    assert "Gül Öz" in browser.get("/me").text


def test_a_run_is_released_after_a_log_in_for_it(at_provider: MakeOffice, issuer: Issuer) -> None:
    office = at_provider()
    office.harness.close_accounts(["il46", "ilce46", "baska46"])
    [waiting] = office.harness.app.held_runs.waiting(viewer=ADMINISTRATOR)
    browser, path = entered(office, issuer, ADMINISTRATOR), f"/held/{waiting.run.id}"

    assert browser.post(f"{path}/release", {"reason": "denetlendi"}).status_code == 403
    come_back(browser, issuer, ADMINISTRATOR, f"/oidc/confirm?next={path}")
    assert browser.post(f"{path}/release", {"reason": "denetlendi"}).status_code == 303
    office.console.background.close()


def test_a_log_in_leads_to_no_other_site(at_provider: MakeOffice, issuer: Issuer) -> None:
    browser = at_provider().browser()
    for target in ("https://elsewhere.example/", "//elsewhere.example", "/%5Celsewhere.example"):
        assert come_back(browser, issuer, STRANGER, f"/login?next={target}").headers["location"] == "/"
        browser.post("/logout")


def test_passwords_let_nobody_in_beside_the_provider(at_provider: MakeOffice, issuer: Issuer) -> None:
    office = at_provider()
    password = office.password(OFFICER)
    browser = entered(office, issuer, TEACHER)

    assert browser.post("/login", {"login": "bilgi46", "password": password}).status_code == 403


def test_without_a_provider_its_pages_do_not_exist(office: Office) -> None:
    for path in ("/oidc/callback?state=x", "/logged-out"):
        assert office.browser().get(path).status_code == 404
    assert office.logged_in(TEACHER).get("/oidc/confirm").status_code == 404
    assert send_logout(office, "x").status_code == 404
