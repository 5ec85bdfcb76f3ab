"""What lives in memory keeps the contract to the letter."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from provisioner.testing.contract import TargetContract
from provisioner.testing.memory import MemoryTarget


class TestMemoryTarget(TargetContract):
    """The reference target."""

    @pytest.fixture
    def target(self) -> MemoryTarget:
        return MemoryTarget()

    @pytest.fixture
    def log_in(self, target: MemoryTarget) -> Callable[[str, str], bool]:
        return target.logs_in
