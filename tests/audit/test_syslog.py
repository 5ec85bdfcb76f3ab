"""Whatever an event says, the message keeps the grammar of RFC 5424."""

from __future__ import annotations

import json
import re

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.audit.framing import Framing
from provisioner.audit.syslog import Severity, Syslog, escaped, severity
from provisioner.core.api.events import Event
from provisioner.store import Store
from provisioner.store.audit.chain import GENESIS
from tests.audit.conftest import entry

#: The ABNF of RFC 5424, section 6, rule by rule.
PRINTUSASCII = rb"[\x21-\x7e]"
SD_NAME = rb'(?:(?![ =\]"])[\x21-\x7e]){1,32}'
PARAM_VALUE = rb'(?:[^"\\\]]|\\["\\\]])*'
SD_PARAM = rb"%s=\"%s\"" % (SD_NAME, PARAM_VALUE)
SD_ELEMENT = rb"\[%s(?: %s)*\]" % (SD_NAME, SD_PARAM)
FULL_DATE = rb"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
TIME = rb"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)"
SYSLOG_MSG = re.compile(
    rb"<(?P<pri>\d{1,3})>(?P<version>[1-9]\d{0,2})"
    rb" (?P<timestamp>-|%s)"
    % (FULL_DATE + b"T" + TIME)
    + rb" (?P<hostname>%s{1,255})" % PRINTUSASCII
    + rb" (?P<app>%s{1,48})" % PRINTUSASCII
    + rb" (?P<procid>%s{1,128})" % PRINTUSASCII
    + rb" (?P<msgid>%s{1,32})" % PRINTUSASCII
    + rb" (?P<data>-|(?:%s)+)" % SD_ELEMENT
    + rb"(?: \xef\xbb\xbf(?P<msg>.*))?",
    re.DOTALL,
)
PARAM = re.compile(rb"(%s)=\"(%s)\"" % (SD_NAME, PARAM_VALUE), re.DOTALL)


def parsed(message: bytes) -> dict[str, bytes]:
    """Read a message by the grammar alone."""
    assert message.endswith(b"\n")
    assert message.count(b"\n") == 1
    found = SYSLOG_MSG.fullmatch(message[:-1])
    assert found, message
    message.decode()  # section 6.4: what has a BOM is UTF-8
    return found.groupdict()


def params(data: bytes) -> dict[str, str]:
    return {name.decode(): re.sub(rb'\\(["\\\]])', rb"\1", value).decode() for name, value in PARAM.findall(data)}


def body(**more: object) -> str:
    event = {
        "actor": "p1",
        "at": "2026-11-22T12:00:00.000000Z",
        "kind": "step_ended",
        "login": "ab46",
        "operation_id": "op",
        **more,
    }
    return json.dumps(event, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


SYSLOG = Syslog(hostname="host.example")


def test_message_is_what_the_rfc_says() -> None:
    one = entry(body(actor="Gül Öz"))

    message = SYSLOG.message(one, GENESIS)

    assert message.decode() == (
        "<110>1 2026-11-22T12:00:00.000000Z host.example provisioner - step_ended "
        f'[provisioner@32473 seq="1" previous="{GENESIS}" hash="{one.hash}" '
        'actor="Gül Öz" login="ab46" operation="op"] '
        f"\N{ZERO WIDTH NO-BREAK SPACE}{one.body.decode()}\n"
    )


@given(actor=st.text(), login=st.text(alphabet='"\\] =\n\r\t\0é'), kind=st.text(), operation_id=st.text())
def test_nothing_breaks_the_grammar_and_nothing_is_lost(actor: str, login: str, kind: str, operation_id: str) -> None:
    one = entry(body(actor=actor, login=login, kind=kind, operation_id=operation_id))

    found = parsed(SYSLOG.message(one, GENESIS))

    assert found["msg"] == one.body
    told = params(found["data"])
    assert set(told) == {"seq", "previous", "hash", "actor", "login", "operation"}
    assert told["hash"] == one.hash
    if actor.isprintable():
        assert told["actor"] == actor


def test_control_characters_do_not_end_a_line() -> None:
    assert escaped('a\n"b"\0\x7f]\\') == 'a#012\\"b\\"#000#177\\]\\\\'


def test_characters_without_a_shape_are_shown() -> None:
    """A parameter is RFC 5424's UTF-8, and the viewer of a collector would turn the line around."""
    assert escaped("1001\u202e\x9b\u2028") == r"1001\\u202e\\x9b\\u2028"


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"state": "done", "error": None}, Severity.INFORMATIONAL),
        ({"state": "failed", "error": {"name": "RefusedError"}}, Severity.ERROR),
        ({"state": "incomplete", "error": {"name": "UnavailableError"}}, Severity.WARNING),
        ({"step": {"outcome": "applied", "error": None}}, Severity.INFORMATIONAL),
        ({"step": {"outcome": "unknown", "error": {"name": "UnknownOutcomeError"}}}, Severity.WARNING),
        ({"step": "odd"}, Severity.INFORMATIONAL),
    ],
)
def test_severity_asks_for_attention_where_something_went_wrong(event: dict[str, object], expected: Severity) -> None:
    assert severity(event) is expected
    assert parsed(SYSLOG.message(entry(body(**event)), GENESIS))["pri"] == str(13 * 8 + expected).encode()


