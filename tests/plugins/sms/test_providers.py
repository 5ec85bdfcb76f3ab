"""Each code of a provider has one meaning, and an answer without one is never taken for more than it says."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

import attrs
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from provisioner import DeliveryState, Secret
from provisioner.core.api.errors import (
    ForbiddenError,
    MisconfiguredError,
    RefusedError,
    SystemMisconfiguredError,
    TargetError,
    ThrottledError,
    TransientError,
    UnavailableError,
    UnknownOutcomeError,
)
from provisioner.core.api.messages import DeliveryReceipt
from provisioner_sms.gateway import BatchGateway, SmsMessage
from provisioner_sms.opening import open_gateway
from provisioner_sms.providers import iletimerkezi, netgsm, verimor
from provisioner_sms.settings import Settings
from tests.plugins.sms.conftest import NUMBER, PASSWORD, asked, make_section
from tests.raw_http import MakeServer

TAKEN, REFUSED, UNKNOWN = DeliveryState.ACCEPTED, DeliveryState.REJECTED, DeliveryState.UNKNOWN
ON_PHONE, LIMITED = DeliveryState.DELIVERED, ThrottledError
OURS, NO_CREDIT, LATER, LOST = MisconfiguredError, SystemMisconfiguredError, TransientError, UnknownOutcomeError

Outcome = DeliveryState | type[TargetError]

#: The credentials in the tables below, which must not be in an address.
KEY = "anahtar-1"

TABLES: Mapping[str, dict[str, Any]] = {
    "netgsm": {"username": "8501234567", "password": f"plain:{KEY}"},
    "verimor": {"username": "908501234567", "password": f"plain:{KEY}"},
    "iletimerkezi": {"key": "plain:k1", "hash": f"plain:{KEY}"},
}
#: Where each provider takes messages.
PATHS = {"netgsm": "/sms/rest/v2/send", "verimor": "/v2/send.json", "iletimerkezi": "/v1/send-sms/json"}

Open = Callable[..., BatchGateway]


@pytest.fixture(name="gateway")
def _gateway() -> Iterator[Open]:
    opened: list[BatchGateway] = []

    def make(kind: str, url: str, **more: Any) -> BatchGateway:
        table = {
            "gateway": kind,
            "sender": "ILMEM",
            "help_desk": "0344",
            kind: {**TABLES[kind], "url": url.rstrip("/"), "timeout": 2, **more},
        }
        opened.append(open_gateway(make_section(table).settings(Settings), "sms"))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def message() -> SmsMessage:
    return SmsMessage(delivery_id="0d1c-7", to=NUMBER, text=Secret(f"parola {PASSWORD}"), sender="ILMEM")


def outcome(call: Callable[[], DeliveryReceipt]) -> Outcome:
    try:
        return call().state
    except TargetError as raised:
        error = raised
    assert PASSWORD not in f"{error} {error.cure} {error!r} {vars(error)}"
    return type(error)


def answer_with(server: HTTPServer, path: str, status: int, body: object) -> None:
    data = body if isinstance(body, str) else json.dumps(body)
    server.expect_request(path).respond_with_data(data, status)


NETGSM = {
    **dict.fromkeys(("00", "01", "02"), TAKEN),
    **dict.fromkeys(("20", "70"), REFUSED),
    **dict.fromkeys(("30", "40", "50", "51"), OURS),
    **dict.fromkeys(("80", "85"), LIMITED),
    **dict.fromkeys(("100", "101", "110"), LATER),
}
NETGSM_OTP = {
    "00": TAKEN,
    **dict.fromkeys(("20", "50", "51", "52", "70"), REFUSED),
    **dict.fromkeys(("30", "40", "41"), OURS),
    "60": NO_CREDIT,
    "80": LIMITED,
    **dict.fromkeys(("100", "101", "110"), LATER),
}
ILETIMERKEZI = {
    "200": TAKEN,
    **dict.fromkeys(("400", "401", "404", "450", "459", "460", "468", "469", "470"), OURS),
    "402": NO_CREDIT,
    **dict.fromkeys(("422", "452", "453", "454", "466"), REFUSED),
    "451": LOST,
    "503": LATER,
}
VERIMOR = {
    **dict.fromkeys(
        (
            "MISSING_MESSAGE",
            "MESSAGE_TOO_LONG",
            "FORBIDDEN_MESSAGE",
            "INVALID_UTF8",
            "MISSING_DESTINATION_ADDRESS",
            "INVALID_DESTINATION_ADDRESS",
            "BLACKLISTED_DESTINATION_ADDRESS",
            "NOT_ALLOWED_BY_IYS",
            "INTERNATIONAL_DENIED",
        ),
        REFUSED,
    ),
    **dict.fromkeys(
        (
            "INVALID_SOURCE_ADDRESS",
            "MISSING_IYS_BRAND_CODE",
            "AHS_AUTHORIZATION_ERROR",
            "NO_AHS_BRAND_ERROR",
            "INVALID_IYS_RECIPIENT_TYPE",
            "COMMERCIAL_SENDING_ERROR_UNDER_150K",
            "INVALID_PERIOD",
            "INVALID_DELIVERY_TIME",
            "INVALID_DATACODING",
            "INVALID_JSON",
            "MESSAGE_COUNT_LIMIT_EXCEEDED",
        ),
        OURS,
    ),
    **dict.fromkeys(("MUKERRER_RAPORLAMA", "DOUBLE_SEND_ERROR"), LOST),
    "INSUFFICIENT_CREDITS": NO_CREDIT,
    "401": OURS,
    "429": LIMITED,
}


@pytest.mark.parametrize(
    ("kind", "number"), [("netgsm", "+15305550123"), ("iletimerkezi", "+15305550123"), ("verimor", "+5351234567")]
)
def test_a_password_for_a_number_abroad_reaches_the_turkish_phone_with_the_same_digits(
    gateway: Open, httpserver: HTTPServer, kind: str, number: str
) -> None:
    abroad = attrs.evolve(message(), to=number)

    with pytest.raises(RefusedError, match="another number"):
        gateway(kind, httpserver.url_for("")).send(abroad)
    assert httpserver.log == []


def test_a_code_has_no_expected_meaning() -> None:
    assert NETGSM.keys() == netgsm.SEND.keys()
    assert NETGSM_OTP.keys() == netgsm.SEND_OTP.keys()
    assert ILETIMERKEZI.keys() == iletimerkezi.SEND.keys()
    assert VERIMOR.keys() == verimor.SEND.keys()


@pytest.mark.parametrize(("code", "expected"), NETGSM.items())
def test_a_code_of_netgsm_is_misread(gateway: Open, httpserver: HTTPServer, code: str, expected: Outcome) -> None:
    status = 200 if expected is TAKEN else 406
    answer_with(httpserver, PATHS["netgsm"], status, {"code": code, "jobid": "17377215342605050417149344"})
    one = gateway("netgsm", httpserver.url_for(""))

    assert outcome(lambda: one.send(message())) is expected


@pytest.mark.parametrize(("code", "expected"), NETGSM_OTP.items())
def test_a_code_of_a_one_time_password_is_misread(
    gateway: Open, httpserver: HTTPServer, code: str, expected: Outcome
) -> None:
    status = 200 if expected is TAKEN else 406
    answer_with(httpserver, "/sms/rest/v2/otp", status, {"code": code, "jobid": "17"})
    one = gateway("netgsm", httpserver.url_for(""), otp=True)

    assert outcome(lambda: one.send(message())) is expected
    [(request, _)] = httpserver.log
    assert request.json == {"msgheader": "ILMEM", "msg": f"parola {PASSWORD}", "no": "5551234567"}


@pytest.mark.parametrize(("code", "expected"), ILETIMERKEZI.items())
@pytest.mark.parametrize("kind", [str, int])
def test_a_code_of_iletimerkezi_is_misread(
    gateway: Open, httpserver: HTTPServer, code: str, expected: Outcome, kind: type
) -> None:
    document = {"response": {"status": {"code": kind(code), "message": "..."}, "order": {"id": 77}}}
    answer_with(httpserver, PATHS["iletimerkezi"], int(code), document)
    one = gateway("iletimerkezi", httpserver.url_for(""))

    assert outcome(lambda: one.send(message())) is expected


@pytest.mark.parametrize(("code", "expected"), VERIMOR.items())
def test_a_word_of_verimor_is_misread(gateway: Open, httpserver: HTTPServer, code: str, expected: Outcome) -> None:
    status = int(code) if code.isdigit() else 400
    answer_with(httpserver, PATHS["verimor"], status, "Hesabinizda izinli IP yok" if code.isdigit() else f"{code}\n")
    one = gateway("verimor", httpserver.url_for(""))

    assert outcome(lambda: one.send(message())) is expected


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        ("netgsm", {"code": "00", "jobid": "job-7"}),
        ("verimor", "20212"),
        ("iletimerkezi", {"response": {"status": {"code": 200}, "order": {"id": "990"}}}),
    ],
)
def test_a_message_is_handed_over_with_a_secret_in_the_address(
    gateway: Open, httpserver: HTTPServer, kind: str, document: object
) -> None:
    answer_with(httpserver, PATHS[kind], 200, document)

    receipt = gateway(kind, httpserver.url_for("")).send(message())

    reference = {"netgsm": "job-7", "verimor": "20212", "iletimerkezi": "990"}[kind]
    assert (receipt.state, receipt.reference, receipt.gateway) == (TAKEN, reference, kind)
    assert receipt.will_report is (kind != "verimor")
    [(request, _)] = httpserver.log
    assert KEY not in request.url
    assert "5551234567" not in request.url
    assert PASSWORD in json.dumps(request.json)


def test_verimor_is_not_told_our_id(gateway: Open, httpserver: HTTPServer) -> None:
    answer_with(httpserver, PATHS["verimor"], 200, "20212")
    gateway("verimor", httpserver.url_for("")).send(message())

    [(request, _)] = httpserver.log
    assert request.json["custom_id"] == "0d1c-7"
    assert request.json["is_commercial"] is False


@pytest.mark.parametrize("kind", ["netgsm", "iletimerkezi"])
def test_a_message_is_sent_as_advertising(gateway: Open, httpserver: HTTPServer, kind: str) -> None:
    answer_with(httpserver, PATHS[kind], 500, "")
    outcome(lambda: gateway(kind, httpserver.url_for("")).send(message()))

    [(request, _)] = httpserver.log
    assert request.json["iysfilter"] == "0" if kind == "netgsm" else request.json["request"]["order"]["iys"] == "0"


HTML = "<!DOCTYPE html><html><title>Bakim</title></html>"

#: Answers that no provider documents, and what they may be taken for.
JUNK: list[tuple[int, str, Outcome]] = [
    *((200, body, LOST) for body in ("", HTML, "[]", "null", "{", '"00"', '{"code": null}', '{"response": []}', "-1")),
    (200, '{"code": "5000"}', LOST),
    (200, '{"response": {"status": {"code": "999"}}}', LOST),
    (500, HTML, LOST),
    (502, HTML, LOST),
    (503, HTML, LOST),
    (408, "", LOST),
    (429, HTML, LIMITED),
    (401, HTML, OURS),
    (403, HTML, ForbiddenError),
    (404, HTML, OURS),
    (302, HTML, OURS),
    (413, HTML, REFUSED),
]


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize(("status", "body", "expected"), JUNK)
def test_an_answer_that_says_nothing_is_taken_for_an_outcome(
    gateway: Open, httpserver: HTTPServer, *, kind: str, status: int, body: str, expected: Outcome
) -> None:
    answer_with(httpserver, PATHS[kind], status, body)
    one = gateway(kind, httpserver.url_for(""))

    assert outcome(lambda: one.send(message())) is expected


@pytest.mark.parametrize("kind", TABLES)
def test_the_pause_that_a_provider_asks_for_is_ignored(gateway: Open, httpserver: HTTPServer, kind: str) -> None:
    httpserver.expect_request(PATHS[kind]).respond_with_data("", 429, {"Retry-After": "30"})

    with pytest.raises(ThrottledError) as throttled:
        gateway(kind, httpserver.url_for("")).send(message())

    assert throttled.value.retry_after == 30


@pytest.mark.parametrize("kind", TABLES)
def test_a_lost_answer_is_taken_for_a_refusal(gateway: Open, server: MakeServer, kind: str) -> None:
    def hang_up(connection: socket.socket) -> None:
        connection.shutdown(socket.SHUT_RDWR)

    url = server(hang_up).url.removesuffix("/sms")

    assert outcome(lambda: gateway(kind, url).send(message())) is LOST


@pytest.mark.parametrize("kind", TABLES)
def test_an_answer_that_is_cut_is_taken_for_an_outcome(gateway: Open, server: MakeServer, kind: str) -> None:
    def cut(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")

    url = server(cut).url.removesuffix("/sms")
    assert outcome(lambda: gateway(kind, url).send(message())) is LOST


@pytest.mark.parametrize("kind", TABLES)
def test_a_gateway_that_is_not_there_may_have_the_message(gateway: Open, kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    assert outcome(lambda: gateway(kind, f"http://127.0.0.1:{port}").send(message())) is UnavailableError


# -- reports ---------------------------------------------------------------------------------------------------------


def test_netgsm_gets_more_questions_than_it_answers(gateway: Open, httpserver: HTTPServer) -> None:
    """It answers ten in a minute, and refuses all others."""
    answer_with(httpserver, "/sms/rest/v2/report", 200, {"code": "00", "jobs": []})
    one = gateway("netgsm", httpserver.url_for(""))
    for number in range(10):
        one.probe(asked("0d1c-7", gateway="netgsm", reference=str(number)))

    with pytest.raises(ThrottledError, match="10 questions in 60"):
        one.probe(asked("0d1c-7", gateway="netgsm", reference="11"))
    assert len(httpserver.log) == 10


NETGSM_STATES: Mapping[object, Outcome] = {
    0: UNKNOWN,
    1: ON_PHONE,
    **dict.fromkeys((2, 3, 4, 11, 12, 14, 15, 16, 17), REFUSED),
    13: UNKNOWN,
    99: UNKNOWN,
    None: UNKNOWN,
}


@pytest.mark.parametrize(("status", "expected"), NETGSM_STATES.items())
@pytest.mark.parametrize("kind", [str, lambda status: status])
def test_a_report_of_netgsm_is_misread(
    gateway: Open, httpserver: HTTPServer, status: object, expected: Outcome, kind: Callable[[object], object]
) -> None:
    jobs = [{"jobid": "other", "status": 1}, {"jobid": "17", "status": kind(status)}]
    answer_with(httpserver, "/sms/rest/v2/report", 200, {"code": "00", "jobs": jobs})
    one = gateway("netgsm", httpserver.url_for(""))

    assert outcome(lambda: one.probe(asked("0d1c-7", gateway="netgsm", reference="17"))) is expected
    [(request, _)] = httpserver.log
    assert request.json["jobids"] == ["17"]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ((1, 1), ON_PHONE),
        ((1, 0), UNKNOWN),
        ((0, 1), UNKNOWN),
        ((1, 3), REFUSED),
        ((3, 0), REFUSED),
        ((1,) * 10, UNKNOWN),
    ],
)
def test_one_of_several_results_of_netgsm_speaks_for_the_message(
    gateway: Open, httpserver: HTTPServer, statuses: tuple[int, ...], expected: Outcome
) -> None:
    """Ten results are a full page, so there may be more."""
    jobs = [{"jobid": "17", "status": status} for status in statuses]
    answer_with(httpserver, "/sms/rest/v2/report", 200, {"code": "00", "jobs": jobs})
    one = gateway("netgsm", httpserver.url_for(""))

    assert outcome(lambda: one.probe(asked("0d1c-7", gateway="netgsm", reference="17"))) is expected


@pytest.mark.parametrize(
    ("code", "expected"),
    {
        "00": UNKNOWN,
        "60": UNKNOWN,
        "80": LIMITED,
        "30": OURS,
        "70": REFUSED,
        "100": LATER,
        "101": LATER,
        "110": LATER,
    }.items(),
)
def test_a_question_that_netgsm_refuses_is_an_answer(
    gateway: Open, httpserver: HTTPServer, code: str, expected: Outcome
) -> None:
    assert code in netgsm.REPORT
    answer_with(httpserver, "/sms/rest/v2/report", 406, {"code": code, "jobs": None})
    one = gateway("netgsm", httpserver.url_for(""))

    assert outcome(lambda: one.probe(asked("0d1c-7", gateway="netgsm", reference="17"))) is expected


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({"status": "114", "message": [{"number": "+905551234567", "status": "111"}]}, ON_PHONE),
        ({"status": 114, "message": {"number": "+905551234567", "status": 111}}, ON_PHONE),
        ({"status": "114", "message": [{"status": "112"}]}, REFUSED),
        ({"status": "113", "message": [{"status": "110"}]}, UNKNOWN),
        ({"status": "114", "message": [{"status": "111"}, {"status": "111"}]}, ON_PHONE),
        ({"status": "113", "message": [{"status": "111"}, {"status": "110"}]}, UNKNOWN),
        ({"status": "113", "message": [{"status": "110"}, {"status": "111"}]}, UNKNOWN),
        ({"status": "114", "message": [{"status": "112"}, {"status": "111"}]}, REFUSED),
        ({"status": "114", "message": []}, UNKNOWN),
        ({"status": "114"}, UNKNOWN),
        ({"status": "115"}, REFUSED),
        (None, UNKNOWN),
    ],
)
def test_a_report_of_iletimerkezi_is_misread(
    gateway: Open, httpserver: HTTPServer, order: object, expected: Outcome
) -> None:
    document = {"response": {"status": {"code": 200}, "order": order}}
    answer_with(httpserver, "/v1/get-report/json", 200, document)
    one = gateway("iletimerkezi", httpserver.url_for(""))

    assert outcome(lambda: one.probe(asked("0d1c-7", gateway="iletimerkezi", reference="990"))) is expected
    [(request, _)] = httpserver.log
    assert request.json["request"]["order"]["id"] == "990"


@pytest.mark.parametrize(
    ("code", "expected"),
    {"200": UNKNOWN, "455": UNKNOWN, "456": UNKNOWN, "400": OURS, "401": OURS, "404": OURS, "503": LATER}.items(),
)
def test_a_question_that_iletimerkezi_refuses_is_an_answer(
    gateway: Open, httpserver: HTTPServer, code: str, expected: Outcome
) -> None:
    assert code in iletimerkezi.REPORT
    answer_with(httpserver, "/v1/get-report/json", int(code), {"response": {"status": {"code": code}}})
    one = gateway("iletimerkezi", httpserver.url_for(""))

    assert outcome(lambda: one.probe(asked("0d1c-7", gateway="iletimerkezi", reference="990"))) is expected


@pytest.mark.parametrize("kind", TABLES)
def test_a_provider_is_asked_about_what_it_cannot_know(gateway: Open, httpserver: HTTPServer, kind: str) -> None:
    assert outcome(lambda: gateway(kind, httpserver.url_for("")).probe(asked("0d1c-7"))) is UNKNOWN
    assert httpserver.log == []


@pytest.mark.parametrize("kind", ["netgsm", "iletimerkezi"])
@pytest.mark.parametrize(
    ("status", "body"), [(200, HTML), (500, HTML), (200, "[]"), (200, '{"code": "00", "jobs": 3}')]
)
def test_a_report_that_says_nothing_is_an_outcome(
    gateway: Open, httpserver: HTTPServer, kind: str, status: int, body: str
) -> None:
    path = {"netgsm": "/sms/rest/v2/report", "iletimerkezi": "/v1/get-report/json"}[kind]
    answer_with(httpserver, path, status, body)
    one = gateway(kind, httpserver.url_for(""))

    assert outcome(lambda: one.probe(asked("0d1c-7", gateway=kind, reference="17"))) is UNKNOWN


# -- check -----------------------------------------------------------------------------------------------------------

CHECKS: list[tuple[str, str, int, object, type[TargetError] | None]] = [
    ("netgsm", "/sms/rest/v2/msgheader", 200, {"code": "00", "msgheaders": ["OKUL", "ILMEM"]}, None),
    ("netgsm", "/sms/rest/v2/msgheader", 200, {"code": "00", "msgheaders": ["OKUL"]}, OURS),
    ("netgsm", "/sms/rest/v2/msgheader", 406, {"code": "30"}, OURS),
    ("netgsm", "/sms/rest/v2/msgheader", 406, {"code": "100"}, LATER),
    ("netgsm", "/sms/rest/v2/msgheader", 200, HTML, UnavailableError),
    ("verimor", "/v2/cancel/0", 400, "Kampanya bulunamadı: 0", None),
    ("verimor", "/v2/cancel/0", 401, "Geçersiz kullanıcı adı/şifre", OURS),
    ("verimor", "/v2/cancel/0", 400, "INVALID_JSON", OURS),
    ("verimor", "/v2/cancel/0", 429, "", LIMITED),
    ("verimor", "/v2/cancel/0", 502, HTML, UnavailableError),
    ("iletimerkezi", "/v1/get-balance/json", 200, {"response": {"status": {"code": "200"}}}, None),
    ("iletimerkezi", "/v1/get-balance/json", 401, {"response": {"status": {"code": "401"}}}, OURS),
    ("iletimerkezi", "/v1/get-balance/json", 200, HTML, UnavailableError),
]


@pytest.mark.parametrize(("kind", "path", "status", "body", "expected"), CHECKS)
def test_a_check_hides_that_messages_cannot_be_sent(
    gateway: Open,
    httpserver: HTTPServer,
    *,
    kind: str,
    path: str,
    status: int,
    body: object,
    expected: type[TargetError] | None,
) -> None:
    answer_with(httpserver, path, status, body)
    one = gateway(kind, httpserver.url_for(""))

    if expected is None:
        assert one.check() == ()
        [(request, _)] = httpserver.log
        assert KEY not in request.url
    else:
        with pytest.raises(expected):
            one.check()


def test_credentials_of_netgsm_are_in_the_body(gateway: Open, httpserver: HTTPServer) -> None:
    def answer(request: Any) -> Response:
        assert request.authorization.username == "8501234567"
        assert request.authorization.password == KEY
        assert KEY not in request.get_data(as_text=True)
        return Response('{"code": "00", "jobid": "1"}', HTTPStatus.OK)

    httpserver.expect_request(PATHS["netgsm"]).respond_with_handler(answer)

    assert gateway("netgsm", httpserver.url_for("")).send(message()).state is TAKEN


#: The providers that take several messages, and what they are sent for two.
BATCHES: Mapping[str, dict[str, Any]] = {
    "netgsm": {
        "msgheader": "ILMEM",
        "iysfilter": "0",
        "messages": [{"msg": "bir", "no": "5551234567"}, {"msg": "iki", "no": "5551234568"}],
    },
    "verimor": {
        "username": "908501234567",
        "password": KEY,
        "source_addr": "ILMEM",
        "custom_id": "m1",
        "datacoding": "0",
        "is_commercial": False,
        "messages": [
            {"msg": "bir", "dest": "905551234567", "id": "m1"},
            {"msg": "iki", "dest": "905551234568", "id": "m2"},
        ],
    },
}


def two_messages() -> list[SmsMessage]:
    texts = {"m1": (NUMBER, "bir"), "m2": ("+905551234568", "iki")}
    return [SmsMessage(delivery_id=one, to=to, text=Secret(text), sender="ILMEM") for one, (to, text) in texts.items()]


@pytest.mark.parametrize(("kind", "body"), [("netgsm", {"code": "00", "jobid": "17"}), ("verimor", "17")])
def test_two_messages_are_not_one_request(gateway: Open, httpserver: HTTPServer, kind: str, body: object) -> None:
    answer_with(httpserver, PATHS[kind], 200, body)
    receipts = gateway(kind, httpserver.url_for("")).send_batch(two_messages())

    assert {one: (found.state, found.reference) for one, found in receipts.items()} == {
        "m1": (TAKEN, "17"),
        "m2": (TAKEN, "17"),
    }
    [(asked_for, _)] = httpserver.log
    assert asked_for.get_json() == BATCHES[kind]


@pytest.mark.parametrize(
    ("kind", "answer", "expected"),
    [
        ("netgsm", (200, {"code": "20"}), RefusedError),
        ("netgsm", (200, {"code": "80"}), LIMITED),
        ("netgsm", (200, {"code": "30"}), OURS),
        ("netgsm", (200, {"result": "?"}), LOST),
        ("netgsm", (500, ""), LOST),
        ("verimor", (400, "INVALID_DESTINATION_ADDRESS"), RefusedError),
        ("verimor", (400, "DOUBLE_SEND_ERROR"), LOST),
        ("verimor", (429, ""), LIMITED),
        ("verimor", (200, "what?"), LOST),
    ],
)
def test_one_answer_to_two_messages_says_more_than_to_one(
    gateway: Open, httpserver: HTTPServer, kind: str, answer: tuple[int, object], expected: type[TargetError]
) -> None:
    answer_with(httpserver, PATHS[kind], *answer)

    with pytest.raises(expected):
        gateway(kind, httpserver.url_for("")).send_batch(two_messages())


@pytest.mark.parametrize("table", [{"gateway": "iletimerkezi"}, {"gateway": "netgsm", "otp": True}])
def test_a_gateway_whose_answer_to_several_is_unknown_gets_several(table: dict[str, Any]) -> None:
    kind = table["gateway"]
    settings = {"gateway": kind, "sender": "ILMEM", "help_desk": "0344", kind: TABLES[kind] | table}
    settings[kind].pop("gateway")

    assert make_section(settings).settings(Settings).largest_batch == 1


@pytest.mark.parametrize(("per_second", "expected"), [(None, 50), (7.5, 7), (0.5, 1), (900, 50)])
def test_several_messages_are_more_than_a_gateway_may_get_in_a_second(per_second: float | None, expected: int) -> None:
    limit = {} if per_second is None else {"per_second": per_second}
    settings = {"gateway": "verimor", "sender": "ILMEM", "help_desk": "0344", "verimor": TABLES["verimor"] | limit}

    assert make_section(settings).settings(Settings).largest_batch == expected
