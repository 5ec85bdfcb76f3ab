"""The contract of channels."""

from __future__ import annotations

from provisioner.testing.contract.delivering import DeliveryChecks, HostileDeliveryChecks
from provisioner.testing.contract.delivering_badly import (
    DeliveryLoadChecks,
    DeliverySecrecyChecks,
    DeliveryWireChecks,
)
from provisioner.testing.contract.fencing import DeliveryFenceChecks
from provisioner.testing.contract.fixtures import ChannelFixtures


# pytest begins with the last of the bases.
class ChannelContract(
    DeliveryLoadChecks,
    DeliveryFenceChecks,
    DeliveryWireChecks,
    DeliverySecrecyChecks,
    HostileDeliveryChecks,
    DeliveryChecks,
    ChannelFixtures,
):
    """The conformance tests for channels. Inherit from it, and provide the fixture ``channel``."""
