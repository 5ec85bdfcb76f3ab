"""The client against servers that are half dead, confused, in the way, or not to be trusted."""

from __future__ import annotations

import logging
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import attrs
import pytest
from pytest_httpserver import HTTPServer

from provisioner.core.api.errors import (
    ConflictError,
    ForbiddenError,
    MisconfiguredError,
    MissingError,
    RefusedError,
    SecretRefusedError,
    TargetError,
    ThrottledError,
    TransientError,
    UnavailableError,
    UnknownOutcomeError,
)
from provisioner.core.model.secret import Secret
from provisioner.testing.kannel import wait_until
from provisioner_pys.client import PysClient
from provisioner_pys.mock import PysFaultOrder, PysMock
from tests.frames import frames_with
from tests.raw_http import read_request

PASSWORD = Secret("canary-Zt7!q")
KEY = Secret("key-of-the-test")

Script = Callable[[socket.socket], None]


@attrs.define(eq=False)
class RawServer:
    """Takes requests, counts them, and leaves the answer to a script, which has the socket to itself."""

    script: Script
    requests: list[bytes] = attrs.field(factory=list)
    _listener: socket.socket = attrs.field(factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _connections: list[socket.socket] = attrs.field(factory=list)
    _threads: list[threading.Thread] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        self._spawn(self._accept)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        for connection in (self._listener, *self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _spawn(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._connections.append(connection)
                self._spawn(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while True:
                self.requests.append(read_request(connection))
                self.script(connection)


def answer(body: bytes, head: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return b"%s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (head, len(body), body)


DONE = answer(b'{"changed": true, "undo_token": null}')


@pytest.fixture(name="serve")
def _serve() -> Iterator[Callable[[Script], RawServer]]:
    servers: list[RawServer] = []

    def start(script: Script) -> RawServer:
        servers.append(RawServer(script))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(name="connect")
def _connect() -> Iterator[Callable[..., PysClient]]:
    clients: list[PysClient] = []

    def connect(url: str, timeout: float = 30.0) -> PysClient:
        clients.append(PysClient.connect(url, KEY, timeout=timeout))
        return clients[-1]

    yield connect
    for client in clients:
        client.close()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def write(client: PysClient) -> object:
    return client.set_password("okul", password=PASSWORD, operation="op-1")


def read(client: PysClient) -> object:
    return client.account("okul")


def log_in(client: PysClient) -> object:
    return client.log_in("okul", PASSWORD)


Serve = Callable[[Script], RawServer]
Connect = Callable[..., PysClient]


def hang(connection: socket.socket) -> None:
    connection.recv(1)


def drip(data: bytes, after: bytes = b"") -> Script:
    """A byte now and then, each well within a timeout that is counted from the byte before."""

    def script(connection: socket.socket) -> None:
        connection.sendall(after)
        for number in range(len(data)):
            connection.sendall(data[number : number + 1])
            time.sleep(0.05)

    return script


class TestHalfDeadServers:
    @pytest.mark.parametrize(("call", "error"), [(write, UnknownOutcomeError), (read, UnavailableError)])
    @pytest.mark.parametrize(
        "script",
        [
            pytest.param(hang, id="never answers"),
            pytest.param(drip(b"HTTP/1.1 200 OK\r\n" + b"X-Long: header\r\n" * 1000), id="drips its head"),
            pytest.param(drip(answer(b"x" * 9000)[90:], after=answer(b"x" * 9000)[:90]), id="drips its body"),
        ],
    )
    def test_do_not_hold_the_caller(
        self,
        serve: Serve,
        connect: Connect,
        script: Script,
        call: Callable[[PysClient], object],
        error: type[TargetError],
    ) -> None:
        server = serve(script)

        with within(30), pytest.raises(error):
            call(connect(server.url, timeout=0.5))

        wait_until(lambda: len(server.requests) == 1)

    def test_one_that_does_not_even_shake_hands_got_nothing(self, connect: Connect) -> None:
        """With TLS, nothing of the request has left before the handshake is done."""
        with socket.create_server(("127.0.0.1", 0)) as listener, within(30), pytest.raises(UnavailableError):
            write(connect(f"https://127.0.0.1:{listener.getsockname()[1]}", timeout=0.3))

    def test_one_that_is_not_there_got_nothing(self, connect: Connect) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        with pytest.raises(UnavailableError, match="cannot be reached"):
            write(connect(url))


class TestLostConnections:
    def test_a_kept_connection_that_dies_under_a_change_is_unknown(
        self, serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The server may have acted before it went; and the change is not sent again."""
        monkeypatch.setattr("provisioner.net.http.KEPT", 60.0)

        def answer_once(connection: socket.socket) -> None:
            if len(server.requests) == 1:
                connection.sendall(DONE)
            else:
                connection.shutdown(socket.SHUT_RDWR)

        server = serve(answer_once)
        client = connect(server.url)
        write(client)

        with pytest.raises(UnknownOutcomeError, match="RemoteDisconnected"):
            write(client)

        assert len(server.requests) == 2

    def test_a_reset_after_a_change_is_unknown(self, serve: Serve, connect: Connect) -> None:
        def reset(connection: socket.socket) -> None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()

        server = serve(reset)

        with pytest.raises(UnknownOutcomeError):
            write(connect(server.url))

        assert len(server.requests) == 1

    def test_a_connection_the_server_closed_while_idle_is_not_used(self, serve: Serve, connect: Connect) -> None:
        closed = threading.Event()

        def answer_and_close(connection: socket.socket) -> None:
            connection.sendall(DONE)
            connection.shutdown(socket.SHUT_RDWR)
            closed.set()

        server = serve(answer_and_close)
        client = connect(server.url)
        write(client)
        assert closed.wait(60)
        write(client)

        assert len(server.requests) == 2

    def test_connections_are_kept(self, serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("provisioner.net.http.KEPT", 60.0)
        server = serve(lambda connection: connection.sendall(DONE))
        client = connect(server.url)
        for _ in range(3):
            write(client)

        assert len(server._connections) == 1


@pytest.mark.parametrize("call", [write, log_in])
@pytest.mark.parametrize(
    "script",
    [
        pytest.param(hang, id="never answers"),
        pytest.param(lambda connection: connection.shutdown(socket.SHUT_RDWR), id="hangs up"),
        pytest.param(lambda connection: connection.sendall(answer(b"", b"HTTP/1.1 500 -")), id="fails"),
        pytest.param(lambda connection: connection.sendall(answer(b"<html>")), id="is another server"),
        pytest.param(lambda connection: connection.sendall(answer(b"{}")), id="leaves things out"),
    ],
)
def test_no_variable_of_a_traceback_holds_the_password_or_the_key(
    serve: Serve, connect: Connect, script: Script, call: Callable[[PysClient], object]
) -> None:
    """Reporters of crashes show the variables of all frames."""
    with pytest.raises(TargetError) as caught:
        call(connect(serve(script).url, timeout=0.5))

    assert frames_with(caught.value, PASSWORD) == []
    assert frames_with(caught.value, KEY) == []


def test_no_variable_of_a_traceback_holds_a_key_that_cannot_be_sent() -> None:
    key = Secret("gizli-anahtar-ş")
    with (
        closing(PysClient.connect("http://127.0.0.1:1", key, timeout=1)) as client,
        pytest.raises(MisconfiguredError) as caught,
    ):
        read(client)

    assert frames_with(caught.value, key) == []


def in_an_hour() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)


class TestAnswers:
    @pytest.mark.parametrize(
        ("said", "errors"),
        [
            (("<html>", 401, {}), (MisconfiguredError, MisconfiguredError)),
            (("", 403, {}), (ForbiddenError, ForbiddenError)),
            (("", 302, {"Location": "https://elsewhere/"}), (MisconfiguredError, MisconfiguredError)),
            (("", 429, {}), (ThrottledError, ThrottledError)),
            (("", 503, {"Retry-After": "3"}), (ThrottledError, ThrottledError)),
            (("", 503, {}), (UnknownOutcomeError, TransientError)),
            (('{"code": "internal"}', 500, {}), (UnknownOutcomeError, TransientError)),
            (("<html>", 502, {}), (UnknownOutcomeError, TransientError)),
            (
                ('{"code": "account_missing"}', 404, {"Content-Type": "application/json"}),
                (UnknownOutcomeError, TransientError),
            ),
            (("<html>", 404, {}), (UnknownOutcomeError, TransientError)),
            (("[]", 404, {"Content-Type": "application/problem+json"}), (UnknownOutcomeError, TransientError)),
            (("{", 404, {"Content-Type": "application/problem+json"}), (UnknownOutcomeError, TransientError)),
            (("<html>", 200, {}), (UnknownOutcomeError, TransientError)),
            (("", 200, {}), (UnknownOutcomeError, TransientError)),
            (("[]", 200, {}), (UnknownOutcomeError, TransientError)),
            (('{"changed": "yes"}', 200, {}), (UnknownOutcomeError, TransientError)),
            (("not gzip", 200, {"Content-Encoding": "gzip"}), (UnknownOutcomeError, TransientError)),
        ],
    )
    @pytest.mark.parametrize("writing", [True, False])
    def test_that_nobody_expects(
        self,
        httpserver: HTTPServer,
        connect: Connect,
        said: tuple[str, int, dict[str, str]],
        errors: tuple[type[TargetError], type[TargetError]],
        *,
        writing: bool,
    ) -> None:
        """The first error is that of a change, the second that of a question."""
        for path in ("/accounts/okul", "/accounts/okul/password", "/login"):
            httpserver.expect_request(path).respond_with_data(*said)
        client = connect(httpserver.url_for(""))

        for call in [write] if writing else [read, log_in]:
            with pytest.raises(TargetError) as caught:
                call(client)
            assert type(caught.value) is errors[0 if writing else 1]
        assert len(httpserver.log) == (1 if writing else 2)

    @pytest.mark.parametrize(
        ("code", "status", "error"),
        [
            ("account_missing", 404, MissingError),
            ("route_missing", 404, MisconfiguredError),
            ("undo_gone", 409, ConflictError),
            ("something_else", 409, ConflictError),
            ("refused", 422, RefusedError),
            ("password_refused", 422, SecretRefusedError),
            ("body_invalid", 400, RefusedError),
            ("too_slow", 408, TransientError),
        ],
    )
    def test_that_pys_itself_refuses_with(
        self, httpserver: HTTPServer, connect: Connect, code: str, status: int, error: type[TargetError]
    ) -> None:
        httpserver.expect_request("/accounts/okul/password").respond_with_json(
            {"code": code, "detail": "because"}, status, content_type="application/problem+json; charset=utf-8"
        )

        with pytest.raises(error) as caught:
            write(connect(httpserver.url_for("")))

        assert type(caught.value) is error

    @pytest.mark.parametrize(
        ("header", "seconds"),
        [
            ("0", 0),
            ("7", 7),
            pytest.param(None, 3600, id="in an hour"),
            ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
            ("soon", None),
            ("-1", None),
        ],
    )
    def test_that_ask_for_patience(
        self, httpserver: HTTPServer, connect: Connect, header: str | None, seconds: float | None
    ) -> None:
        headers = {"Retry-After": header or in_an_hour()}
        httpserver.expect_request("/accounts/okul").respond_with_data("", 503, headers)

        with pytest.raises(ThrottledError) as caught:
            read(connect(httpserver.url_for("")))

        assert caught.value.retry_after == (
            None if seconds is None else pytest.approx(seconds, abs=600 if seconds > 60 else 0)
        )

    def test_that_belong_to_another_question(self, httpserver: HTTPServer, connect: Connect) -> None:
        httpserver.expect_request("/persons/1001").respond_with_json({"id": "1002", "name": "İsmail Çağlar"})

        with pytest.raises(TransientError, match="another id"):
            connect(httpserver.url_for("")).person("1001")

    def test_behind_a_prefix_are_found(self, httpserver: HTTPServer, connect: Connect) -> None:
        httpserver.expect_request("/api/v2/persons/1001").respond_with_json({"id": "1001", "name": "Ayşe Işık"})

        assert connect(httpserver.url_for("/api/v2")).person("1001") is not None


class TestSecrets:
    def test_are_not_in_an_error_or_anything_it_is_chained_to(self, mock: PysMock, client: PysClient) -> None:
        """The frames of the library hold the request, and the request its body."""
        mock.misbehave(PysFaultOrder(endpoint="account.put", do="lose_request"))

        with pytest.raises(UnknownOutcomeError) as caught:
            client.put_account("okul", unit="u", holder=None, password=PASSWORD, operation="op-1")

        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=False).format())
        assert PASSWORD.reveal() not in shown

    def test_are_not_in_any_log_however_talkative(
        self,
        mock: PysMock,
        client: PysClient,
        caplog: pytest.LogCaptureFixture,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        caplog.set_level(logging.DEBUG)
        client.put_account("okul", unit="u", holder=None, password=PASSWORD, operation="op-1")
        client.log_in("okul", PASSWORD)

        said = caplog.text + "".join(capsys.readouterr())
        assert "account.put" in said
        assert PASSWORD.reveal() not in said
        assert mock.api_key.reveal() not in said

    def test_a_key_that_fits_no_header_is_not_quoted(self, mock: PysMock) -> None:
        with closing(PysClient.connect(mock.url, Secret("şifre\nX: y"), timeout=1)) as client:
            with pytest.raises(MisconfiguredError) as caught:
                client.status()
            assert "ifre" not in str(caught.value)
            assert caught.value.__context__ is None

    def test_proxies_of_the_environment_do_not_see_them(self, mock: PysMock, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

        with closing(PysClient.connect(mock.url, mock.api_key, timeout=1)) as direct:
            assert direct.status().undo
