"""The contract of channels."""

from __future__ import annotations

from provisioner.testing.contract.fixtures import SharedFixtures


class ChannelContract(SharedFixtures):
    """What every channel must do. Inherit from it, and give it the fixture ``channel``."""
