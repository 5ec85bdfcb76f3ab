from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from provisioner import DeliveryState, Person, Secret
from provisioner.core.api.errors import (
    MisconfiguredError,
    RefusedError,
    TransientError,
    UnavailableError,
    UnknownOutcomeError,
)
from provisioner.core.api.messages import DeliverNotice
from provisioner.testing.kannel import Kannel, wait_until
from provisioner.testing.ports import free_ports
from provisioner_sms.gateway import SmsMessage
from provisioner_sms.kannel import KannelGateway
from provisioner_sms.settings import KannelSettings, ReportSettings
from provisioner_sms.texts import BASIC, EXTENDED
from tests.plugins.sms.conftest import NUMBER, MakeChannel, MakeRequest, asked
from tests.raw_http import MakeServer, answering

Open = Callable[..., KannelGateway]


@pytest.fixture(name="gateway")
def _gateway() -> Iterator[Open]:
    opened = []

    def make(kannel: Kannel | None = None, **settings: Any) -> KannelGateway:
        if kannel is not None:
            settings = {"url": kannel.url, "username": kannel.username, "password": Secret(kannel.password), **settings}
        opened.append(KannelGateway.open(KannelSettings(**{"timeout": 10.0, **settings})))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


@pytest.fixture(name="canned")
def _canned(gateway: Open, server: MakeServer) -> Callable[..., KannelGateway]:
    """A gateway whose Kannel always answers the same."""

    def make(status: int, body: str) -> KannelGateway:
        return gateway(url=server(answering(status, body)).url, username="u", password=Secret("p"))

    return make


def message(text: str = "merhaba", *, delivery_id: str = "op-1-sms", **fields: Any) -> SmsMessage:
    return SmsMessage(**{"delivery_id": delivery_id, "to": NUMBER, "text": Secret(text), "sender": "KURUM", **fields})


def received(kannel: Kannel, count: int = 1) -> list[str]:
    wait_until(lambda: len(kannel.inbox(NUMBER)) >= count)
    return kannel.inbox(NUMBER)


