"""The mock as a web service: keys, problems, faults by HTTP, and an end without leftovers."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import httpx
import pytest

from provisioner.core.model import Person
from provisioner.core.model.secret import Secret
from provisioner.testing.samples import HOLDER, UNIT
from provisioner_pys.mock import PysFaultOrder, PysMock
from provisioner_pys.mock.routes import ENDPOINTS

ACCOUNT = {"unit": "46-TEM", "holder": "1001", "password": "Kx7!mPq2"}


@pytest.fixture(name="web")
def _web(mock: PysMock) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {mock.api_key.reveal()}"}
    with httpx.Client(base_url=mock.url, headers=headers, trust_env=False, timeout=60) as web:
        yield web


def code(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["Content-Type"] == "application/problem+json"
    document = response.json()
    assert document["status"] == response.status_code
    return response.status_code, document["code"]


class TestKeys:
    @pytest.mark.parametrize(
        "headers", [{}, {"X-Api-Key": "wrong"}, {"Authorization": "Basic x"}, {"Authorization": "Bearer ı"}]
    )
    def test_without_the_right_one_nothing_is_told(self, mock: PysMock, headers: dict[str, str]) -> None:
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        for path in ("/status", "/persons/1001", "/_counters"):
            response = httpx.get(mock.url + path, headers=raw, trust_env=False)
            assert code(response) == (401, "unauthenticated")

    def test_either_header_will_do(self, mock: PysMock) -> None:
        key = mock.api_key.reveal()
        for headers in ({"X-Api-Key": key}, {"Authorization": f"Bearer {key}"}):
            assert httpx.get(f"{mock.url}/status", headers=headers, trust_env=False).status_code == 200

    def test_the_key_can_be_chosen(self) -> None:
        with PysMock.running(api_key=Secret("chosen")) as mock:
            assert mock.api_key.reveal() == "chosen"


class TestResources:
    def test_a_person_is_shown_as_seeded(self, web: httpx.Client) -> None:
        expected = {
            "id": HOLDER.id,
            "name": HOLDER.name,
            "unit": HOLDER.unit,
            "title": HOLDER.title,
            "mobile": HOLDER.mobile,
            "supervisor": None,
        }
        assert web.get("/persons/1001").json() == expected

    def test_a_unit_is_shown_as_seeded(self, web: httpx.Client) -> None:
        expected = {"code": UNIT.code, "name": UNIT.name, "kind": UNIT.kind, "parent": None}
        assert web.get(f"/units/{UNIT.code}").json() == expected

    def test_an_account_is_shown_without_its_password(self, web: httpx.Client) -> None:
        web.put("/accounts/okul", json=ACCOUNT)

        assert web.get("/accounts/okul").json().keys() == {"login", "unit", "holder", "enabled", "changed_at"}

    def test_seeding_again_updates(self, mock: PysMock, web: httpx.Client) -> None:
        mock.seed(people=[Person(id="1001", name="Ayşe Işık", mobile="+905550000000")])

        assert web.get("/persons/1001").json()["mobile"] == "+905550000000"


class TestProblems:
    @pytest.mark.parametrize(
        ("method", "path", "expected"),
        [
            ("GET", "/persons/1", (404, "person_missing")),
            ("GET", "/units/1", (404, "unit_missing")),
            ("GET", "/accounts/1", (404, "account_missing")),
            ("GET", "/nowhere", (404, "route_missing")),
            ("GET", "/accounts/1/nowhere", (404, "route_missing")),
            ("GET", "/", (404, "route_missing")),
            ("DELETE", "/accounts/1", (404, "account_missing")),
            ("DELETE", "/persons/1", (405, "method_unknown")),
        ],
    )
    def test_have_stable_codes(self, web: httpx.Client, method: str, path: str, expected: tuple[int, str]) -> None:
        assert code(web.request(method, path)) == expected

    @pytest.mark.parametrize(
        ("body", "place"),
        [
            ({}, "/unit"),
            ({**ACCOUNT, "unit": 7}, "/unit"),
            ({**ACCOUNT, "holder": True}, "/holder"),
            ({**ACCOUNT, "password": ""}, "/password"),
            ({**ACCOUNT, "bogus": 1}, "/bogus"),
            ([], "body"),
        ],
    )
    def test_name_the_place_and_not_the_value(self, web: httpx.Client, body: object, place: str) -> None:
        response = web.put("/accounts/okul", json=body)

        assert code(response) == (400, "body_invalid")
        assert place in response.json()["detail"]
        assert "Kx7" not in response.text

    @pytest.mark.parametrize("password", ["short", "x" * 129, "with\nbreak"])
    def test_of_the_password_policy(self, mock: PysMock, web: httpx.Client, password: str) -> None:
        response = web.put("/accounts/okul", json={**ACCOUNT, "password": password})

        assert code(response) == (422, "password_refused")
        assert mock.account("okul") is None

    def test_of_a_body_that_is_no_json(self, web: httpx.Client) -> None:
        assert code(web.put("/accounts/okul", content=b"{")) == (400, "body_invalid")

    def test_of_a_body_without_end(self, web: httpx.Client) -> None:
        assert code(web.put("/accounts/okul", content=iter([b"{}"]))) == (411, "length_required")

    def test_of_a_body_that_is_too_large(self, web: httpx.Client) -> None:
        assert code(web.put("/accounts/okul", content=b" " * 65537)) == (413, "body_too_large")

    @pytest.mark.parametrize("request_line", [b"canary", b"GET canary HTTP/9.9", b"BREW /canary HTTP/1.1"])
    def test_of_what_is_no_request_do_not_quote_it(self, mock: PysMock, request_line: bytes) -> None:
        with socket.create_connection(("127.0.0.1", httpx.URL(mock.url).port or 0)) as connection:
            connection.sendall(request_line + b"\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(4096), b""))

        assert b" 400 " in answer.splitlines()[0]
        assert b"canary" not in answer

    def test_leave_the_connection_usable(self, mock: PysMock) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", httpx.URL(mock.url).port)
        for _ in range(3):
            connection.request("PUT", "/accounts/okul", body=b"{}")
            response = connection.getresponse()
            response.read()
            assert response.status == 401
            assert not response.will_close
        connection.close()


class TestFaultsOverHttp:
    def test_the_second_call_goes_wrong_and_no_other(self, web: httpx.Client) -> None:
        web.get("/status")
        order = {"endpoint": "status", "call": 2, "do": "refuse"}
        response = web.put("/_misbehave", json=order)

        assert {**order, "seconds": 1.0} == response.json()
        assert [web.get("/status").status_code for _ in range(4)] == [200, 422, 200, 200]

    def test_each_endpoint_counts_for_itself(self, web: httpx.Client) -> None:
        web.put("/_misbehave", json={"endpoint": "status", "call": 1, "do": "error_500"})
        web.put("/_misbehave", json={"endpoint": "person.get", "do": "throttle", "seconds": 2.5})

        assert web.get("/status").status_code == 500
        assert web.get("/persons/1001").headers["Retry-After"] == "3"
        assert web.get("/units/46-TEM").status_code == 200

    def test_an_order_for_one_call_goes_before_one_for_all(self, web: httpx.Client) -> None:
        web.put("/_misbehave", json={"endpoint": "*", "do": "refuse"})
        web.put("/_misbehave", json={"endpoint": "status", "call": 1, "do": "error_500"})

        assert [web.get("/status").status_code for _ in range(2)] == [500, 422]

    def test_behaving_again(self, web: httpx.Client) -> None:
        web.put("/_misbehave", json={"endpoint": "*", "do": "lose_request"})
        with pytest.raises(httpx.RemoteProtocolError):
            web.get("/status")

        assert web.delete("/_misbehave").json() == {"status": 1}
        assert web.get("/status").status_code == 200

    def test_the_counters_count_refused_calls_too(self, mock: PysMock, web: httpx.Client) -> None:
        httpx.get(f"{mock.url}/status", trust_env=False)
        web.get("/persons/nobody")

        assert web.get("/_counters").json() == {"status": 1, "person.get": 1}

    @pytest.mark.parametrize(
        "order",
        [
            {"endpoint": "nowhere", "do": "refuse"},
            {"endpoint": "status", "do": "nonsense"},
            {"endpoint": "status", "do": "refuse", "call": 0},
            {"endpoint": "status", "do": "refuse", "call": "never"},
            {"endpoint": "status", "do": "refuse", "seconds": "1"},
        ],
    )
    def test_an_order_that_would_never_be_carried_out_is_refused(self, web: httpx.Client, order: object) -> None:
        assert code(web.put("/_misbehave", json=order)) == (400, "body_invalid")

    @pytest.mark.parametrize("endpoint", ENDPOINTS)
    def test_every_endpoint_can_be_named(self, mock: PysMock, endpoint: str) -> None:
        mock.misbehave(PysFaultOrder(endpoint=endpoint, do="refuse"))
        mock.behave()


class TestSpeed:
    def test_small_answers_are_not_held_back(self, web: httpx.Client) -> None:
        """Head and body sent apart would wait 40 ms for each other on every kept connection."""
        assert median(web.get("/status").elapsed.total_seconds() for _ in range(51)) < 0.03


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


class TestEnd:
    def test_nothing_is_left_over(self, tmp_path: Path) -> None:
        with PysMock.running(database=tmp_path / "warm-up.sqlite"):
            pass
        before = descriptors()
        with PysMock.running(database=tmp_path / "pys.sqlite") as mock:
            key = {"X-Api-Key": mock.api_key.reveal()}
            with httpx.Client(base_url=mock.url, headers=key, trust_env=False) as web, ThreadPoolExecutor(8) as pool:
                list(pool.map(lambda number: web.put(f"/accounts/{number}", json=ACCOUNT), range(32)))
                mock.close()

        assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("pys-mock")]
        assert descriptors() == before
        assert [file.name for file in tmp_path.iterdir() if "pys" in file.name] == ["pys.sqlite"]

    def test_a_request_that_waits_does_not_hold_it_up(self, mock: PysMock) -> None:
        mock.misbehave(PysFaultOrder(endpoint="account.put", do="delay", seconds=60))
        key = {"X-Api-Key": mock.api_key.reveal()}
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(httpx.put, f"{mock.url}/accounts/okul", json=ACCOUNT, headers=key, trust_env=False)
            while not mock.calls():
                time.sleep(0.01)
            began = time.monotonic()
            mock.close()

            assert time.monotonic() - began < 50
            assert waiting.result().status_code == 500

    def test_the_settings_go_with_it(self) -> None:
        with PysMock.running() as mock:
            file = Path(str(mock.settings()["api_key"]).removeprefix("file:"))
            assert file.read_text() == mock.api_key.reveal()
            assert file.stat().st_mode & 0o077 == 0
        assert not file.exists()


def test_the_data_outlive_the_service(tmp_path: Path) -> None:
    file = tmp_path / "pys.sqlite"
    with PysMock.running(database=file, people=[HOLDER]) as mock:
        httpx.put(
            f"{mock.url}/accounts/okul",
            content=json.dumps(ACCOUNT),
            headers={"X-Api-Key": mock.api_key.reveal()},
            trust_env=False,
        )
    with PysMock.running(database=file) as mock:
        assert mock.logs_in("okul", "Kx7!mPq2")
    assert file.stat().st_mode & 0o077 == 0
