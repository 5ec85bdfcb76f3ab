"""What lives in memory keeps the contract to the letter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from provisioner.testing import samples
from provisioner.testing.contract import ChannelContract, TargetContract
from provisioner.testing.contract.entitling import KnownEntitlements
from provisioner.testing.contract.inventory import Crowd
from provisioner.testing.contract.sandbox import UnitMove
from provisioner.testing.faults import Fault, Faults, FaultTarget
from provisioner.testing.memory import MemoryChannel, MemoryTarget
from tests.contract.crowds import LOGINS
from tests.contract.moves import unit_move


class TestMemoryTarget(TargetContract):
    """The reference target."""

    @pytest.fixture
    def target(self) -> MemoryTarget:
        return MemoryTarget()

    @pytest.fixture
    def crowd(self) -> Crowd:
        target = MemoryTarget()
        target.account_create(samples.create())
        target._entries.update(dict.fromkeys(LOGINS, target._entries.pop(samples.ACCOUNT.login)))
        return Crowd(target=target, logins=set(LOGINS), delete=target._entries.pop)

    @pytest.fixture
    def limited_target(self, crowd: Crowd) -> FaultTarget:
        faults = Faults()
        faults.on("account_list", Fault.END_EARLY, calls={3})
        return FaultTarget(crowd.target, faults)

    @pytest.fixture
    def known_entitlements(self, target: MemoryTarget) -> KnownEntitlements:
        return KnownEntitlements(first="wiki", second="vpn", held_by=lambda login: target._entries[login].entitlements)

    @pytest.fixture
    def unit_move(self) -> UnitMove:
        return unit_move()

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
