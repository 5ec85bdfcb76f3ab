"""A mock PYS, and a client and a target for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from provisioner.testing.samples import HOLDER, SUCCESSOR, UNIT
from provisioner_pys.client import PysClient
from provisioner_pys.mock import PysMock
from provisioner_pys.plugin import Pys
from provisioner_pys.settings import PysSettings


@pytest.fixture(name="mock")
def _mock() -> Iterator[PysMock]:
    with PysMock.running(people=[HOLDER, SUCCESSOR], units=[UNIT]) as mock:
        yield mock


@pytest.fixture(name="client")
def _client(mock: PysMock) -> Iterator[PysClient]:
    with closing(PysClient.connect(mock.url, mock.api_key, timeout=60)) as client:
        yield client


@pytest.fixture(name="pys")
def _pys(mock: PysMock) -> Iterator[Pys]:
    with closing(Pys(settings=PysSettings(url=mock.url, api_key=mock.api_key, timeout=60))) as pys:
        yield pys
