"""The contract as ``test_kit`` runs it, with a target behind a bad network that is handed in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from provisioner.testing.contract import TargetContract
from provisioner.testing.contract.sandbox import SandboxPeople
from provisioner.testing.proxy import TcpProxy
from provisioner_pys.mock import PysMock
from provisioner_pys.plugin import Pys
from provisioner_pys.settings import PysSettings
from tests.testing.contract.broken_wire import Wired


class TestSubject(TargetContract):
    """The checks that need a network."""

    @pytest.fixture
    def target(self) -> object:
        pytest.skip("no network")

    @pytest.fixture
    def wire(self, mock: PysMock) -> Iterator[TcpProxy]:
        with TcpProxy(("127.0.0.1", urlsplit(mock.url).port or 0)) as proxy:
            yield proxy

    @pytest.fixture
    def wired_target(self, subject: type[Wired], mock: PysMock, wire: TcpProxy, people: SandboxPeople) -> Iterator[Pys]:
        mock.seed(people=[people.holder, people.successor], units=[people.unit])
        url = f"http://127.0.0.1:{wire.port}"
        with closing(subject(settings=PysSettings(url=url, api_key=mock.api_key, timeout=subject.timeout))) as pys:
            yield pys

    @pytest.fixture
    def patience(self) -> float:
        return 2.0
