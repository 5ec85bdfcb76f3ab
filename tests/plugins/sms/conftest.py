from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest

from provisioner import Account, Person, Secret
from provisioner.config import structure
from provisioner.core.registration import Section
from provisioner.core.requests import DeliverSecret
from provisioner.testing.kannel import Kannel
from provisioner.testing.plugin import require_server
from provisioner_sms.plugin import SmsChannel

PASSWORD = "Kq7{canary}~2&x^Z"
NUMBER = "+905551234567"

MakeChannel = Callable[[dict[str, Any]], SmsChannel]
MakeRequest = Callable[..., DeliverSecret]


def make_section(table: dict[str, Any], folder: Path = Path("/nowhere")) -> Section:
    """What the configuration makes of a table."""
    return Section(
        name="sms",
        place="channels.sms",
        folder=folder,
        table={key: value for key, value in table.items() if key != "plugin"},
        structure=partial(structure, file=folder / "provisioner.toml"),
    )


@pytest.fixture(name="channel")
def _channel() -> Iterator[MakeChannel]:
    made = []

    def make(table: dict[str, Any], language: str = "tr") -> SmsChannel:
        made.append(SmsChannel.configured(make_section(table), language))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(name="request_to")
def _request_to() -> MakeRequest:
    def make(
        mobile: str | None = "0555 123 45 67",
        *,
        password: str = PASSWORD,
        delivery_id: str = "op-1-sms",
        replaces_earlier: bool = False,
        login: str = "temelegitim46",
    ) -> DeliverSecret:
        return DeliverSecret(
            operation_id="op",
            delivery_id=delivery_id,
            account=Account(login=login, domain="meb.gov.tr", unit="46"),
            recipient=Person(id="7", name="Ayşe Öğretmen", mobile=mobile),
            secret=Secret(password),
            replaces_earlier=replaces_earlier,
        )

    return make


@pytest.fixture(name="installed_kannel", scope="session")
def _installed_kannel() -> None:
    require_server("kannel")


@pytest.fixture(name="shared_kannel", scope="session")
def _shared_kannel(installed_kannel: None) -> Iterator[Kannel]:
    with Kannel.running() as kannel:
        yield kannel


@pytest.fixture(name="kannel")
def _kannel(shared_kannel: Kannel) -> Iterator[Kannel]:
    """A Kannel that must be as good as new after the test."""
    shared_kannel.network.clear()
    yield shared_kannel
    # smsbox 1.4.5 panics (gwlib/conn.c, line 859) when the receiver of a report hangs up while it is being sent.
    time.sleep(0.1)
    shared_kannel.resume()


@pytest.fixture(name="doomed_kannel")
def _doomed_kannel(installed_kannel: None) -> Iterator[Kannel]:
    """A Kannel that may be broken."""
    with Kannel.running() as kannel:
        yield kannel


@attrs.define
class RawServer:
    """A server that does to each connection whatever the test says, after reading what was sent."""

    behave: Callable[[socket.socket], None]
    requests: list[bytes] = attrs.field(factory=list)
    _listener: socket.socket = attrs.field(init=False)
    _thread: threading.Thread = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/sms"

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection, suppress(OSError):
                    connection.settimeout(3)
                    self.requests.append(_read_request(connection))
                    self.behave(connection)

    def stop(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()


def _read_request(connection: socket.socket) -> bytes:
    data = _receive(connection)
    while b"\r\n\r\n" not in data:
        data += _receive(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
    while len(body) < sum(lengths):
        body += _receive(connection)
    return head + b"\r\n\r\n" + body


def _receive(connection: socket.socket) -> bytes:
    if data := connection.recv(65536):
        return data
    raise ConnectionResetError


def answering(status: int, body: str, *headers: str) -> Callable[[socket.socket], None]:
    """Answers every request in this way."""
    head = [f"HTTP/1.1 {status} -", f"Content-Length: {len(body.encode())}", "Connection: close", *headers, "", ""]
    return lambda connection: connection.sendall("\r\n".join(head).encode() + body.encode())


MakeServer = Callable[[Callable[[socket.socket], None]], RawServer]


@pytest.fixture(name="server")
def _server() -> Iterator[MakeServer]:
    servers = []

    def make(behave: Callable[[socket.socket], None]) -> RawServer:
        servers.append(RawServer(behave))
        return servers[-1]

    yield make
    for one in servers:
        one.stop()
