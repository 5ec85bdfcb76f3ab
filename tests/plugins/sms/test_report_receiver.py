"""Reports of any process are taken, in any order and more than once, and of nobody who doesn't know the secret."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import attrs
import httpx
import pytest

from provisioner import Secret
from provisioner.core.api.errors import ConfigurationError, StoreError
from provisioner.core.model import MessageState
from provisioner.testing.ports import free_ports
from provisioner_sms.report_addresses import ReportAddresses, part_ids
from provisioner_sms.report_receiver import KINDS, RATE, Pace, ReportReceiver
from provisioner_sms.settings import KannelSettings, ReportSettings

SECRET = "canary-of-the-report-secret"
OTHER = "another-secret-of-reports"


@attrs.define
class Reports:
    """What a receiver was told, and how it is called."""

    url: str = ""
    taken: list[tuple[str, MessageState]] = attrs.field(factory=list)
    parts: list[tuple[str, str, MessageState]] = attrs.field(factory=list)
    messages: list[tuple[str, Sequence[str]]] = attrs.field(factory=list)
    known: bool = True
    error: Exception | None = None

    def store(self, delivery_id: str, state: MessageState) -> bool:
        if self.error:
            raise self.error
        self.taken.append((delivery_id, state))
        return self.known

    def store_part(self, channel: str, part: str, state: MessageState, message_id: str, parts: Sequence[str]) -> bool:
        self.parts.append((channel, part, state))
        self.messages.append((message_id, parts))
        return self.known

    def address(self, delivery_id: str, secret: str = SECRET) -> str:
        return ReportAddresses(self.url, Secret(secret)).address(delivery_id).replace("%%", "%")

    def post(self, delivery_id: str, kind: str, secret: str = SECRET) -> int:
        return httpx.get(self.address(delivery_id, secret).replace("%d", kind)).status_code


@pytest.fixture(name="reports")
def _reports() -> Iterator[Reports]:
    reports = Reports()
    secrets = {"sms": SECRET, "backup": SECRET, "other": OTHER}
    channels = {name: ReportAddresses("", Secret(secret)) for name, secret in secrets.items()}
    receiver = ReportReceiver.start(
        "127.0.0.1:0", channels=channels, report=reports.store, report_part=reports.store_part
    )
    reports.url = receiver.url
    yield reports
    receiver.stop()


@pytest.mark.parametrize(("kind", "state"), KINDS.items())
def test_a_kind_of_report_has_another_meaning(reports: Reports, kind: str, state: MessageState) -> None:
    assert reports.post("m-1", kind) == 200
    assert reports.taken == [("m-1", state)]


def test_the_reports_of_a_second_channel_are_refused(reports: Reports) -> None:
    assert reports.post("m-1", "1", OTHER) == 200


def test_an_id_with_signs_of_an_address_is_another_id(reports: Reports) -> None:
    assert reports.post("a/b c%d?e=ş", "1") == 200
    assert reports.taken == [("a/b c%d?e=ş", MessageState.DELIVERED)]


@pytest.mark.parametrize(("known", "channels"), [(True, ["sms"]), (False, ["sms", "backup"])])
def test_a_report_on_a_part_is_one_on_the_whole_message(reports: Reports, known: bool, channels: list[str]) -> None:
    """Two channels with the same secret can't be told apart by the address, so the store decides."""
    reports.known = known
    parts = part_ids("m-1.x", 2)
    url = ReportAddresses(reports.url, Secret(SECRET)).part_address(parts[1]).replace("%d", "1")

    assert httpx.get(url).status_code == 200
    assert reports.taken == []
    assert reports.parts == [(channel, parts[1], MessageState.DELIVERED) for channel in channels]
    assert reports.messages == [("m-1.x", parts)] * len(channels)


def test_a_token_of_a_part_is_good_for_the_whole_message(reports: Reports) -> None:
    part = ReportAddresses(reports.url, Secret(SECRET)).part_address("m-1").replace("%d", "1")

    assert httpx.get(part.replace("/part/", "/")).status_code == 404
    assert httpx.get(reports.address("m-1").replace("/m-1/", "/part/m-1/").replace("%d", "1")).status_code == 404
    assert (reports.taken, reports.parts) == ([], [])


