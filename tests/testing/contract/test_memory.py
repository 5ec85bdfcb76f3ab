"""What lives in memory keeps the contract to the letter."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from provisioner.testing import samples
from provisioner.testing.contract import ChannelContract, SessionsContract, TargetContract
from provisioner.testing.contract.entitling import KnownEntitlements
from provisioner.testing.contract.inventory import Crowd
from provisioner.testing.contract.sandbox import UnitMove
from provisioner.testing.faults import Fault, Faults, FaultSessions, FaultTarget
from provisioner.testing.memory import MemoryChannel, MemoryTarget
from provisioner.testing.memory_mail import MemoryMail
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


class TestMemoryMail(SessionsContract):
    """The reference of a target that holds no accounts."""

    @pytest.fixture
    def directory(self) -> MemoryTarget:
        return MemoryTarget()

    @pytest.fixture
    def target(self, directory: MemoryTarget) -> MemoryMail:
        return MemoryMail(directory)

    @pytest.fixture
    def unreachable_target(self, target: MemoryMail) -> FaultSessions:
        faults = Faults()
        faults.on("sessions_end", Fault.CANNOT_CONNECT)
        faults.on("sessions_probe", Fault.CANNOT_CONNECT)
        return FaultSessions(target, faults)

    @pytest.fixture
    def open_session(self, target: MemoryMail) -> Callable[[str, str], Callable[[], bool]]:
        def open_session(spelling: str, password: str) -> Callable[[], bool]:
            session = target.log_in(spelling, password)
            return lambda: session is not None and session.is_open

        return open_session


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
