from __future__ import annotations

import json
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest
from pytest_httpserver import HTTPServer

from provisioner import DeliveryState, Person
from provisioner.core.api.errors import (
    MisconfiguredError,
    ThrottledError,
    UnavailableError,
    UnknownOutcomeError,
)
from provisioner.core.api.messages import CheckChannel, DeliverNotice, DeliverNoticeBatch, ProbeDelivery
from provisioner.testing.kannel import wait_until
from provisioner_sms.plugin import SmsChannel
from provisioner_sms.simulator import Inbox, SmsFault, SmsSimulator
from tests.plugins.sms.conftest import NUMBER, MakeChannel, MakeRequest

PROBE = ProbeDelivery(delivery_id="op-1-sms")


@pytest.fixture(name="sms")
def _sms() -> Iterator[SmsSimulator]:
    with SmsSimulator.running() as simulator:
        yield simulator


@pytest.fixture(name="to_simulator")
def _to_simulator(sms: SmsSimulator, channel: MakeChannel) -> SmsChannel:
    return channel(sms.settings())


class Http:
    """A client of the simulator's own interface."""

    def __init__(self, sms: SmsSimulator) -> None:
        self.url = sms.url
        self.headers = {"Authorization": f"Bearer {sms.settings()['simulator']['api_key'].removeprefix('plain:')}"}

    def __call__(self, method: str, path: str, document: Any = None) -> httpx.Response:
        return httpx.request(method, self.url + path, headers=self.headers, json=document)


@pytest.fixture(name="http")
def _http(sms: SmsSimulator) -> Http:
    return Http(sms)


class TestDelivery:
    def test_a_password_arrives_on_the_phone(
        self, sms: SmsSimulator, to_simulator: SmsChannel, request_to: MakeRequest
    ) -> None:
        receipt = to_simulator.secret_deliver(request_to(password="Kq7{x}~2&x^Z"))

        assert (receipt.state, receipt.reference) == (DeliveryState.ACCEPTED, "op-1-sms")
        assert sms.last_password("0555 123 45 67") == "Kq7{x}~2&x^Z"
        assert [message.to for message in sms.inbox()] == [NUMBER]
        assert to_simulator.delivery_probe(PROBE).state is DeliveryState.DELIVERED

    @pytest.mark.parametrize("language", ["tr", "en"])
    @pytest.mark.parametrize("replaces_earlier", [True, False])
    def test_the_password_is_found_in_every_text_of_the_plug_in(
        self, sms: SmsSimulator, channel: Any, request_to: MakeRequest, language: str, replaces_earlier: bool
    ) -> None:
        one = channel(sms.settings(), language)
        one.secret_deliver(request_to(password="password:-1", replaces_earlier=replaces_earlier))

        assert sms.last_password(NUMBER) == "password:-1"

    def test_the_newest_message_counts(
        self, sms: SmsSimulator, to_simulator: SmsChannel, request_to: MakeRequest
    ) -> None:
        for n in (1, 2):
            to_simulator.secret_deliver(request_to(delivery_id=f"op-{n}", password=f"password-{n}"))

        assert sms.last_password(NUMBER) == "password-2"

    def test_a_phone_without_a_password_says_so(self, sms: SmsSimulator, http: Http) -> None:
        with pytest.raises(LookupError, match="received no password"):
            sms.last_password(NUMBER)

        http("POST", "/messages", {"id": "1", "to": NUMBER, "sender": "X", "text": "hello"})
        with pytest.raises(LookupError, match="received no password"):
            sms.last_password(NUMBER)

    @pytest.mark.parametrize("to", ["532123456.0", "05551234567 05559876543", "yok", ""])
    def test_a_message_to_anything_but_one_number_is_refused(self, sms: SmsSimulator, http: Http, to: str) -> None:
        answer = http("POST", "/messages", {"id": "1", "to": to, "sender": "X", "text": "hello"})

        assert (answer.status_code, sms.inbox()) == (422, [])

    def test_a_notice_arrives_once_beside_the_passwords(
        self, sms: SmsSimulator, to_simulator: SmsChannel, request_to: MakeRequest
    ) -> None:
        password = request_to(password="aB3$eF7x")
        to_simulator.secret_deliver(password)
        for text in ("şifreniz yakında değişecek", "something else"):
            notice = DeliverNotice(delivery_id="notice-1", recipient=password.recipient, text=text)
            receipt = to_simulator.notice_deliver(notice)
            assert (receipt.state, receipt.reference) == (DeliveryState.ACCEPTED, "notice-1")

        assert [message.text for message in sms.inbox(NUMBER)][1:] == ["sifreniz yakinda degisecek"]
        assert to_simulator.delivery_probe(ProbeDelivery(delivery_id="notice-1")).state is DeliveryState.DELIVERED
        assert sms.last_password(NUMBER) == "aB3$eF7x"

    def test_the_same_id_again_changes_nothing(
        self, sms: SmsSimulator, to_simulator: SmsChannel, request_to: MakeRequest
    ) -> None:
        for password in ("first-pw", "second-pw"):
            receipt = to_simulator.secret_deliver(request_to(password=password))
            assert receipt.state is DeliveryState.ACCEPTED

        assert [message.password for message in sms.inbox(NUMBER)] == ["first-pw"]

    def test_many_threads_may_send_at_once(
        self, sms: SmsSimulator, channel: MakeChannel, request_to: MakeRequest
    ) -> None:
        one = channel(sms.settings())
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda n: one.secret_deliver(request_to(delivery_id=str(n))), range(40)))

        assert len(sms.inbox()) == 40

    def test_a_message_does_not_show_its_text(
        self, sms: SmsSimulator, to_simulator: SmsChannel, request_to: MakeRequest
    ) -> None:
        to_simulator.secret_deliver(request_to(password="canary-1"))

        assert "canary-1" not in repr(sms.inbox())