def test_a_token_of_an_earlier_process_is_refused() -> None:
    first, second = (ReportAddresses("http://localhost", Secret(SECRET)) for _ in range(2))

    assert first.address("m-1") == second.address("m-1")
    assert first.address("m-1") != first.address("m-2")
    assert SECRET not in f"{first!r} {first.address('m-1')}"


@pytest.mark.parametrize(
    "change",
    [
        lambda url: url.replace("m-1", "m-2"),
        lambda url: url.replace("?", "0?"),
        lambda url: url.rpartition("/")[0] + "/?type=%d",
        lambda url: url.rpartition("/")[0] + "?type=%d",
        lambda url: "http://" + url.split("/")[2] + "/%s?type=%d",
    ],
)
def test_a_report_without_its_token_is_taken(reports: Reports, change: Callable[[str], str]) -> None:
    url = change(reports.address("m-1")).replace("%d", "1").replace("%s", "x")

    assert httpx.get(url).status_code == 404
    assert reports.taken == []


@pytest.mark.parametrize("kind", ["", "0", "3", "32", "x", "1'"])
def test_a_report_that_says_nothing_is_taken(reports: Reports, kind: str) -> None:
    assert reports.post("m-1", kind) == 400
    assert reports.taken == []


def test_a_report_that_was_not_stored_is_acknowledged(reports: Reports) -> None:
    reports.error = StoreError("the disk is full")

    assert reports.post("m-1", "1") == 503


def test_a_report_on_a_notice_is_repeated_for_an_hour(reports: Reports) -> None:
    """Nothing is stored about notices, and Kannel repeats what is not taken."""
    reports.known = False

    assert reports.post("m-1", "1") == 200


def test_a_long_request_is_read(reports: Reports) -> None:
    url = reports.address("m-1").replace("%d", "1")

    assert httpx.post(url, content=b"x" * 2000).status_code == 413
    assert reports.taken == []


def test_many_callers_at_once_are_turned_away(reports: Reports) -> None:
    urls = [reports.address(f"m-{number}").replace("%d", "1") for number in range(200)]
    with httpx.Client(timeout=60) as client, ThreadPoolExecutor(64) as pool:
        answers = {answer.status_code for answer in pool.map(client.get, urls)}

    assert answers == {200}
    assert len(reports.taken) == 200


def test_requests_are_answered_without_a_bound() -> None:
    time = 0.0
    pace = Pace(2, seconds=lambda: time)
    admitted = [pace.admits() for _ in range(3)]
    time = 1.0

    assert admitted == [True, True, False]
    assert pace.admits()
    assert RATE > 100


def test_a_taken_port_is_no_error_of_the_configuration() -> None:
    [port] = free_ports(1)
    start = partial(
        ReportReceiver.start,
        f"127.0.0.1:{port}",
        channels={},
        report=lambda *_: True,
        report_part=lambda *_: True,
    )
    receiver = start()
    try:
        with pytest.raises(ConfigurationError, match="cannot listen for delivery reports"):
            start()
    finally:
        receiver.stop()


def test_a_secret_that_can_be_guessed_is_taken() -> None:
    with pytest.raises(ConfigurationError, match="at least 16 characters") as wrong:
        ReportSettings(listen="127.0.0.1:8046", secret=Secret("short"))
    assert "short" not in str(wrong.value)


@pytest.mark.parametrize("listen", ["8046", "127.0.0.1", "127.0.0.1:99999", ":1"])
def test_a_place_that_cannot_be_listened_on_is_taken(listen: str) -> None:
    with pytest.raises(ConfigurationError, match="HOST:PORT"):
        ReportSettings(listen=listen, secret=Secret(SECRET))


def test_two_receivers_are_set_for_one_channel() -> None:
    with pytest.raises(ConfigurationError, match="only one of"):
        KannelSettings(
            url="http://localhost/",
            username="u",
            password=Secret("p"),
            dlr_listen="127.0.0.1:0",
            reports=ReportSettings(listen="127.0.0.1:8046", secret=Secret(SECRET)),
        )
