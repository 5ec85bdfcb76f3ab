"""A rotation of a secret that was interrupted is told by every check, until it is finished."""

from __future__ import annotations

from pathlib import Path

from provisioner.core.gateways.credentials import CredentialRotated, CredentialRotationBegan
from provisioner.services.health_check.credentials import check_credentials
from provisioner.services.health_check.results import CheckStatus
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget


def test_a_rotation_that_was_interrupted_is_not_told(tmp_path: Path) -> None:
    file = tmp_path / "provisioner.sqlite"  # where the configuration looks for it
    with Harness(file, targets={"mail": MemoryTarget()}, channels={"sms": MemoryChannel()}) as harness:
        config, clock, record = harness.app.config, harness.clock, harness.app.credentials.record
        assert list(check_credentials(config, clock)) == []

        record(CredentialRotationBegan(at=clock(), actor="tester", target="mail"))
        [found] = check_credentials(config, clock)
        assert (found.status, found.name, str(found.cure)) == (
            CheckStatus.WARNING,
            "targets.mail",
            "run 'provisioner resume'",
        )

        record(CredentialRotated(at=clock(), actor="tester", target="mail"))
        assert list(check_credentials(config, clock)) == []
