from __future__ import annotations

import http.client
import socket
import ssl
import subprocess
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from provisioner import Secret
from provisioner.core.api.errors import (
    LeaseLostError,
    MisconfiguredError,
    TargetError,
    UnavailableError,
    UnknownOutcomeError,
)
from provisioner.core.api.fencing import Lease, fenced
from provisioner.net.http import LONGEST_BODY, HttpClient
from provisioner.testing.kannel import wait_until
from provisioner.testing.ports import free_ports
from tests.frames import frames_with
from tests.raw_http import MakeServer, answering

SECRET = "canary-in-body"


@pytest.fixture(name="client")
def _client() -> Iterator[HttpClient]:
    client = HttpClient.open(timeout=60)
    yield client
    client.close()


@pytest.fixture(name="hasty")
def _hasty() -> Iterator[HttpClient]:
    """A client that waits for a moment only."""
    client = HttpClient.open(timeout=1)
    yield client
    client.close()


def call(client: HttpClient, url: str, *, harmless: bool = False) -> None:
    client.call("POST", url, headers={"X-Secret": Secret(SECRET)}, content=Secret(SECRET), harmless=harmless)


def trickle(connection: socket.socket) -> None:
    """Sends something often enough to keep any pause short, and never ends."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-Header: 1\r\n")
        time.sleep(0.05)


def trickle_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


LOST = {
    "nothing": lambda connection: connection.recv(1),
    "hang up": lambda connection: None,
    "reset": reset,
    "half a head": lambda connection: connection.sendall(b"HTTP/1.1 202 Acc"),
    "half a body": lambda connection: connection.sendall(b"HTTP/1.1 202 -\r\nContent-Length: 90\r\n\r\n0: Acc"),
    "not HTTP": lambda connection: connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    "an endless head": trickle,
    "an endless body": trickle_body,
}


@pytest.mark.parametrize("fault", LOST)
def test_a_message_whose_answer_is_lost_may_have_been_sent(hasty: HttpClient, server: MakeServer, fault: str) -> None:
    with pytest.raises(UnknownOutcomeError):
        call(hasty, server(LOST[fault]).url)


@pytest.mark.parametrize("fault", LOST)
def test_a_harmless_question_without_an_answer_leaves_nothing_open(
    hasty: HttpClient, server: MakeServer, fault: str
) -> None:
    with pytest.raises(UnavailableError):
        call(hasty, server(LOST[fault]).url, harmless=True)


@pytest.mark.parametrize("fault", ["an endless head", "an endless body"])
def test_a_request_ends_in_time_even_if_the_answer_never_pauses(
    hasty: HttpClient, server: MakeServer, fault: str
) -> None:
    began = time.monotonic()
    with pytest.raises(UnknownOutcomeError, match="timeout"):
        call(hasty, server(LOST[fault]).url)

    assert time.monotonic() - began < 30


def test_a_port_that_nobody_listens_on_was_sent_nothing(client: HttpClient) -> None:
    with pytest.raises(UnavailableError, match="cannot be reached"):
        call(client, f"http://127.0.0.1:{free_ports(1)[0]}/")


def test_a_name_that_does_not_resolve_was_sent_nothing(client: HttpClient) -> None:
    with pytest.raises(UnavailableError, match="cannot be reached"):
        call(client, "http://no-such-host.invalid/")


def test_a_header_that_cannot_be_written_is_our_fault_and_is_not_quoted(client: HttpClient, server: MakeServer) -> None:
    with pytest.raises(MisconfiguredError) as wrong:
        client.call("POST", server(answering(200, "")).url, headers={"X-Secret": f"{SECRET}\nX-More: 1"})

    assert SECRET not in str(wrong.value)


def test_an_address_that_cannot_be_called_is_our_fault(client: HttpClient) -> None:
    with pytest.raises(MisconfiguredError):
        call(client, "gopher://127.0.0.1/")


def test_a_change_is_not_sent_once_the_lease_has_run_out(client: HttpClient, server: MakeServer) -> None:
    """The process may be stopped while it connects, after the caller of the hook has looked."""
    listening = server(answering(200, ""))
    with fenced("temel@x", Lease(left=lambda: 0.0)):
        with pytest.raises(LeaseLostError) as caught:
            call(client, listening.url)
        call(client, listening.url, harmless=True)

    assert b"canary" not in b"".join(buffers_of(caught.value))
    assert len(listening.requests) == 1


def buffers_of(error: BaseException) -> Iterator[bytes]:
    """Yield what the variables of the frames of an error hold as bytes, those of the test aside."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)][1:]
    yield from (value for frame in frames for value in frame.f_locals.values() if isinstance(value, bytes))


@pytest.mark.parametrize("fault", LOST)
def test_no_variable_of_a_traceback_holds_the_request(hasty: HttpClient, server: MakeServer, fault: str) -> None:
    """Reporters of crashes show the variables of all frames."""
    with pytest.raises(TargetError) as lost:
        call(hasty, server(LOST[fault]).url)

    assert frames_with(lost.value, Secret(SECRET)) == []