class TestSend:
    def test_a_message_reaches_the_phone(self, kannel: Kannel, gateway: Open) -> None:
        receipt = gateway(kannel).send(message("şifre: öüÇ"))

        assert receipt.state is DeliveryState.ACCEPTED
        assert received(kannel) == ["?ifre: öüÇ"]

    @pytest.mark.parametrize("part", range(3))
    def test_every_sign_of_the_alphabet_arrives_as_it_is(self, kannel: Kannel, gateway: Open, part: int) -> None:
        """The line ends and blanks at the ends are left out: no text of ours has them there."""
        signs = sorted(BASIC | EXTENDED - {"\f"})
        text = "|" + "".join(signs[part::3]).replace("\r", "") + "|"

        gateway(kannel).send(message(text))

        assert received(kannel) == [text]

    def test_percent_signs_and_backslashes_in_a_password_are_not_decoded(self, kannel: Kannel, gateway: Open) -> None:
        text = r"%41%%d+a\n&b=c%S"
        gateway(kannel).send(message(text))

        assert received(kannel) == [text]

    def test_a_text_in_two_parts_arrives_whole(self, kannel: Kannel, gateway: Open) -> None:
        gateway(kannel).send(message("a" * 153 + "b" * 100))

        wait_until(lambda: kannel.inbox(NUMBER) == ["a" * 153 + "b" * 100])

    def test_a_message_without_an_operator_is_accepted_and_said_to_be_queued(
        self, kannel: Kannel, gateway: Open
    ) -> None:
        kannel.network.disconnect()
        wait_until(lambda: gateway(kannel, status_url=kannel.status_url).check())

        receipt = gateway(kannel).send(message("wait"))
        kannel.network.connect()

        assert receipt.state is DeliveryState.ACCEPTED
        assert "queued" in str(receipt.detail)
        assert received(kannel) == ["wait"]

    @pytest.mark.parametrize("to", ["abc", "90 532 123 45 67", f"{NUMBER} +905339999999"])
    def test_what_kannel_would_take_for_several_receivers_is_never_sent(self, to: str) -> None:
        with pytest.raises(RefusedError):
            message(to=to)

    def test_a_wrong_password_stops_the_run(self, kannel: Kannel, gateway: Open) -> None:
        with pytest.raises(MisconfiguredError, match="credentials"):
            gateway(kannel, password=Secret("not-the-right-one")).send(message())

    def test_a_number_without_a_route_is_rejected_and_no_other_is(self, gateway: Open) -> None:
        """Kannel answers with the status of wrong credentials, for this number alone."""
        denied = "+905329990001"
        with Kannel.running(denied=[denied]) as kannel:
            one = gateway(kannel)
            refused, sent = one.send(message(to=denied)), one.send(message())

            assert (refused.state, sent.state) == (DeliveryState.REJECTED, DeliveryState.ACCEPTED)
            assert refused.detail == "Kannel has no route to this number"
            assert one.check() == ()

    def test_a_missing_sender_stops_the_run(self, kannel: Kannel, gateway: Open) -> None:
        """Another number would not help, so it is not the message that is rejected."""
        with pytest.raises(MisconfiguredError, match="settings"):
            gateway(kannel).send(message(sender=None))

    def test_a_wrong_path_stops_the_run(self, kannel: Kannel, gateway: Open) -> None:
        with pytest.raises(MisconfiguredError, match="no such service"):
            gateway(kannel, url=kannel.url + "x").send(message())

    def test_a_kannel_that_is_gone_was_sent_nothing(self, doomed_kannel: Kannel, gateway: Open) -> None:
        doomed_kannel.kill()

        def unavailable() -> bool:
            with pytest.raises((UnavailableError, UnknownOutcomeError)) as failed:
                gateway(doomed_kannel).send(message())
            return failed.type is UnavailableError

        wait_until(unavailable)

    def test_a_kannel_that_hangs_may_have_sent_it(self, kannel: Kannel, gateway: Open) -> None:
        kannel.pause("bearerbox")
        with pytest.raises(UnknownOutcomeError):
            gateway(kannel, timeout=1).send(message("late"))
        kannel.resume()

        assert received(kannel) == ["late"]

    def test_a_kannel_that_hangs_may_also_have_dropped_it(self, kannel: Kannel, gateway: Open) -> None:
        kannel.pause("smsbox")
        with pytest.raises(UnknownOutcomeError):
            gateway(kannel, timeout=1).send(message("lost"))
        kannel.resume()
        gateway(kannel).send(message("later"))

        assert received(kannel) == ["later"]

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (202, ""),
            (202, "OK"),
            (200, "0: Accepted for delivery"),
            (202, "<html>Welcome to the hotel WLAN</html>"),
            (500, "Internal Server Error"),
            (502, "Bad Gateway"),
            (503, "Service Unavailable"),
            (504, "Gateway Timeout"),
        ],
    )
    def test_an_answer_that_is_not_kannels_leaves_it_open(
        self, canned: Callable[..., KannelGateway], status: int, body: str
    ) -> None:
        """A proxy in between cannot know whether Kannel got it."""
        with pytest.raises(UnknownOutcomeError):
            canned(status, body).send(message())

    @pytest.mark.parametrize(
        ("status", "body"), [(503, "Temporal failure, try again later."), (500, "Sending failed.")]
    )
    def test_a_temporal_failure_is_tried_again(
        self, canned: Callable[..., KannelGateway], status: int, body: str
    ) -> None:
        with pytest.raises(TransientError):
            canned(status, body).send(message())

    def test_many_threads_may_send_at_once(self, kannel: Kannel, gateway: Open) -> None:
        one = gateway(kannel)
        with ThreadPoolExecutor(8) as pool:
            receipts = list(pool.map(lambda n: one.send(message(f"m{n}", delivery_id=f"d{n}")), range(40)))

        assert {receipt.state for receipt in receipts} == {DeliveryState.ACCEPTED}
        assert sorted(received(kannel, 40)) == sorted(f"m{n}" for n in range(40))


