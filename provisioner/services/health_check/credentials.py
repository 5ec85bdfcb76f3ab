"""Tells which rotations of the product's own secrets are not finished."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.config.load import LoadedConfiguration
from provisioner.core.model.text import Text
from provisioner.services.health_check.results import CheckResult, warning
from provisioner.services.parts import Clock, open_store


def check_credentials(config: LoadedConfiguration, now: Clock) -> Iterator[CheckResult]:
    """Tell which rotations of the product's own secrets were interrupted, or are under way."""
    with open_store(config, now) as store:
        for rotation in store.credential_rotations.all():
            message = Text("the rotation of its secret began at {time} and isn't finished", {"time": rotation.began_at})
            yield warning(f"targets.{rotation.target}", message, Text("run 'provisioner resume'"))
