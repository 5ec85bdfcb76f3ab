from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Answer, typed

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

    def test_works_without_a_configuration(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)

        answer = typed("--json", "plugins")

        assert answer.code == 0
        assert {one["state"] for one in answer.json["items"]} == {"installed"}
        assert _named(answer, "sms")["commands"] == ["sms-simulator"]

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
