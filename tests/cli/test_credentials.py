"""``target rotate-credential`` and what ``resume`` says of it: exit codes and JSON, on a real directory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner

from provisioner.cli.root import root
from provisioner.config.load import load
from provisioner.core.gateways.credentials import CredentialRotationBegan
from provisioner.services.parts import open_store
from provisioner.services.setup import prepare_store
from provisioner.testing.slapd import Slapd

pytestmark = pytest.mark.server("slapd")

CONFIG = """\
language = "en"

[accounts]
domain = "meb.gov.tr"

[targets.directory]
plugin = "ldap"
urls = ["{url}"]
tls = "none"
bind_dn = "{bind_dn}"
bind_password = "{reference}"
base_dn = "{base_dn}"
"""


@attrs.define(eq=False)
class Shell:
    """A folder with a configuration, in which commands are typed."""

    folder: Path
    server: Slapd

    @property
    def config(self) -> Path:
        return self.folder / "provisioner.toml"

    def configure(self, reference: str = "file:secret") -> None:
        secret = self.folder / "secret"
        secret.write_text(self.server.bind_password.reveal())
        secret.chmod(0o600)
        server = self.server
        table = {"url": server.url, "bind_dn": server.bind_dn, "base_dn": server.base_dn, "reference": reference}
        self.config.write_text(CONFIG.format(**table))
        prepare_store(load(self.config))

    def interrupt(self) -> None:
        """Do what a rotation does until a kill just before the target is told."""
        pending = self.folder / "secret.pending"
        pending.write_text("Yarim-Kalan-Parola-1")
        pending.chmod(0o600)
        with open_store(load(self.config)) as store:
            store.write(CredentialRotationBegan(at=datetime.now(UTC), actor="1001", target="directory"))

    def type(self, *arguments: str) -> tuple[int, Any]:
        result = CliRunner().invoke(root, ["--config", str(self.config), "--json", *arguments])
        return result.exit_code, json.loads(result.stdout)

    def said(self, *arguments: str) -> str:
        return CliRunner().invoke(root, ["--config", str(self.config), *arguments]).output


@pytest.fixture(name="shell")
def _shell(tmp_path: Path) -> Iterator[Shell]:
    with Slapd() as server:
        yield Shell(tmp_path, server)


ROTATE: Sequence[str] = ("target", "rotate-credential", "directory")


def test_a_rotation_is_done(shell: Shell) -> None:
    shell.configure()

    assert shell.type(*ROTATE) == (0, {"target": "directory", "error": None, "rotated": True})
    assert "was replaced, and the former one is void" in shell.said(*ROTATE)


def test_a_dry_run_says_that_it_would_work(shell: Shell) -> None:
    shell.configure()

    assert shell.type(*ROTATE, "--dry-run") == (0, {"target": "directory", "error": None, "rotated": False})
    assert "can be replaced" in shell.said(*ROTATE, "--dry-run")


def test_a_secret_in_the_environment_is_refused_with_its_cure(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIND", shell.server.bind_password.reveal())
    shell.configure("env:BIND")
    code, document = shell.type(*ROTATE)

    assert (code, document["error"]["class"]) == (2, "ConfigurationError")
    assert "file:PATH" in document["error"]["cure"]


def test_an_interrupted_rotation_is_resumed(shell: Shell) -> None:
    shell.configure()
    shell.interrupt()

    assert shell.type("resume") == (
        0,
        {"operations": [], "unchanged": [], "credentials": [{"target": "directory", "error": None}]},
    )
    assert (shell.folder / "secret").read_text().strip() == "Yarim-Kalan-Parola-1"
    assert "credentials" not in shell.type("resume")[1]


def test_a_sweep_leaves_no_rotation_half_done(shell: Shell) -> None:
    """A site whose only timer is the sweep."""
    shell.configure()
    shell.interrupt()

    code, document = shell.type("policy", "sweep")

    assert (code, document["credentials"]) == (0, [{"target": "directory", "error": None}])
    assert "credentials" not in shell.type("policy", "sweep")[1]


def test_a_rotation_that_cannot_be_finished_yet_is_left_to_the_next_resume(shell: Shell) -> None:
    shell.configure()
    shell.interrupt()
    shell.server.stop()
    code, document = shell.type("resume")

    assert code == 4
    assert document["credentials"][0]["error"]["class"] == "UnavailableError"
    assert "run 'provisioner resume' to finish it" in shell.said("resume")
