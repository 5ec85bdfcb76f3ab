"""The directory in a file keeps the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.local import LocalDirectory
from provisioner.testing.contract import TargetContract


class TestLocalDirectory(TargetContract):
    """One file for each check."""

    @pytest.fixture
    def target(self, tmp_path: Path) -> LocalDirectory:
        return LocalDirectory(tmp_path / "directory.sqlite")

    @pytest.fixture
    def unreachable_target(self, tmp_path: Path) -> LocalDirectory:
        return LocalDirectory(tmp_path / "no such folder" / "directory.sqlite")
