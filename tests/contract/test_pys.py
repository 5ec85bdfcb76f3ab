"""The PYS plug-in keeps the contract against the mock service, over HTTP."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from provisioner.core.model import Person, Unit
from provisioner.core.model.secret import Secret
from provisioner.testing.contract import TargetContract
from provisioner.testing.contract.inventory import Crowd
from provisioner.testing.ports import free_ports
from provisioner.testing.proxy import TcpProxy
from provisioner_pys.mock import PysMock
from provisioner_pys.mock.faults import PysFault, PysFaultOrder
from provisioner_pys.plugin import Pys
from provisioner_pys.settings import PysSettings
from tests.contract.crowds import LOGINS


def made(url: str, api_key: Secret, timeout: float = 5) -> Pys:
    return Pys(settings=PysSettings(url=url, api_key=api_key, timeout=timeout))


@pytest.fixture(scope="module", name="mock")
def _mock() -> Iterator[PysMock]:
    with PysMock.running() as mock:
        yield mock


class TestPys(TargetContract):
    """Over HTTP, undo included."""

    @pytest.fixture
    def target(self, mock: PysMock, unit: Unit, holder: Person, successor: Person) -> Iterator[Pys]:
        mock.seed(people=[holder, successor], units=[unit])
        with closing(made(mock.url, mock.api_key)) as pys:
            yield pys

    @pytest.fixture
    def crowded(self, tmp_path: Path) -> Iterator[PysMock]:
        file = tmp_path / "crowd.sqlite"
        with PysMock.running(database=file) as crowded, closing(sqlite3.connect(file)) as database:
            rows = ((login, "u", "2026-01-05T06:00:00+00:00") for login in LOGINS)
            database.executemany("INSERT INTO accounts VALUES (?, ?, NULL, TRUE, '', ?)", rows)
            database.commit()
            yield crowded

    @pytest.fixture
    def crowd(self, crowded: PysMock) -> Iterator[Crowd]:
        key = {"X-Api-Key": crowded.api_key.reveal()}
        with (
            httpx.Client(base_url=crowded.url, headers=key) as administrator,
            closing(made(crowded.url, crowded.api_key)) as pys,
        ):

            def delete(login: str) -> None:
                administrator.delete(f"/accounts/{login}").raise_for_status()

            yield Crowd(target=pys, logins=set(LOGINS), delete=delete)

    @pytest.fixture
    def limited_target(self, crowded: PysMock) -> Iterator[Pys]:
        crowded.misbehave(PysFaultOrder(endpoint="account.list", call=3, do=PysFault.CUT_ANSWER))
        with closing(made(crowded.url, crowded.api_key)) as pys:
            yield pys

    @pytest.fixture
    def target_with_wrong_credentials(self, mock: PysMock) -> Iterator[Pys]:
        with closing(made(mock.url, Secret("not-the-key"))) as pys:
            yield pys

    @pytest.fixture
    def unreachable_target(self) -> Iterator[Pys]:
        [port] = free_ports(1)
        with closing(made(f"http://127.0.0.1:{port}", Secret("a-key"))) as pys:
            yield pys

    @pytest.fixture
    def throttled_target(self, mock: PysMock) -> Iterator[Pys]:
        with PysMock.running() as throttled, closing(made(throttled.url, throttled.api_key)) as pys:
            throttled.misbehave(PysFaultOrder(endpoint="*", do=PysFault.THROTTLE))
            yield pys

    @pytest.fixture
    def wire(self, mock: PysMock) -> Iterator[TcpProxy]:
        with TcpProxy(("127.0.0.1", urlsplit(mock.url).port or 0)) as proxy:
            yield proxy

    @pytest.fixture
    def wired_target(self, target: Pys, mock: PysMock, wire: TcpProxy) -> Iterator[Pys]:
        with closing(made(f"http://127.0.0.1:{wire.port}", mock.api_key, timeout=1)) as pys:
            yield pys

    @pytest.fixture
    def patience(self) -> float:
        return 60.0

    @pytest.fixture
    def refused_secret(self) -> Secret:
        return Secret("short")

    @pytest.fixture
    def log_in(self, mock: PysMock) -> Callable[[str, str], bool]:
        return mock.logs_in