class TestFaults:
    def test_a_refused_number_is_rejected_and_received_nothing(
        self, sms: SmsSimulator, to_simulator: SmsChannel, request_to: MakeRequest
    ) -> None:
        sms.misbehave(SmsFault.REFUSE)

        assert to_simulator.secret_deliver(request_to()).state is DeliveryState.REJECTED
        assert to_simulator.delivery_probe(PROBE).state is DeliveryState.MISSING
        assert sms.inbox() == []

    def test_a_busy_network_says_when_to_come_back(
        self, sms: SmsSimulator, to_simulator: SmsChannel, request_to: MakeRequest
    ) -> None:
        sms.misbehave(SmsFault.THROTTLE, seconds=7)

        with pytest.raises(ThrottledError) as throttled:
            to_simulator.secret_deliver(request_to())
        assert throttled.value.retry_after == 7
        assert sms.inbox() == []

    @pytest.mark.parametrize("fault", [SmsFault.APPLY_AND_LOSE_ANSWER, SmsFault.CUT_ANSWER])
    def test_a_lost_answer_is_found_again(
        self, sms: SmsSimulator, to_simulator: SmsChannel, request_to: MakeRequest, fault: SmsFault
    ) -> None:
        sms.misbehave(fault)

        with pytest.raises(UnknownOutcomeError):
            to_simulator.secret_deliver(request_to())
        assert to_simulator.delivery_probe(PROBE).state is DeliveryState.DELIVERED

    def test_a_failing_network_leaves_it_open_until_it_is_asked(
        self, sms: SmsSimulator, to_simulator: SmsChannel, request_to: MakeRequest
    ) -> None:
        sms.misbehave(SmsFault.ERROR_500)

        with pytest.raises(UnknownOutcomeError):
            to_simulator.secret_deliver(request_to())
        assert to_simulator.delivery_probe(PROBE).state is DeliveryState.MISSING

    def test_a_late_message_is_not_said_to_be_lost(
        self, sms: SmsSimulator, channel: MakeChannel, request_to: MakeRequest
    ) -> None:
        """Else a second password would be made, and the first would arrive after it."""
        table = sms.settings()
        hasty, patient = channel(table | {"simulator": table["simulator"] | {"timeout": 0.3}}), channel(table)
        sms.misbehave(SmsFault.DELAY, seconds=0.8)

        with pytest.raises(UnknownOutcomeError):
            hasty.secret_deliver(request_to())
        early = patient.delivery_probe(PROBE).state
        wait_until(lambda: sms.inbox(NUMBER))

        assert early is DeliveryState.ACCEPTED
        assert patient.delivery_probe(PROBE).state is DeliveryState.DELIVERED

    def test_only_the_chosen_messages_go_wrong(
        self, sms: SmsSimulator, to_simulator: SmsChannel, request_to: MakeRequest
    ) -> None:
        to_simulator.secret_deliver(request_to(delivery_id="before"))
        sms.misbehave(SmsFault.REFUSE, calls=[2, 3])

        states = [to_simulator.secret_deliver(request_to(delivery_id=str(n))).state for n in range(4)]

        accepted, rejected = DeliveryState.ACCEPTED, DeliveryState.REJECTED
        assert states == [accepted, rejected, rejected, accepted]
        assert sms.calls == 5

    def test_it_behaves_again_when_told_to(
        self, sms: SmsSimulator, to_simulator: SmsChannel, request_to: MakeRequest
    ) -> None:
        sms.misbehave(SmsFault.REFUSE)
        sms.behave()

        assert to_simulator.secret_deliver(request_to()).state is DeliveryState.ACCEPTED

    def test_a_delay_ends_when_the_simulator_does(self, channel: MakeChannel, request_to: MakeRequest) -> None:
        began = time.monotonic()
        with SmsSimulator.running() as sms, ThreadPoolExecutor(1) as pool:
            sms.misbehave(SmsFault.DELAY, seconds=60)
            sending = pool.submit(channel(sms.settings()).secret_deliver, request_to())
            wait_until(lambda: sms.calls == 1)
            sms.stop()
            sending.exception(timeout=50)

        assert time.monotonic() - began < 50