class TestProbe:
    def test_without_reports_nobody_knows(self, kannel: Kannel, gateway: Open) -> None:
        assert gateway(kannel).probe(asked("op-1-sms")).state is DeliveryState.UNKNOWN

    def test_a_delivery_report_tells_what_became_of_a_message(self, kannel: Kannel, gateway: Open) -> None:
        one = gateway(kannel, dlr_listen="127.0.0.1:0")
        one.send(message(delivery_id="op/1 %d-şube"))

        wait_until(lambda: one.probe(asked("op/1 %d-şube")).state is DeliveryState.DELIVERED)

    def test_a_message_without_a_report_stays_unknown(self, kannel: Kannel, gateway: Open) -> None:
        assert gateway(kannel, dlr_listen="127.0.0.1:0", timeout=0.1).probe(asked("op")).state is DeliveryState.UNKNOWN

    def test_a_lost_answer_is_found_again(self, kannel: Kannel, gateway: Open) -> None:
        one = gateway(kannel, dlr_listen="127.0.0.1:0", timeout=1)
        kannel.pause("bearerbox")
        with pytest.raises(UnknownOutcomeError):
            one.send(message("late"))
        kannel.resume()

        wait_until(lambda: one.probe(asked("op-1-sms")).state is DeliveryState.DELIVERED)

    def test_a_text_in_parts_is_known_after_a_lost_answer(self, kannel: Kannel, gateway: Open) -> None:
        one = gateway(kannel, dlr_listen="127.0.0.1:0")
        one.send(message("x" * 200))

        wait_until(lambda: one.probe(asked("op-1-sms")).state is DeliveryState.DELIVERED)
        assert kannel.inbox(NUMBER) == ["x" * 200]

    def test_reports_to_another_service_do_not_name_the_part_of_a_text(
        self, kannel: Kannel, gateway: Open, server: MakeServer
    ) -> None:
        elsewhere = server(answering(200, ""))
        one = gateway(kannel, dlr_url=f"{elsewhere.url}?id={{id}}&part={{part}}&of={{parts}}&type=%d")
        receipt = one.send(message("x" * 200))

        for part in (1, 2):
            for kind in (8, 1):
                query = f"?id=op-1-sms&part={part}&of=2&type={kind} ".encode()
                wait_until(lambda query=query: query in b"".join(elsewhere.requests))  # type: ignore[misc]
        assert (receipt.will_report, receipt.parts) == (False, ())

    def test_reports_can_go_to_a_service_of_the_administrator(
        self, kannel: Kannel, gateway: Open, server: MakeServer
    ) -> None:
        elsewhere = server(answering(200, ""))
        one = gateway(kannel, dlr_url=f"{elsewhere.url}?id={{id}}&type=%d")
        one.send(message(delivery_id="op 1"))

        for query in (b"id=op%201&type=8 ", b"id=op%201&type=1 "):
            wait_until(lambda query=query: query in b"".join(elsewhere.requests))  # type: ignore[misc]

        assert one.probe(asked("op 1")).state is DeliveryState.UNKNOWN


