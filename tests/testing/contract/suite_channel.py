"""The contract of channels as ``test_kit`` runs it, with a channel that is handed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from provisioner.testing.contract import ChannelContract
from provisioner.testing.faults import Fault, FaultChannel, Faults
from tests.testing.contract.broken_channels import ReferenceChannel


class TestSubject(ChannelContract):
    """All checks but those that need a network."""

    @pytest.fixture
    def channel(self, subject: ReferenceChannel) -> ReferenceChannel:
        return subject

    @pytest.fixture
    def channel_with_wrong_credentials(self, subject: ReferenceChannel) -> FaultChannel:
        return failing(subject, subject.wrong_credentials)

    @pytest.fixture
    def unreachable_channel(self, subject: ReferenceChannel) -> FaultChannel:
        return failing(subject, subject.unreachable)

    @pytest.fixture
    def throttled_channel(self, subject: ReferenceChannel) -> FaultChannel:
        return failing(subject, subject.throttled)

    @pytest.fixture
    def patience(self, subject: ReferenceChannel) -> float:
        return subject.patience

    @pytest.fixture
    def largest_batch(self) -> int:
        return 9

    @pytest.fixture
    def inbox(self, subject: ReferenceChannel) -> Callable[[str], Sequence[str]]:
        return subject.inbox


def failing(channel: ReferenceChannel, fault: Fault) -> FaultChannel:
    """Return the same channel, behind something that fails each call."""
    faults = Faults()
    for hook in ("secret_deliver", "delivery_probe", "channel_check"):
        faults.on(hook, fault)
    return FaultChannel(channel, faults)
