"""Real servers, started once for all acceptance tests."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog

from provisioner.testing.dovecot import Dovecot
from provisioner.testing.kannel import Kannel
from provisioner.testing.slapd import Slapd
from provisioner_pys.mock import PysMock
from tests.acceptance.province import Entrance, persons


@pytest.fixture(autouse=True, scope="package")
def _quiet_services() -> Iterator[None]:
    """The services in this process log each call; there are thousands."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    yield
    structlog.reset_defaults()


@pytest.fixture(name="directory", scope="module")
def _directory() -> Iterator[Slapd]:
    with Slapd() as directory:
        yield directory


@pytest.fixture(name="entrance", scope="module")
def _entrance(directory: Slapd) -> Iterator[Entrance]:
    with Entrance.to(directory) as entrance:
        yield entrance


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
