"""The plug-in keeps the contract of targets, with a real Dovecot that reads the file."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from provisioner import Secret
from provisioner.testing.contract import TargetContract
from provisioner_dovecot.plugin import Dovecot
from provisioner_dovecot.settings import DovecotSettings


class TestContract(TargetContract):
    """Every check. Most of the time goes by with waiting for Dovecot; with ``-n 8`` it goes by eight times at once."""

    @pytest.fixture
    def target(self, settings: DovecotSettings) -> Dovecot:
        """The plug-in's object."""
        return Dovecot(settings)

    @pytest.fixture
    def unreachable_target(self, settings: DovecotSettings, tmp_path: Path) -> Dovecot:
        """One whose file is not there."""
        return Dovecot(attrs.evolve(settings, file=tmp_path / "none"))

    @pytest.fixture
    def refused_secret(self) -> Secret:
        """What no log-in can carry."""
        return Secret("longer than Dovecot reads " * 20)