class TestCheck:
    def test_it_is_fine(self, to_simulator: SmsChannel) -> None:
        assert to_simulator.channel_check(CheckChannel()).warnings == ()

    def test_a_wrong_key_is_found_before_the_first_message(self, sms: SmsSimulator, channel: MakeChannel) -> None:
        table = sms.settings()
        table["simulator"]["api_key"] = "plain:wrong"

        with pytest.raises(MisconfiguredError):
            channel(table).channel_check(CheckChannel())

    def test_one_that_is_gone_is_found(self, channel: MakeChannel) -> None:
        with SmsSimulator.running() as sms:
            table = sms.settings()

        with pytest.raises(UnavailableError):
            channel(table).channel_check(CheckChannel())


class TestHttp:
    def test_the_whole_interface(self, sms: SmsSimulator, http: Http) -> None:
        sent = {"id": "a/b", "to": "0555 123 45 67", "sender": "X", "text": "şifre"}

        assert http("GET", "/").json() == {"service": "sms-simulator"}
        assert http("GET", "/messages/a%2Fb").status_code == 404
        assert http("POST", "/messages", sent).json() == {"id": "a/b", "state": "accepted"}
        assert http("GET", "/messages/a%2Fb").json() == {"id": "a/b", "state": "delivered"}
        (item,) = http("GET", "/inbox/05551234567").json()["items"]
        assert (item["id"], item["to"], item["from"], item["text"]) == ("a/b", NUMBER, "X", "şifre")
        assert http("GET", "/inbox").json()["items"] == [item]
        assert http("GET", "/inbox/%2B905551234568").json() == {"items": []}
        assert http("GET", "/_counters").json() == {"calls": 1, "messages": 1}
        assert http("PUT", "/_misbehave", {"fault": "refuse", "calls": [1]}).status_code == 200
        assert http("POST", "/messages", sent).status_code == 422
        assert http("DELETE", "/_misbehave").status_code == 200
        assert http("POST", "/messages", sent).status_code == 202
        assert http("GET", "/nothing").status_code == 404
        assert http("DELETE", "/inbox").status_code == 404

    @pytest.mark.parametrize("document", [None, [], {}, {"id": "1", "to": "2", "sender": "3"}, "text"])
    def test_what_is_no_message_is_refused(self, http: Http, document: Any) -> None:
        assert http("POST", "/messages", document).status_code == 400

    @pytest.mark.parametrize("document", [None, [], {}, {"fault": "fire"}, {"fault": "delay", "seconds": "long"}])
    def test_what_is_no_fault_is_refused(self, http: Http, document: Any) -> None:
        answer = http("PUT", "/_misbehave", document)

        assert answer.status_code == 400
        assert "cut_answer" in answer.json()["error"]

    @pytest.mark.parametrize(("method", "path"), [("GET", "/inbox"), ("POST", "/messages"), ("PUT", "/_misbehave")])
    @pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
    def test_nobody_reads_or_writes_without_the_key(
        self, sms: SmsSimulator, method: str, path: str, headers: dict[str, str]
    ) -> None:
        assert httpx.request(method, sms.url + path, headers=headers).status_code == 401

    def test_a_kept_connection_does_not_keep_the_simulator_from_ending(self) -> None:
        began = time.monotonic()
        with SmsSimulator.running() as sms, httpx.Client() as client:
            client.get(sms.url)
            sms.stop()

        assert time.monotonic() - began < 50


