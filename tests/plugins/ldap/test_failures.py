"""Servers that are down, half dead or lose answers."""

from __future__ import annotations

import gc
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from types import FrameType, FunctionType, ModuleType
from typing import Any

import attrs
import pytest
from pyasn1.codec.ber.encoder import Encoder

from provisioner.core.api.errors import (
    ConflictError,
    LeaseLostError,
    MisconfiguredError,
    RefusedError,
    SecretRefusedError,
    TargetError,
    UnavailableError,
    UnknownOutcomeError,
)
from provisioner.core.api.fencing import Lease, fenced
from provisioner.core.api.messages import Presence
from provisioner.core.model import Account, Outcome
from provisioner.core.model.secret import Secret
from provisioner.testing import samples
from provisioner.testing.samples import OTHER_SECRET, SECRET
from provisioner.testing.slapd import Slapd
from provisioner_ldap import requests
from provisioner_ldap.client import LdapSession
from provisioner_ldap.connections import LdapClient
from provisioner_ldap.directory import Directory
from provisioner_ldap.requests import ANSWERS
from provisioner_ldap.settings import TlsMode
from provisioner_ldap.wire import Wire
from tests.frames import frames_with
from tests.plugins.ldap.conftest import (
    ADD,
    BIND,
    DELETE,
    EXTENDED,
    MODIFY,
    SEARCH,
    Administrator,
    MakeDirectory,
    Proxy,
    settings_of,
)

pytestmark = pytest.mark.server("slapd")

#: Where nothing listens.
NOWHERE = "ldaps://127.0.0.1:1"

#: The answer "busy" to each request, without its number.
BUSY = {request: bytes([answer, 7]) + b"\x0a\x01\x33\x04\x00\x04\x00" for request, answer in ANSWERS.items()}

#: Whose name nobody knows.
NAMELESS = "ldaps://directory.invalid"


