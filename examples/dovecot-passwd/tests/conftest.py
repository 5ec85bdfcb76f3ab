"""A private Dovecot that reads a passwd-file, and settings for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from provisioner.testing.dovecot import Dovecot as Server
from provisioner.testing.plugin import require_server
from provisioner_dovecot.settings import DovecotSettings


@pytest.fixture(scope="session")
def file() -> Iterator[Path]:
    """An empty passwd-file, in a folder that Dovecot may enter."""
    with TemporaryDirectory(prefix="passwd-") as folder:
        Path(folder).chmod(0o755)
        users = Path(folder, "users")
        users.touch(mode=0o644)
        yield users


@pytest.fixture(scope="session")
def mail(file: Path) -> Iterator[Server]:
    """A server that reads it."""
    require_server("dovecot")
    with Server(passwd_file=file) as server:
        yield server


@pytest.fixture
def settings(mail: Server, file: Path) -> DovecotSettings:
    """Settings for it; without TLS, because it is on this machine."""
    return DovecotSettings(file=file, host="127.0.0.1", port=mail.port, tls=False)
