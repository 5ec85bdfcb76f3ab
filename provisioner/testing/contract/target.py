"""The contract of targets."""

from __future__ import annotations

from provisioner.testing.contract.ending import SessionChecks
from provisioner.testing.contract.entitling import EntitlementChecks
from provisioner.testing.contract.fencing import FenceChecks
from provisioner.testing.contract.fixtures import TargetFixtures
from provisioner.testing.contract.hostile import HostileChecks
from provisioner.testing.contract.inventory import ListChecks
from provisioner.testing.contract.lifecycle import LifecycleChecks
from provisioner.testing.contract.load import LoadChecks
from provisioner.testing.contract.moving import MoveChecks
from provisioner.testing.contract.probing import ProbeChecks
from provisioner.testing.contract.secrecy import SecrecyChecks
from provisioner.testing.contract.undoing import UndoChecks
from provisioner.testing.contract.updating import UpdateChecks
from provisioner.testing.contract.wire import WireChecks


# pytest begins with the last of the bases.
class TargetContract(
    LoadChecks,
    FenceChecks,
    WireChecks,
    SecrecyChecks,
    HostileChecks,
    UndoChecks,
    EntitlementChecks,
    MoveChecks,
    UpdateChecks,
    ListChecks,
    SessionChecks,
    ProbeChecks,
    LifecycleChecks,
    TargetFixtures,
):
    """What every target must do. Inherit from it, and give it the fixture ``target``."""
