from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from provisioner.core.gateways.breaker import Breaker
from provisioner.core.gateways.gateway import PluginOrigin
from provisioner.core.gateways.plugins import Plugins
from provisioner.testing.clock import FakeClock

ORIGIN = PluginOrigin(plugin="test", distribution="test-distribution", version="1.0")


@pytest.fixture(name="clock")
def _clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(name="make_plugins")
def _make_plugins(clock: FakeClock) -> Callable[..., Plugins]:
    def make(*, dry_run: bool = False, parallel: dict[str, int] | None = None) -> Plugins:
        return Plugins(
            make_breaker=lambda name: Breaker(name=name, now=clock, pause=timedelta(seconds=30)),
            parallel=parallel or {},
            dry_run=dry_run,
        )

    return make


@pytest.fixture(name="plugins")
def _plugins(make_plugins: Callable[..., Plugins]) -> Plugins:
    return make_plugins()
