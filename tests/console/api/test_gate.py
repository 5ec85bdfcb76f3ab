"""What stands before the API: tokens and not cookies, limits, and the headers of every answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import attrs
import pytest

from provisioner.config.settings import ConsoleSettings
from provisioner.services.throttles import TokenThrottles
from provisioner.testing.clock import FakeClock
from tests.console.api.conftest import Program
from tests.console_office import ADMINISTRATOR, OFFICER, TEACHER, Office

INCIDENT = {"login": "okul46", "text": "giremiyorum"}


def limited(office: Office, **settings: Any) -> None:
    office.harness.app._token_throttles = TokenThrottles(ConsoleSettings(**settings))


def test_a_session_of_the_pages_opens_nothing(office: Office) -> None:
    """Otherwise, any page could let the browser of an officer change something."""
    browser = office.logged_in(ADMINISTRATOR)
    headers = {"idempotency-key": "key-00000001", "sec-fetch-site": "same-origin", "origin": browser.origin}

    assert browser.get("/api/v1/accounts/okul46").status_code == 401
    assert browser.send("POST", "/api/v1/incidents", json=INCIDENT, headers=headers).status_code == 401


def test_a_token_opens_no_page_and_needs_no_form_token(office: Office, program: Callable[..., Program]) -> None:
    asks = program(TEACHER)
    page = asks.browser.send("GET", "/accounts/okul46", headers={"authorization": f"Bearer {asks.token}"})

    assert page.status_code == 303
    assert asks.post("/incidents", INCIDENT, origin="https://elsewhere.example", sec_fetch_site="cross-site").is_success


def test_a_token_in_the_address_is_not_read(office: Office, program: Callable[..., Program]) -> None:
    token = program(TEACHER).token

    assert office.browser().get(f"/api/v1/token?access_token={token}&token={token}").status_code == 401


@pytest.mark.parametrize("path", ["/token", "/nowhere", "/accounts/okul46", "/accounts?q="])
def test_no_answer_is_kept_by_a_cache(office: Office, program: Callable[..., Program], path: str) -> None:
    for answer in (program(TEACHER).get(path), office.browser().get(f"/api/v1{path}")):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["vary"] == "accept-language, authorization"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "set-cookie" not in answer.headers


def test_a_large_body_is_not_read(program: Callable[..., Program]) -> None:
    answer = program(TEACHER).post("/incidents", {"login": "okul46", "text": "x" * 70_000})

    assert (answer.status_code, answer.json()["title"]) == (413, "Request Entity Too Large")


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"login=okul46&text=x", "application/x-www-form-urlencoded", 415),
        (b'{"login": "okul46", "text": "x"}', "text/plain", 415),
        (b'{"login": "okul46"', "application/json", 400),
        (b'{"login": "okul46", "text": "\xff"}', "application/json", 400),
        (b'{"login": "okul46", "text": "   "}', "application/json", 400),
        (b'{"login": "okul46", "text": "x", "actor": "9000"}', "application/json", 400),
        (b"[]", "application/json", 400),
        (b"", "application/json", 400),
    ],
)
def test_a_body_that_is_not_as_described_changes_nothing(
    office: Office, program: Callable[..., Program], content: bytes, media_type: str, status: int
) -> None:
    asks = program(TEACHER)
    before = len(office.kinds())
    headers = {"authorization": f"Bearer {asks.token}", "idempotency-key": "key-00000001", "content-type": media_type}
    answer = asks.browser.send("POST", "/api/v1/incidents", content=content, headers=headers)

    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert len(office.kinds()) == before


def test_a_change_without_a_key_changes_nothing(office: Office, program: Callable[..., Program]) -> None:
    before = len(office.kinds())
    asks = program(TEACHER)
    for key in ("short", "a b c d e f", "a;b;c;d;e", "x" * 65):
        assert asks.post("/incidents", INCIDENT, key=key).status_code == 400
    without = asks.browser.send(
        "POST", "/api/v1/incidents", json=INCIDENT, headers={"authorization": f"Bearer {asks.token}"}
    )

    assert (without.status_code, "idempotency" in without.json()["detail"].lower()) == (400, True)
    assert [*office.kinds()[before:]] == ["token_created"]


def test_a_program_that_asks_too_often_waits_and_others_do_not(office: Office, program: Callable[..., Program]) -> None:
    limited(office, requests_per_minute=2)
    eager, other = program(TEACHER), program(OFFICER)
    statuses = [eager.get("/token").status_code for _ in range(3)]
    refused = eager.get("/token")

    assert statuses == [200, 200, 429]
    assert (refused.json()["class"], refused.headers["retry-after"]) == (None, "60")
    assert other.get("/token").status_code == 200
    cast("FakeClock", office.harness.clock).advance(timedelta(minutes=1))
    assert eager.get("/token").status_code == 200


def test_an_address_that_tries_tokens_waits(office: Office, program: Callable[..., Program]) -> None:
    limited(office, denied_per_address=2)
    good = program(TEACHER)
    bad = attrs.evolve(good, token=good.token[:-1] + ("A" if good.token[-1] != "A" else "B"))
    before = len(office.kinds())

    assert [bad.get("/token").status_code for _ in range(4)] == [401, 401, 429, 429]
    assert office.kinds()[before:] == ["token_refused"] * 3
    assert good.get("/token").status_code == 429


def test_only_the_proxy_and_its_host_are_answered(at_proxy: Callable[..., Office]) -> None:
    office = at_proxy(url="https://console.example", proxies=("10.0.0.1",))
    browser = office.browser()
    browser.origin = "https://console.example"

    assert browser.get("/api/v1/openapi.json").status_code == 403
    browser.peer = "10.0.0.1"
    assert browser.get("/api/v1/openapi.json").status_code == 200
    browser.origin = "https://elsewhere.example"
    refused = browser.get("/api/v1/openapi.json")
    assert (refused.status_code, refused.json()["status"]) == (421, 421)
    assert "strict-transport-security" in refused.headers


@pytest.mark.parametrize(
    ("wanted", "language", "words"),
    [
        ("tr", "tr", "yok"),
        ("en", "en", "there is no"),
        ("de, en-US;q=0.5, tr;q=0.4", "en", "there is no"),
        ("tr-TR, en;q=0.9", "tr", "yok"),
        ("en;q=0, tr;q=x", "tr", "yok"),
        ("", "tr", "yok"),
    ],
)
def test_messages_are_in_the_language_that_is_wanted(
    office: Office, program: Callable[..., Program], wanted: str, language: str, words: str
) -> None:
    content = attrs.evolve(office.harness.app.config.content, language="tr")
    office.harness.app.config = attrs.evolve(office.harness.app.config, content=content)
    answer = program(TEACHER).get("/incidents/nothing", accept_language=wanted)

    assert (answer.status_code, answer.headers["content-language"]) == (404, language)
    assert words in answer.json()["detail"]


def test_head_and_other_methods_have_no_surprises(office: Office, program: Callable[..., Program]) -> None:
    asks = program(TEACHER)
    headers = {"authorization": f"Bearer {asks.token}", "accept-language": "en"}
    head = asks.browser.send("HEAD", "/api/v1/token", headers=headers)
    put = asks.browser.send("PUT", "/api/v1/token", headers=headers)

    assert (head.status_code, head.content) == (200, b"")
    assert (put.status_code, put.headers["content-type"]) == (405, "application/problem+json")
    assert [asks.browser.get(path).status_code for path in ("/api", "/api/v1", "/api/v2/token")] == [303, 401, 303]


def test_a_page_of_a_list_leads_to_the_next(office: Office, program: Callable[..., Program]) -> None:
    asks, seen, address = program(ADMINISTRATOR), [], "/operations?state=done&limit=2"
    while address:
        page = asks.get(address).json()
        seen += [item["login"] for item in page["items"]]
        address = (page["next"] or "").removeprefix("/api/v1")

    assert len(seen) == len(set(seen)) == 5
    assert [asks.get(f"/due?{query}").status_code for query in ("limit=0", "limit=201", "offset=10001", "days=-1")] == [
        400,
        400,
        400,
        400,
    ]


def test_a_token_is_in_no_log_and_no_answer(
    office: Office, program: Callable[..., Program], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    asks = program(TEACHER)
    bad = attrs.evolve(asks, token=asks.token + "x")
    said = [answer.text for answer in (asks.get("/token"), bad.get("/token"), asks.get("/nowhere"))]
    kept = [entry.body for entry in office.harness.store.audit_log.entries()]

    assert not [one for one in (*said, *kept, caplog.text) if asks.token.rpartition("_")[2] in one]