def test_time_that_is_none_is_the_nil_value() -> None:
    assert parsed(SYSLOG.message(entry(body(at="x y")), GENESIS))["timestamp"] == b"-"


def test_enterprise_number_can_be_ones_own() -> None:
    message = Syslog(hostname="h", enterprise_number=99).message(entry(body()), GENESIS)

    assert parsed(message)["data"].startswith(b"[provisioner@99 ")


def test_host_that_cannot_stand_in_a_header_is_the_nil_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "şube sunucusu")

    assert Syslog().hostname == "-"


def _concrete(cls: type[Event]) -> list[type[Event]]:
    below = [one for sub in cls.__subclasses__() for one in _concrete(sub)]
    return below or [cls]


def test_every_kind_of_event_can_be_a_message_id() -> None:
    """What is too long, or not ASCII, would be sent as "-"."""
    kinds = [event.kind for event in _concrete(Event) if event.__module__.startswith("provisioner")]

    assert [kind for kind in kinds if not re.fullmatch(r"[!-~]{1,32}", kind)] == []


def test_real_events_are_messages(store: Store) -> None:
    verifier = store.audit_log.after(0)
    previous, messages = verifier.head.hash, []
    for one in verifier:
        messages.append(parsed(SYSLOG.message(one, previous)))
        previous = one.hash

    assert [params(message["data"])["seq"] for message in messages] == [str(seq) for seq in range(1, 15)]
    assert {message["msgid"] for message in messages} >= {b"operation_planned", b"step_ended"}


class TestMaxSize:
    """A collector splits what is longer, or stores only its beginning."""

    def test_message_of_just_that_size_is_whole(self) -> None:
        one = entry(body())
        size = len(SYSLOG.message(one, GENESIS)) - 1

        assert attrs.evolve(SYSLOG, max_size=size).message(one, GENESIS) == SYSLOG.message(one, GENESIS)

    def test_longer_message_says_how_much_was_left_out(self) -> None:
        one = entry(body(reason="ü" * 9000))

        message = attrs.evolve(SYSLOG, max_size=8096).message(one, GENESIS)

        found = parsed(message)
        assert found["msg"] is None
        told = params(found["data"])
        assert told["omitted"] == str(len(one.body))
        assert (told["seq"], told["hash"]) == ("1", one.hash)

    def test_message_is_framed_as_asked(self) -> None:
        one = entry(body())

        message = attrs.evolve(SYSLOG, framing=Framing.OCTET_COUNTING).message(one, GENESIS)

        assert message == b"%d %s" % (len(message) - 4, SYSLOG.message(one, GENESIS)[:-1])