@pytest.fixture(autouse=True)
def _name_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answer at once, also where there is no network."""
    real = socket.getaddrinfo

    def look_up(host: str, *arguments: Any, **options: Any) -> Any:
        if host.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.fixture(name="through_proxy")
def _through_proxy(make_directory: MakeDirectory, proxy: Proxy) -> Directory:
    return make_directory(urls=(proxy.url,), tls=TlsMode.NONE, timeout=1, connect_timeout=1)


@pytest.fixture(name="own_server")
def _own_server() -> Iterator[Slapd]:
    """Start a server that a test may kill."""
    with Slapd() as server:
        yield server


class TestServerIsDown:
    @pytest.mark.parametrize("url", [NOWHERE, NAMELESS])
    def test_it_is_said_that_nothing_was_sent(self, make_directory: MakeDirectory, account: Account, url: str) -> None:
        with pytest.raises(UnavailableError) as caught:
            make_directory(urls=(url,)).create(samples.create(account))

        assert url in str(caught.value)

    def test_the_next_server_takes_over(self, make_directory: MakeDirectory, slapd: Slapd) -> None:
        report = make_directory(urls=(NOWHERE, NAMELESS, slapd.ldaps_url)).check()

        assert report.capabilities.facts["server"] == slapd.ldaps_url

    def test_it_is_used_again_after_a_restart(
        self, make_directory: MakeDirectory, account: Account, own_server: Slapd
    ) -> None:
        directory = make_directory(own_server)
        directory.create(samples.create(account))
        directory.probe(samples.probe(SECRET, account))
        own_server.kill()
        with pytest.raises(UnavailableError):
            directory.rotate(samples.rotate(account))
        own_server.start()

        directory.rotate(samples.rotate(account))

        assert directory.probe(samples.probe(OTHER_SECRET, account)).secret_accepted

    def test_the_second_server_takes_over_in_the_middle_of_a_run(
        self, make_directory: MakeDirectory, own_server: Slapd, slapd: Slapd
    ) -> None:
        directory = make_directory(own_server, urls=(own_server.url, slapd.url), tls=TlsMode.NONE)
        assert directory.check().capabilities.facts["server"] == own_server.url
        own_server.kill()

        # The two have different service passwords, so the second one says no; but it was asked.
        with pytest.raises(MisconfiguredError, match=slapd.url):
            directory.check()


class TestServerIsHalfDead:
    def test_a_check_ends_in_time(self, make_directory: MakeDirectory, own_server: Slapd) -> None:
        own_server.pause()
        began = time.monotonic()

        with pytest.raises(UnavailableError):
            make_directory(own_server, connect_timeout=1, timeout=1).check()

        assert time.monotonic() - began < 30

    def test_the_next_server_takes_over(self, make_directory: MakeDirectory, own_server: Slapd, slapd: Slapd) -> None:
        own_server.pause()
        urls = (own_server.ldaps_url, slapd.ldaps_url)

        report = make_directory(slapd, urls=urls, connect_timeout=1).check()

        assert report.capabilities.facts["server"] == slapd.ldaps_url

    def test_a_question_that_is_not_answered_leaves_everything_as_it_was(
        self, make_directory: MakeDirectory, account: Account, own_server: Slapd
    ) -> None:
        directory = make_directory(own_server, connect_timeout=1, timeout=1)
        directory.create(samples.create(account))
        own_server.pause()

        with pytest.raises(UnavailableError):
            directory.rotate(samples.rotate(account))
        own_server.resume()

        assert directory.probe(samples.probe(SECRET, account)).secret_accepted

    def test_a_change_that_is_not_answered_is_unknown(
        self, make_directory: MakeDirectory, account: Account, own_server: Slapd
    ) -> None:
        directory = make_directory(own_server, connect_timeout=1, timeout=1)
        directory.check()
        own_server.pause()

        with pytest.raises(UnknownOutcomeError):
            directory.create(samples.create(account))


class TestLostAnswers:
    def test_a_lost_answer_to_a_password_is_unknown_and_not_sent_again(
        self, through_proxy: Directory, account: Account, proxy: Proxy, administrator: Administrator
    ) -> None:
        proxy.lose_answer_to = {EXTENDED}

        with pytest.raises(UnknownOutcomeError):
            through_proxy.create(samples.create(account))

        assert proxy.writes == 2
        assert (proxy.seen[ADD], proxy.seen[EXTENDED]) == (1, 1)
        assert administrator.logs_in(administrator.dn(account), SECRET.reveal())

    def test_a_probe_then_tells_what_happened(self, through_proxy: Directory, account: Account, proxy: Proxy) -> None:
        proxy.lose_answer_to = {EXTENDED}
        with pytest.raises(UnknownOutcomeError):
            through_proxy.create(samples.create(account))

        assert through_proxy.probe(samples.probe(SECRET, account)).secret_accepted

    def test_a_lost_answer_to_the_entry_is_unknown_and_the_next_attempt_takes_it_over(
        self, through_proxy: Directory, account: Account, proxy: Proxy
    ) -> None:
        proxy.lose_answer_to = {ADD}
        with pytest.raises(UnknownOutcomeError):
            through_proxy.create(samples.create(account))
        assert proxy.writes == 1
        proxy.lose_answer_to = set()

        through_proxy.create(samples.create(account))

        assert through_proxy.probe(samples.probe(SECRET, account)).secret_accepted

    def test_an_interrupted_reopening_leaves_the_account_closed(
        self, through_proxy: Directory, account: Account, proxy: Proxy, administrator: Administrator
    ) -> None:
        """It must never be open with the password of its last holder, not even for a moment."""
        through_proxy.create(samples.create(account))
        through_proxy.shut(samples.close(account))
        proxy.lose = {EXTENDED}

        with pytest.raises(UnknownOutcomeError):
            through_proxy.create(samples.create(account, OTHER_SECRET))

        assert not administrator.logs_in(administrator.dn(account), SECRET.reveal())

    @pytest.mark.parametrize("lost", ["lose", "lose_answer_to"])
    def test_a_lost_answer_to_a_closing_is_unknown(
        self, through_proxy: Directory, account: Account, proxy: Proxy, lost: str
    ) -> None:
        through_proxy.create(samples.create(account))
        proxy.seen.clear()
        setattr(proxy, lost, {MODIFY})

        with pytest.raises(UnknownOutcomeError):
            through_proxy.shut(samples.close(account))

        assert proxy.writes == 1
        presence = through_proxy.probe(samples.probe(None, account)).presence
        assert presence is (Presence.ENABLED if lost == "lose" else Presence.DISABLED)

    @pytest.mark.parametrize("lost", ["lose", "lose_answer_to"])
    def test_a_lost_answer_to_a_deletion_is_unknown(
        self, through_proxy: Directory, account: Account, proxy: Proxy, lost: str
    ) -> None:
        through_proxy.create(samples.create(account))
        through_proxy.shut(samples.close(account))
        proxy.seen.clear()
        setattr(proxy, lost, {DELETE})

        with pytest.raises(UnknownOutcomeError):
            through_proxy.delete(samples.delete(account))

        assert proxy.writes == 1
        presence = through_proxy.probe(samples.probe(None, account)).presence
        assert presence is (Presence.DISABLED if lost == "lose" else Presence.ABSENT)

    @pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x30\x03\x02\x01\x01", b"\x30\x84" * 9])
    def test_an_answer_that_makes_no_sense_is_unknown(
        self, through_proxy: Directory, account: Account, proxy: Proxy, answer: bytes
    ) -> None:
        proxy.garble[EXTENDED] = answer

        with pytest.raises(UnknownOutcomeError):
            through_proxy.create(samples.create(account))

        assert proxy.seen[EXTENDED] == 1

    @pytest.mark.parametrize("code", [52, 80])
    def test_a_server_that_lost_the_one_behind_it_leaves_doubt(
        self, through_proxy: Directory, account: Account, proxy: Proxy, code: int
    ) -> None:
        """OpenLDAP as a proxy answers this also if the change was made and the answer to it was lost."""
        through_proxy.create(samples.create(account))
        proxy.answer = {EXTENDED: bytes([0x78, 7, 0x0A, 1, code, 4, 0, 4, 0])}

        with pytest.raises(UnknownOutcomeError, match="answered"):
            through_proxy.rotate(samples.rotate(account))

    def test_a_lost_answer_to_a_question_is_harmless(
        self, through_proxy: Directory, account: Account, proxy: Proxy
    ) -> None:
        through_proxy.create(samples.create(account))
        proxy.seen.clear()
        proxy.lose_answer_to = {SEARCH}

        with pytest.raises(UnavailableError):
            through_proxy.rotate(samples.rotate(account))

        assert proxy.writes == 0

    def test_a_lost_answer_to_a_log_in_tells_nothing_of_the_password(
        self, through_proxy: Directory, account: Account, proxy: Proxy
    ) -> None:
        through_proxy.create(samples.create(account))
        proxy.lose_answer_to = {BIND}

        with pytest.raises(UnavailableError):
            through_proxy.probe(samples.probe(SECRET, account))

    def test_connections_that_were_cut_while_idle_are_replaced(
        self, through_proxy: Directory, account: Account, proxy: Proxy
    ) -> None:
        """A firewall forgets connections, and a restarted server does too; that is nobody's error."""
        through_proxy.create(samples.create(account))
        through_proxy.probe(samples.probe(SECRET, account))
        proxy.cut()

        assert through_proxy.rotate(samples.rotate(account)).outcome is Outcome.APPLIED
        assert through_proxy.probe(samples.probe(OTHER_SECRET, account)).secret_accepted

    def test_what_cannot_be_taken_back_is_unknown(self, make_directory: MakeDirectory, account: Account) -> None:
        """The second step is refused, and so is restoring the former password: the entry is half changed."""
        attributes = {"cn": "{login}", "sn": "{login}", "mail": "{holder_name}@example.org"}
        with Slapd(policy={"pwdCheckQuality": "2"}) as strict:
            directory = make_directory(strict, attributes=attributes)
            ascii_holder = attrs.evolve(samples.HOLDER, name="Ayse")
            directory.create(attrs.evolve(samples.create(account), holder=ascii_holder))

            with pytest.raises(UnknownOutcomeError, match="partly changed"):
                directory.hand_over(samples.handover(account))


