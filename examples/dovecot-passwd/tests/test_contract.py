"""The plug-in keeps the contract of targets, with a real Dovecot that reads the file."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from provisioner import Secret
from provisioner.testing.contract import TargetContract
from provisioner.testing.contract.inventory import Crowd
from provisioner_dovecot.plugin import Dovecot
from provisioner_dovecot.settings import DovecotSettings


class TestContract(TargetContract):
    """Every check. Most of the time goes by with waiting for Dovecot; with ``-n 8`` it goes by eight times at once."""

    @pytest.fixture
    def target(self, settings: DovecotSettings) -> Dovecot:
        """The plug-in's object."""
        return Dovecot(settings)

    @pytest.fixture
    def crowd(self, settings: DovecotSettings, tmp_path: Path) -> Crowd:
        """A file with many lines. The server doesn't need to read it."""
        logins = {f"kalabalik{number:05}" for number in range(10_000)}
        file = tmp_path / "crowd"
        file.write_text("".join(f"{login}:{{PLAIN}}x::::::\n" for login in sorted(logins)))

        def delete(login: str) -> None:
            lines = file.read_text().splitlines(keepends=True)
            file.write_text("".join(line for line in lines if not line.startswith(f"{login}:")))

        return Crowd(target=Dovecot(attrs.evolve(settings, file=file)), logins=logins, delete=delete)

    @pytest.fixture
    def unreachable_target(self, settings: DovecotSettings, tmp_path: Path) -> Dovecot:
        """One whose file is not there."""
        return Dovecot(attrs.evolve(settings, file=tmp_path / "none"))

    @pytest.fixture
    def refused_secret(self) -> Secret:
        """What no log-in can carry."""
        return Secret("longer than Dovecot reads " * 20)