def test_no_error_holds_the_request(client: HttpClient, server: MakeServer) -> None:
    """The library's errors carry the request with its body and headers; ours must not lead to them."""
    url = server(LOST["hang up"]).url
    with pytest.raises(TargetError) as lost:
        call(client, url)

    assert lost.value.__cause__ is None
    assert lost.value.__context__ is None
    assert SECRET not in f"{lost.value!r} {lost.value} {lost.value.__dict__}"


def test_an_answer_is_read_up_to_a_limit(client: HttpClient, server: MakeServer) -> None:
    answer = client.call("POST", server(answering(200, "x" * (3 * LONGEST_BODY))).url)

    assert len(answer.body) == LONGEST_BODY


def test_a_client_for_long_answers_reads_them_to_the_end(server: MakeServer) -> None:
    """All messages of a simulated phone network are one answer."""
    body = "x" * (3 * LONGEST_BODY)
    with closing(HttpClient.open(timeout=5, longest_body=len(body) + 1)) as client:
        answer = client.call("POST", server(answering(200, body)).url)

    assert answer.text == body


def test_an_answer_that_is_no_text_is_still_an_answer(client: HttpClient, server: MakeServer) -> None:
    url = server(lambda connection: connection.sendall(b"HTTP/1.1 200 -\r\nContent-Length: 2\r\n\r\n\xff\xfe")).url

    assert client.call("POST", url).text == "\ufffd\ufffd"


def test_an_answer_does_not_show_what_it_may_quote(client: HttpClient, server: MakeServer) -> None:
    assert SECRET not in repr(client.call("POST", server(answering(200, SECRET)).url))


DAY = timedelta(days=1).total_seconds()


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("7", 7.0),
        ("soon", None),
        ("-1", None),
        ("999999999999", DAY),
        ("9" * 400, DAY),
        ("Fri, 31 Dec 9999 23:59:59 GMT", DAY),
        ("Mon, 01 Jan 2001 00:00:00 GMT", 0.0),
        ("Mon, 01 Jan 2001 00:00:00 +9999999999999", None),
    ],
)
def test_the_other_side_may_say_when_to_come_back(
    client: HttpClient, server: MakeServer, header: str, expected: float | None
) -> None:
    answer = client.call("POST", server(answering(429, "", f"Retry-After: {header}")).url)

    assert answer.retry_after == expected


def test_a_redirect_is_not_followed(client: HttpClient, server: MakeServer) -> None:
    """A password must not go where somebody else's answer points."""
    elsewhere = server(answering(200, ""))
    answer = client.call("POST", server(answering(307, "", f"Location: {elsewhere.url}")).url, content=Secret("x"))

    assert answer.status == 307
    assert elsewhere.requests == []


