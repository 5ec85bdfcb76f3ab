"""The contract of targets."""

from __future__ import annotations

from provisioner.testing.contract.fixtures import TargetFixtures
from provisioner.testing.contract.lifecycle import LifecycleChecks
from provisioner.testing.contract.probing import ProbeChecks
from provisioner.testing.contract.undoing import UndoChecks


class TargetContract(LifecycleChecks, ProbeChecks, UndoChecks, TargetFixtures):
    """What every target must do. Inherit from it, and give it the fixture ``target``."""