class TestFile:
    def test_only_its_owner_may_read_the_inbox(self, tmp_path: Path) -> None:
        Inbox(tmp_path / "sms.sqlite")

        assert stat.S_IMODE((tmp_path / "sms.sqlite").stat().st_mode) == 0o600

    def test_the_inbox_outlives_the_program(self, tmp_path: Path, channel: Any, request_to: MakeRequest) -> None:
        table = {"gateway": "simulator", "help_desk": "1", "simulator": {"embedded": str(tmp_path / "sms.sqlite")}}
        for n in (1, 2):
            one = channel(table)
            one.secret_deliver(request_to(delivery_id=str(n), password=f"password-{n}"))
            one.close()

        assert [message.password for message in Inbox(tmp_path / "sms.sqlite").messages()] == [
            "password-1",
            "password-2",
        ]

    def test_an_embedded_simulator_starts_with_the_first_use_and_ends_with_the_program(
        self, tmp_path: Path, channel: MakeChannel
    ) -> None:
        before = set(threading.enumerate())
        file = tmp_path / "sms.sqlite"
        one = channel({"gateway": "simulator", "help_desk": "1", "simulator": {"embedded": str(file)}})
        started_early = file.exists()

        one.channel_check(CheckChannel())
        running = set(threading.enumerate())
        one.close()

        assert not started_early
        assert running - before
        assert set(threading.enumerate()) <= before

    def test_a_file_that_cannot_be_made_is_our_fault(self, tmp_path: Path, channel: MakeChannel) -> None:
        file = tmp_path / "missing" / "sms.sqlite"

        with pytest.raises(MisconfiguredError, match="cannot use"):
            channel({"gateway": "simulator", "help_desk": "1", "simulator": {"embedded": str(file)}}).channel_check(
                CheckChannel()
            )

    def test_several_processes_may_use_one_file_at_once(self, tmp_path: Path) -> None:
        code = """
import sys
from pathlib import Path
from provisioner_sms.simulator import Inbox
inbox = Inbox(Path(sys.argv[1]))
for n in range(25):
    message_id = f"{sys.argv[2]}-{n}"
    inbox.take(message_id=message_id, to="+905551234567", sender="X", text="t")
    inbox.take(message_id=f"shared-{n}", to="+905551234567", sender="X", text="t")
    inbox.deliver(message_id)
"""
        file = tmp_path / "sms.sqlite"
        processes = [subprocess.Popen([sys.executable, "-c", code, str(file), str(n)]) for n in range(4)]

        assert [process.wait(60) for process in processes] == [0] * 4
        assert len(Inbox(file).messages()) == 100
        assert Inbox(file).find("shared-24") is not None


def test_the_json_of_a_message_is_stable(sms: SmsSimulator, http: Http) -> None:
    """Harnesses read it."""
    http("POST", "/messages", {"id": "1", "to": NUMBER, "sender": "X", "text": "t"})
    (item,) = json.loads(http("GET", "/inbox").text)["items"]

    assert sorted(item) == ["from", "id", "received_at", "text", "to"]
    assert item["received_at"].endswith("+00:00")


def test_a_message_that_was_on_its_way_arrives_when_it_comes_again(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path / "sms.sqlite")
    assert inbox.take(message_id="1", to="+905320000001", sender="x", text="y")
    assert inbox.messages() == []
    assert not inbox.take(message_id="1", to="+905320000001", sender="x", text="y", arrives=True)
    inbox.deliver("1")

    assert [message.id for message in inbox.messages()] == ["1"]


