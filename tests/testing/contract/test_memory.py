"""What lives in memory keeps the contract to the letter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from provisioner.testing.contract import ChannelContract, TargetContract
from provisioner.testing.memory import MemoryChannel, MemoryTarget


class TestMemoryTarget(TargetContract):
    """The reference target."""

    @pytest.fixture
    def target(self) -> MemoryTarget:
        return MemoryTarget()

    @pytest.fixture
    def log_in(self, target: MemoryTarget) -> Callable[[str, str], bool]:
        return target.logs_in


class TestMemoryChannel(ChannelContract):
    """The reference channel."""

    @pytest.fixture
    def channel(self) -> MemoryChannel:
        return MemoryChannel()

    @pytest.fixture
    def inbox(self, channel: MemoryChannel) -> Callable[[str], Sequence[str]]:
        return lambda number: [
            *(f"{one.login} {one.password}" for one in channel.inbox(number)),
            *(notice.text for notice in channel.notices(number)),
        ]
