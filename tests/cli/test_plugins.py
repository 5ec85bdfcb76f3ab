from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from provisioner.core.gateways.health import TargetHealth
from provisioner.core.model import StepError
from provisioner.testing.faults import Fault
from tests.cli.conftest import Answer, Office, typed

CONFIG = """\
language = "en"
[accounts]
domain = "meb.gov.tr"
[targets.directory]
plugin = "local"
database = "directory.sqlite"
[targets.pys]
plugin = "pys"
{pys}
"""


@pytest.fixture(name="config")
def _config(tmp_path: Path) -> Path:
    config = tmp_path / "provisioner.toml"
    config.write_text(CONFIG.format(pys='embedded = "pys.sqlite"'))
    return config


def _named(answer: Answer, name: str) -> dict[str, object]:
    [found] = [one for one in answer.json["items"] if one["name"] == name]
    return dict(found)


class TestPlugins:
    """``plugins``."""

    def test_says_what_is_used_where(self, config: Path) -> None:
        answer = typed("--config", config, "--json", "plugins")
        pys = _named(answer, "pys")

        assert answer.code == 0
        assert (pys["state"], pys["used_by"], pys["commands"]) == ("enabled", ["targets.pys"], ["pys-mock"])
        assert pys["distribution"] == "unit-provisioner"
        assert {"account_create", "person_find", "provisioner_register"} <= set(pys["hooks"])  # type: ignore[call-overload]

    def test_knows_those_that_are_only_installed(self, config: Path) -> None:
        ldap = _named(typed("--config", config, "--json", "plugins"), "ldap")

        assert (ldap["state"], ldap["hooks"], ldap["used_by"]) == ("installed", [], [])

    def test_says_why_one_is_broken(self, config: Path) -> None:
        config.write_text(CONFIG.format(pys='url = "https://pys.example"\napi_key = "env:NO_SUCH_KEY"'))

        pys = _named(typed("--config", config, "--json", "plugins"), "pys")

        assert pys["state"] == "broken"
        assert "NO_SUCH_KEY" in str(pys["reason"])

    def test_shows_one_that_is_named_and_not_installed(self, config: Path) -> None:
        config.write_text(config.read_text() + '[targets.mail]\nplugin = "mail_server"\n')

        missing = _named(typed("--config", config, "--json", "plugins"), "mail_server")

        assert (missing["state"], missing["used_by"]) == ("broken", ["targets.mail"])
        assert "mail_server is not installed" in str(missing["reason"])

    def test_works_without_a_configuration(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)

        answer = typed("--json", "plugins")

        assert answer.code == 0
        assert {one["state"] for one in answer.json["items"]} == {"installed"}
        assert _named(answer, "sms")["commands"] == ["sms-simulator", "sms-reports"]

    def test_does_not_import_what_is_not_named(self, config: Path) -> None:
        """An installed distribution must not run only because somebody looks at the list."""
        code = (
            "import sys\n"
            "from provisioner.cli.root import root\n"
            "try:\n"
            f"    root.main(['--config', {str(config)!r}, '--json', 'plugins'])\n"
            "except SystemExit:\n"
            "    print([name for name in sys.modules if name.startswith(('provisioner_ldap', 'provisioner_sms'))])\n"
        )

        result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

        assert result.stdout.splitlines()[-1] == "[]"

    def test_shows_people_a_table(self, config: Path) -> None:
        assert "pys-mock" in typed("--config", config, "plugins").out


def _serves(answer: Answer, name: str) -> dict[str, dict[str, object]]:
    serves = _named(answer, name)["serves"]
    assert isinstance(serves, list)
    return {one["name"]: one for one in serves}


class TestServed:
    """What is said of each target and channel."""

    def test_has_its_own_hooks(self, config: Path) -> None:
        """Two targets of one plug-in may be of different kinds."""
        directory = _serves(typed("--config", config, "--json", "plugins"), "local")["targets.directory"]

        assert {"account_create", "account_probe", "target_check"} <= set(directory["hooks"])  # type: ignore[call-overload]
        assert (directory["state"], directory["capabilities"]) == ("enabled", None)

    def test_is_not_called_unless_somebody_asks(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        """A list of what is installed must not wait for a system that is down."""
        _install_faulty(monkeypatch)

        office.type("plugins")
        assert not office.faults("posta").calls
        office.type("plugins", "--check")
        assert office.faults("posta").calls == {"target_check": 1}

    def test_says_what_it_can_do(self, config: Path) -> None:
        answer = typed("--config", config, "--json", "plugins", "--check")

        directory = _serves(answer, "local")["targets.directory"]
        assert directory["state"] == "working"
        assert directory["capabilities"] == {
            "tells_presence": True,
            "proves_secret": True,
            "ends_sessions": False,
            "sets_entitlements": True,
            "moves_accounts": False,
            "undoes": ["account_close", "account_create", "account_handover", "account_rotate", "account_update"],
            "facts": {"file": str(config.parent / "directory.sqlite")},
        }

    def test_says_why_it_does_not_answer(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        _install_faulty(monkeypatch)
        office.faults("posta").on("target_check", Fault.CANNOT_CONNECT)

        answer = office.type("--json", "plugins", "--check")

        serves = _serves(answer, "faulty")
        assert answer.code == 0
        assert (serves["targets.posta"]["state"], serves["targets.posta"]["reason"]) == ("broken", "connection refused")
        assert (serves["targets.pys"]["state"], serves["channels.sms"]["state"]) == ("working", "working")

    def test_is_quarantined_until_somebody_resumes_it(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        _install_faulty(monkeypatch)
        now = datetime(2026, 1, 1, tzinfo=UTC)
        known = TargetHealth(
            name="pys", failing_since=now, error=StepError(name="UnavailableError", message="gone"), quarantined_at=now
        )
        with office.open() as store:
            store.health.change("pys", lambda _: known)

        answer = office.type("--json", "plugins", "--check")

        assert _named(answer, "faulty")["state"] == "quarantined"
        serves = _serves(answer, "faulty")
        assert (serves["targets.pys"]["state"], serves["targets.posta"]["state"]) == ("quarantined", "working")

    def test_people_read_it_line_by_line(self, config: Path) -> None:
        out = typed("--config", config, "plugins", "--check").out

        assert "targets.directory: working\n  hooks: account_close, account_compare, account_create" in out
        assert "  can undo: account_close" in out
        assert f"  file: {config.parent / 'directory.sqlite'}" in out


def _install_faulty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the list of what is installed know the plug-in of the tests, too."""
    from importlib.metadata import EntryPoint

    from provisioner.core.gateways.plugins import find_entry_point
    from provisioner.services import installed_plugins

    class Faulty(EntryPoint):
        """An entry point that loads what the tests have put in its place."""

        dist = None

        def load(self) -> object:
            return find_entry_point("faulty")[0].load()

    monkeypatch.setattr(installed_plugins, "installed", lambda: [Faulty("faulty", "faulty", "provisioner.plugins")])