def several(count: int = 3) -> DeliverNoticeBatch:
    persons = [Person(id=str(one), name="Ayşe", mobile=f"+90555123456{one}") for one in range(count)]
    return DeliverNoticeBatch(
        notices=tuple(DeliverNotice(delivery_id=f"n{one.id}", recipient=one, text="bitiyor") for one in persons)
    )


class TestBatches:
    def test_each_of_several_arrives_once(self, sms: SmsSimulator, to_simulator: SmsChannel) -> None:
        for _ in range(2):
            receipts = to_simulator.notice_batch_deliver(several()).receipts

        assert {one: receipt.state for one, receipt in receipts.items()} == dict.fromkeys(
            ("n0", "n1", "n2"), DeliveryState.ACCEPTED
        )
        assert [(one.id, one.text) for one in sms.inbox()] == [("n0", "bitiyor"), ("n1", "bitiyor"), ("n2", "bitiyor")]
        assert to_simulator.delivery_probe(ProbeDelivery(delivery_id="n1")).state is DeliveryState.DELIVERED

    def test_a_number_that_is_refused_is_refused_alone(self, sms: SmsSimulator, to_simulator: SmsChannel) -> None:
        sms.misbehave(SmsFault.REFUSE, calls=[2])
        batch = several()
        abroad = attrs.evolve(batch.notices[2], recipient=Person(id="2", name="Ayşe", mobile="+4915112345678"))
        receipts = to_simulator.notice_batch_deliver(DeliverNoticeBatch(notices=(*batch.notices[:2], abroad))).receipts

        accepted, rejected = DeliveryState.ACCEPTED, DeliveryState.REJECTED
        assert [receipts[f"n{one}"].state for one in range(3)] == [accepted, rejected, rejected]
        assert [one.id for one in sms.inbox()] == ["n0"]

    @pytest.mark.parametrize("fault", [SmsFault.APPLY_AND_LOSE_ANSWER, SmsFault.CUT_ANSWER, SmsFault.ERROR_500])
    def test_a_lost_answer_says_nothing_of_any(
        self, sms: SmsSimulator, to_simulator: SmsChannel, fault: SmsFault
    ) -> None:
        sms.misbehave(fault, calls=[2])

        with pytest.raises(UnknownOutcomeError):
            to_simulator.notice_batch_deliver(several())
        states = {to_simulator.delivery_probe(ProbeDelivery(delivery_id=f"n{one}")).state for one in range(3)}
        assert states == {DeliveryState.MISSING if fault is SmsFault.ERROR_500 else DeliveryState.DELIVERED}

    def test_a_busy_network_takes_none(self, sms: SmsSimulator, to_simulator: SmsChannel) -> None:
        sms.misbehave(SmsFault.THROTTLE, calls=[3], seconds=7)

        with pytest.raises(ThrottledError) as throttled:
            to_simulator.notice_batch_deliver(several())
        assert (throttled.value.retry_after, sms.inbox()) == (7, [])

    @pytest.mark.parametrize(
        "items",
        [
            [{"id": "n0", "state": "accepted"}, {"id": "n1", "state": "accepted"}],
            [{"id": one, "state": "accepted"} for one in ("n0", "n1", "n1")],
            [{"id": one, "state": "accepted"} for one in ("n0", "n1", "n2", "n2")],
            [{"id": one, "state": "accepted"} for one in ("n0", "n1", "n9")],
            [{"id": one, "state": "on its way"} for one in ("n0", "n1", "n2")],
            [{"id": one} for one in ("n0", "n1", "n2")],
            "accepted",
        ],
        ids=["partial", "twice", "too many", "another", "no state", "states left out", "no list"],
    )
    def test_an_answer_about_other_messages_says_nothing(
        self, httpserver: HTTPServer, channel: MakeChannel, items: object
    ) -> None:
        httpserver.expect_request("/batches").respond_with_json({"items": items})
        url = httpserver.url_for("").rstrip("/")
        table = {"gateway": "simulator", "help_desk": "0344", "simulator": {"url": url}}

        with pytest.raises(UnknownOutcomeError):
            channel(table).notice_batch_deliver(several())

    @pytest.mark.parametrize("document", ["no JSON", {"messages": [{"id": "1"}]}, {"messages": 7}, []])
    def test_half_a_batch_is_not_taken(self, sms: SmsSimulator, http: Http, document: object) -> None:
        assert (http("POST", "/batches", document).status_code, sms.inbox()) == (400, [])
