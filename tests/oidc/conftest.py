"""A provider of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from provisioner.testing.clock import FakeClock
from tests.oidc.issuer import Issuer


@pytest.fixture(name="clock")
def _clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(name="issuer")
def _issuer(clock: FakeClock) -> Iterator[Issuer]:
    issuer = Issuer(clock)
    issuer.start()
    yield issuer
    issuer.stop()