class TestCheck:
    def test_it_is_fine_and_nothing_was_sent(self, kannel: Kannel, gateway: Open) -> None:
        assert gateway(kannel, status_url=kannel.status_url).check() == ()

        assert kannel.inbox(NUMBER) == []

    def test_a_wrong_password_is_found_before_the_first_message(self, kannel: Kannel, gateway: Open) -> None:
        with pytest.raises(MisconfiguredError, match="credentials"):
            gateway(kannel, password=Secret("not-the-right-one")).check()

    def test_a_kannel_that_hangs_does_not_hang_us(self, kannel: Kannel, gateway: Open) -> None:
        kannel.pause()
        began = time.monotonic()
        with pytest.raises(UnavailableError):
            gateway(kannel, timeout=1).check()

        assert time.monotonic() - began < 30

    def test_something_that_is_not_kannel_is_found_out(self, canned: Callable[..., KannelGateway]) -> None:
        with pytest.raises(UnavailableError, match="is invalid"):
            canned(200, "It works!").check()

    def test_a_missing_operator_is_worth_a_warning(self, kannel: Kannel, gateway: Open) -> None:
        kannel.network.disconnect()
        one = gateway(kannel, status_url=kannel.status_url)

        wait_until(one.check)
        warnings = one.check()
        kannel.network.connect()

        assert "not connected to any operator" in str(warnings[0])

    def test_a_status_page_that_is_closed_to_us_is_worth_a_warning(
        self, kannel: Kannel, gateway: Open, server: MakeServer
    ) -> None:
        denied = gateway(kannel, status_url=server(answering(200, "Denied")).url)
        gone = gateway(kannel, status_url=f"http://127.0.0.1:{free_ports(1)[0]}/status.xml")

        assert "has no status" in str(denied.check()[0])
        assert "cannot be reached" in str(gone.check()[0])

    def test_reports_that_a_restart_of_kannel_loses_are_worth_a_warning(self, kannel: Kannel, gateway: Open) -> None:
        reports = ReportSettings(listen="127.0.0.1:9", secret=Secret("canary-of-the-report-secret"))
        one = gateway(kannel, status_url=kannel.status_url, reports=reports)

        assert [warning for warning in one.check() if "dlr-storage" in str(warning)]

    def test_an_unencrypted_way_through_the_network_is_worth_a_warning(
        self, gateway: Open, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = gateway(url="http://kannel.invalid/cgi-bin/sendsms", username="u", password=Secret("p"))

        assert "unencrypted" in str(one._warnings()[0])

    def test_an_address_for_reports_without_their_kind_is_worth_a_warning(self, gateway: Open) -> None:
        fields = {"url": "http://127.0.0.1/sms", "username": "u", "password": Secret("p")}

        assert "no %d" in str(gateway(**fields, dlr_url="http://h/{id}")._warnings()[0])
        assert gateway(**fields, dlr_url="http://h/{id}?type=%d")._warnings() == []

    def test_reports_that_do_not_name_the_part_of_a_text_are_worth_a_warning(self) -> None:
        def warnings(dlr_url: str) -> list[str]:
            settings = KannelSettings(
                url="http://127.0.0.1:1", username="u", password=Secret("p"), dlr_url=f"http://h/{{id}}{dlr_url}"
            )
            return [str(warning) for warning in KannelGateway.open(settings, most_parts=3)._warnings()]

        assert [warning.partition(",")[0] for warning in warnings("?type=%d")] == ["dlr_url contains no {part}"]
        assert warnings("/{part}/{parts}?type=%d") == []


class TestClose:
    def test_a_port_for_reports_that_is_taken_is_our_fault(self, kannel: Kannel, gateway: Open) -> None:
        gateway(kannel, dlr_listen=(address := f"127.0.0.1:{free_ports(1)[0]}"))

        with pytest.raises(MisconfiguredError, match="cannot listen"):
            gateway(kannel, dlr_listen=address)

    def test_nothing_is_left_behind(self, kannel: Kannel, gateway: Open) -> None:
        before = set(threading.enumerate())
        one = gateway(kannel, dlr_listen="127.0.0.1:0")
        one.send(message())
        one.close()

        assert set(threading.enumerate()) <= before


def test_the_whole_way_from_the_hook_to_the_phone(
    kannel: Kannel, channel: MakeChannel, request_to: MakeRequest
) -> None:
    sms = channel(kannel.settings())

    receipt = sms.secret_deliver(request_to("0555 123 45 67", password="aB3$eF7x", replaces_earlier=True))

    assert receipt.state is DeliveryState.ACCEPTED
    text = "no. 1 temelegitim46@meb.gov.tr yeni parolaniz: aB3$eF7x - oncekiler gecersizdir."
    assert received(kannel) == [f"{text} Giris yapamazsaniz: 0344 000 00 00"]


def test_a_notice_of_several_parts_arrives_whole(kannel: Kannel, channel: MakeChannel) -> None:
    sms = channel(kannel.settings())
    recipient = Person(id="7", name="Ayşe Öğretmen", mobile="0555 123 45 67")
    notice = DeliverNotice(delivery_id="notice-1", recipient=recipient, text="Şifrenizin süresi doluyor. " * 10 + "|")

    receipt = sms.notice_deliver(notice)

    assert receipt.state is DeliveryState.ACCEPTED
    wait_until(lambda: kannel.inbox(NUMBER) == ["Sifrenizin suresi doluyor. " * 10 + "|"])