def test_proxies_of_the_environment_are_not_used(server: MakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, target = server(answering(200, "proxy")), server(answering(200, "target"))
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    client = HttpClient.open(timeout=60)

    answer = client.call("POST", target.url)
    client.close()

    assert answer.text == "target"


def test_a_proxy_of_the_configuration_is_used(server: MakeServer) -> None:
    proxy = server(answering(200, "proxy"))
    client = HttpClient.open(timeout=60, proxy=proxy.url)

    answer = client.call("POST", "http://provider.invalid/send")
    client.close()

    assert answer.text == "proxy"


def test_a_proxy_that_refuses_was_given_no_message(server: MakeServer) -> None:
    proxy = server(answering(403, ""))
    client = HttpClient.open(timeout=60, proxy=proxy.url)

    with pytest.raises(UnavailableError):
        call(client, "https://provider.invalid/send")
    client.close()

    assert SECRET.encode() not in b"".join(proxy.requests)


def test_a_connection_is_kept_for_a_moment(
    client: HttpClient, server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provisioner.net.http.KEPT", 60.0)
    heard = []

    def keep(connection: socket.socket) -> None:
        answer = b"HTTP/1.1 200 -\r\nContent-Length: 0\r\n\r\n"
        connection.sendall(answer)
        heard.append(connection.recv(65536))
        connection.sendall(answer)
        heard.append(connection.recv(65536))

    kept = server(keep)
    client.call("POST", kept.url)
    client.call("POST", kept.url)
    client.close()
    wait_until(lambda: len(heard) == 2)

    assert heard[0].startswith(b"POST")
    assert heard[1] == b""


def test_a_connection_that_was_idle_for_longer_is_not_used_again(
    client: HttpClient, server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other side may close it just when a message goes out; nobody would know what became of that."""
    monkeypatch.setattr("provisioner.net.http.KEPT", 0.1)
    more = []

    def keep(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 -\r\nContent-Length: 0\r\n\r\n")
        more.append(connection.recv(65536))

    url = server(keep).url
    client.call("POST", url)
    time.sleep(0.2)
    client.call("POST", url)
    client.close()
    wait_until(lambda: len(more) == 2)

    assert more == [b"", b""]


@pytest.mark.parametrize("address", ["http://host:port/", "http:///path", "//host/", "http://[::1/"])
def test_an_address_that_leads_nowhere_is_our_fault(client: HttpClient, address: str) -> None:
    with pytest.raises(MisconfiguredError, match="cannot be called"):
        call(client, address)


def test_a_proxy_that_would_have_to_be_spoken_to_with_tls_is_our_fault() -> None:
    """It would be spoken to without."""
    with pytest.raises(MisconfiguredError, match="is not an HTTP proxy"):
        HttpClient.open(timeout=1, proxy="https://proxy.example:3128")


def test_the_rest_of_a_long_answer_is_not_waited_for(client: HttpClient, server: MakeServer) -> None:
    """It would be taken for the beginning of the next answer."""
    heard = []

    def keep(connection: socket.socket) -> None:
        length = LONGEST_BODY + 1
        connection.sendall(b"HTTP/1.1 200 -\r\nContent-Length: %d\r\n\r\n" % length + b"x" * LONGEST_BODY)
        heard.append(connection.recv(65536))

    client.call("POST", server(keep).url)
    wait_until(lambda: heard)

    assert heard == [b""]


def test_a_kept_connection_serves_its_own_server_only(client: HttpClient, server: MakeServer) -> None:
    def keep(name: bytes) -> Callable[[socket.socket], None]:
        def answer(connection: socket.socket) -> None:
            connection.sendall(b"HTTP/1.1 200 -\r\nContent-Length: 1\r\n\r\n" + name)
            connection.recv(65536)

        return answer

    servers = server(keep(b"1")), server(keep(b"2"))

    assert [client.call("POST", server.url).text for server in servers] == ["1", "2"]


def test_threads_share_a_client(client: HttpClient, server: MakeServer) -> None:
    servers = [server(answering(200, name)) for name in "abc"]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda one: client.call("POST", one.url).text, servers * 10))

    assert answers == list("abc") * 10


#: More than is read at once, and not more than TLS sends in one record.
ONE_RECORD = "over TLS" * 1500


@pytest.fixture(name="certificate", scope="module")
def _certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 1 -subj /CN=localhost"
    subprocess.run(
        [*command.split(), "-addext", "subjectAltName=DNS:localhost"], cwd=folder, check=True, capture_output=True
    )
    return folder / "cert.pem"


@pytest.fixture(name="tls_port")
def _tls_port(certificate: Path) -> Iterator[int]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                plain, _ = listener.accept()
                with plain, suppress(OSError), context.wrap_socket(plain, server_side=True) as connection:
                    connection.recv(65536)
                    answering(200, ONE_RECORD)(connection)
                    connection.recv(1)  # until the other side hangs up

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1]
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def test_a_certificate_of_ones_own_authority_is_trusted_if_configured(certificate: Path, tls_port: int) -> None:
    client = HttpClient.open(timeout=60, ca_file=certificate)

    answer = client.call("POST", f"https://localhost:{tls_port}/")
    client.close()

    assert answer.text == ONE_RECORD


def test_what_is_decrypted_already_is_not_waited_for(certificate: Path, tls_port: int) -> None:
    """OpenSSL has the whole record after the first part of it was read, and the socket has nothing."""
    client = HttpClient.open(timeout=5, ca_file=certificate)

    answer = client.call("POST", f"https://localhost:{tls_port}/")
    client.close()

    assert answer.text == ONE_RECORD


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_certificate_that_proves_nothing_stops_the_run_before_anything_is_sent(
    certificate: Path, tls_port: int, host: str
) -> None:
    """Unknown authority, and the wrong name."""
    client = HttpClient.open(timeout=60, ca_file=certificate if host == "127.0.0.1" else None)

    with pytest.raises(MisconfiguredError, match="is not trusted"):
        call(client, f"https://{host}:{tls_port}/")
    client.close()


def test_a_server_that_does_not_speak_tls_was_sent_nothing(hasty: HttpClient, server: MakeServer) -> None:
    plain = server(answering(200, ""))
    with pytest.raises(UnavailableError):
        call(hasty, plain.url.replace("http", "https"))


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_without_certificates_is_our_fault(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content:
        file.write_text(content, encoding="utf-8")

    with pytest.raises(MisconfiguredError, match="cannot be read"):
        HttpClient.open(timeout=1, ca_file=file)


def test_no_thread_is_left_behind(client: HttpClient, server: MakeServer) -> None:
    before = set(threading.enumerate())
    url = server(answering(200, "")).url
    for _ in range(3):
        client.call("POST", url)

    assert len(set(threading.enumerate()) - before) == 1, "the server's own"


def test_a_talkative_library_prints_no_header(
    client: HttpClient, server: MakeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(http.client.HTTPConnection, "debuglevel", 1)

    call(client, server(answering(200, "")).url)

    assert SECRET not in "".join(capsys.readouterr())


def test_a_call_that_is_broken_off_leaves_no_connection_to_be_used_again(
    client: HttpClient, server: MakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest of its answer would be taken for the next one."""
    heard = []

    def keep(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 -\r\nContent-Length: 5\r\n\r\nfirst")
        heard.append(connection.recv(65536))

    monkeypatch.setattr(http.client.HTTPResponse, "read", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        client.call("POST", server(keep).url)
    wait_until(lambda: heard)

    assert heard == [b""]