def test_a_referral_is_not_followed_with_our_password(
    directory: Directory, account: Account, administrator: Administrator
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.settimeout(0)
        url = f"ldap://127.0.0.1:{elsewhere.getsockname()[1]}/dc=elsewhere"
        administrator.add(administrator.dn(account), ["referral", "extensibleObject"], {"ref": url})

        with pytest.raises(ConflictError, match="referral"):
            directory.rotate(samples.rotate(account))

        with pytest.raises(BlockingIOError):
            elsewhere.accept()
        administrator.delete_referral(administrator.dn(account))


class TestSecrets:
    @pytest.mark.parametrize("lost", [{EXTENDED}, {ADD}, {BIND}])
    def test_no_error_holds_what_was_sent(
        self, through_proxy: Directory, account: Account, proxy: Proxy, lost: set[int]
    ) -> None:
        proxy.lose_answer_to = lost

        with pytest.raises(TargetError) as caught:
            through_proxy.create(samples.create(account))

        shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        assert SECRET.reveal() not in "".join(shown.format())
        assert caught.value.__context__ is None

    @pytest.mark.parametrize("lost", [{EXTENDED}, {ADD}, {BIND}])
    def test_nothing_that_an_error_leads_to_holds_what_was_sent(
        self, through_proxy: Directory, account: Account, proxy: Proxy, lost: set[int]
    ) -> None:
        """Frames, what their variables hold, and what that holds in turn: ldap3 keeps requests in several places."""
        proxy.lose_answer_to = lost

        with pytest.raises(TargetError) as caught:
            through_proxy.create(samples.create(account))

        assert not _holding(caught.value, SECRET.reveal().encode())
        assert frames_with(caught.value, SECRET) == []

    @pytest.mark.parametrize("fault", ["lose", "garble", "answer"])
    @pytest.mark.parametrize("request_lost", [EXTENDED, ADD, BIND])
    def test_no_variable_of_a_traceback_holds_what_was_sent(
        self, through_proxy: Directory, account: Account, proxy: Proxy, request_lost: int, fault: str
    ) -> None:
        """Reporters of crashes show the variables of all frames, in whatever way the request was lost."""
        if fault == "lose":
            proxy.lose = {request_lost}
        elif fault == "garble":
            proxy.garble = {request_lost: b"\x16\x03\x01\x02"}
        else:
            proxy.answer = {request_lost: BUSY[request_lost]}

        with pytest.raises(TargetError) as caught:
            through_proxy.create(samples.create(account))

        assert frames_with(caught.value, SECRET) == []

    @pytest.mark.parametrize("hook", ["create", "probe"])
    def test_an_interrupt_does_not_lead_to_what_was_sent(
        self, directory: Directory, account: Account, hook: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(Wire, "receive", _interrupted)
        requests = {"create": samples.create(account), "probe": samples.probe(SECRET, account)}

        with pytest.raises(KeyboardInterrupt) as caught:
            getattr(directory, hook)(requests[hook])

        assert not _holding(caught.value, SECRET.reveal().encode())
        assert frames_with(caught.value, SECRET) == []
        assert caught.value.__context__ is None

    @pytest.mark.parametrize("hook", ["create", "probe"])
    def test_a_password_that_cannot_be_sent_is_not_quoted(
        self, directory: Directory, account: Account, hook: str
    ) -> None:
        """Python's own error for such a text holds all of it. Nothing was sent, so nothing is unknown."""
        broken = Secret("Gizli\ud8001234")
        requests = {"create": samples.create(account, broken), "probe": samples.probe(broken, account)}

        with pytest.raises(SecretRefusedError) as caught:
            getattr(directory, hook)(requests[hook])

        assert caught.value.__context__ is None
        assert directory.probe(samples.probe(None, account)).presence is Presence.ABSENT

    def test_a_former_hash_is_not_shown(self, through_proxy: Directory, account: Account, proxy: Proxy) -> None:
        through_proxy.create(samples.create(account))
        undo = through_proxy.rotate(samples.rotate(account)).undo
        assert undo
        proxy.lose = {MODIFY}
        with pytest.raises(UnknownOutcomeError) as caught:
            undo()

        shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        assert "{SSHA}" not in "".join(shown.format())

    def test_a_refusal_does_not_repeat_the_password(self, make_directory: MakeDirectory, account: Account) -> None:
        short = attrs.evolve(samples.create(account), secret=Secret("k!Z4"))

        with pytest.raises(SecretRefusedError) as caught:
            make_directory().create(short)

        shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
        assert "k!Z4" not in "".join(shown.format())


def _interrupted(*_: object, **__: object) -> None:
    try:
        int("")
    except ValueError:  # the library handles one when the user interrupts
        raise KeyboardInterrupt  # noqa: B904 - this is how the one gets into the context of the other


def _holding(error: BaseException, sought: bytes) -> list[str]:
    """Return the kinds of objects with these bytes that can be reached from an error's frames.

    A :class:`Secret` may hold them, for that is what it is for.
    """
    frames = [frame for one in _chain(error) for frame, _ in traceback.walk_tb(one.__traceback__)]
    ours = [frame for frame in frames if "provisioner_ldap" in frame.f_code.co_filename]
    left: list[Any] = [value for frame in ours for value in frame.f_locals.values()]
    left += [frame.f_locals for frame in frames if "ldap3" in frame.f_code.co_filename]
    seen: dict[int, Any] = {}
    found: list[str] = []
    while left:
        value = left.pop()
        if id(value) in seen or isinstance(value, (Secret, type, ModuleType, FrameType, FunctionType)):
            continue
        seen[id(value)] = value
        if isinstance(value, (bytes, bytearray)) and sought in bytes(value):
            found.append(type(value).__name__)
        if isinstance(value, str) and sought.decode() in value:
            found.append("str")
        left += gc.get_referents(value)
    return found


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__context__


class TestClosing:
    def test_nothing_stays_open(
        self, make_directory: MakeDirectory, account: Account, open_sockets: Callable[[], set[str]]
    ) -> None:
        before, threads = open_sockets(), set(threading.enumerate())
        directory = make_directory()
        directory.create(samples.create(account))
        directory.probe(samples.probe(SECRET, account))
        with pytest.raises(RefusedError):
            directory.rotate(samples.rotate(account, Secret("kurz")))
        assert open_sockets() != before

        directory.close()

        assert open_sockets() == before
        assert set(threading.enumerate()) <= threads

    def test_failed_attempts_leave_nothing_open(
        self, make_directory: MakeDirectory, open_sockets: Callable[[], set[str]], own_server: Slapd
    ) -> None:
        own_server.pause()
        before = open_sockets()
        for urls in ((NOWHERE,), (own_server.ldaps_url,), (own_server.url,)):
            with pytest.raises(UnavailableError):
                make_directory(own_server, urls=urls, connect_timeout=1, timeout=1).check()

        assert open_sockets() == before

    def test_it_may_be_closed_twice_and_without_having_been_used(
        self, make_directory: MakeDirectory, open_sockets: Callable[[], set[str]]
    ) -> None:
        before, directory = open_sockets(), make_directory()
        directory.close()
        directory.close()

        assert open_sockets() == before


@pytest.mark.parametrize("sent", [0, 1])
def test_no_request_that_changes_something_goes_out_after_the_lease(
    make_directory: MakeDirectory, account: Account, proxy: Proxy, sent: int
) -> None:
    """Not even to take back what was changed before: another process may have changed it since."""
    directory = make_directory(urls=(proxy.url,), tls=TlsMode.NONE)
    with fenced(account.mail, Lease(left=lambda: float(sent - proxy.writes))), pytest.raises(LeaseLostError):
        directory.create(samples.create(account))

    assert proxy.writes == sent


@pytest.mark.parametrize(
    "change",
    [
        lambda session, dn: session.add(dn, {"objectClass": (b"account",)}),
        lambda session, dn: session.modify(dn, {"title": (b"Memur",)}),
        lambda session, dn: session.delete(dn),
        lambda session, dn: session.set_password(dn, SECRET),
    ],
    ids=["add", "modify", "delete", "set_password"],
)
def test_a_process_that_is_stopped_while_a_request_is_encoded_does_not_send_it(
    slapd: Slapd, proxy: Proxy, monkeypatch: pytest.MonkeyPatch, change: Callable[[LdapSession, str], object]
) -> None:
    left = [1.0]

    def stopped(encode: Callable[..., Any]) -> Callable[..., Any]:
        def encoded(*arguments: Any, **options: Any) -> Any:
            left[0] = 0.0
            return encode(*arguments, **options)

        return encoded

    session = LdapClient(settings_of(slapd, urls=(proxy.url,), tls=TlsMode.NONE)).connect_service(proxy.url)
    with closing(session):
        with monkeypatch.context() as patch, fenced("temel@x", Lease(left=lambda: left[0])):
            patch.setattr(Encoder, "__call__", stopped(Encoder.__call__))
            patch.setattr("provisioner_ldap.wire.message", stopped(requests.message))
            with pytest.raises(LeaseLostError) as caught:
                change(session, f"uid=nobody,{slapd.base_dn}")

        assert proxy.writes == 0
        assert session.usable
        session.expect_changes(slapd.base_dn)

    assert not any("ldap3" in frame.filename for frame in traceback.extract_tb(caught.value.__traceback__))
