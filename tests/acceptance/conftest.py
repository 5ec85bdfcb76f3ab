"""Real servers, started once for all acceptance tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from provisioner.testing.dovecot import Dovecot
from provisioner.testing.kannel import Kannel
from provisioner.testing.slapd import Slapd
from provisioner_pys.mock import PysMock
from tests.acceptance.province import persons


@pytest.fixture(name="directory", scope="module")
def _directory() -> Iterator[Slapd]:
    with Slapd() as directory:
        yield directory


@pytest.fixture(name="mail", scope="module")
def _mail(directory: Slapd) -> Iterator[Dovecot]:
    with Dovecot(directory=directory) as mail:
        yield mail


@pytest.fixture(name="kannel", scope="module")
def _kannel() -> Iterator[Kannel]:
    with Kannel.running() as kannel:
        yield kannel


@pytest.fixture(name="pys", scope="module")
def _pys() -> Iterator[PysMock]:
    with PysMock.running(people=persons()) as pys:
        yield pys
