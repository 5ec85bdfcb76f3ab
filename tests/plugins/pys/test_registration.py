"""How the plug-in is loaded, and what it makes of the configuration."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from provisioner.config.load import LoadedConfiguration, load
from provisioner.core.api.messages import FindPerson, Presence
from provisioner.core.gateways.breaker import Breaker
from provisioner.core.gateways.plugins import Plugins
from provisioner.testing import samples
from provisioner.testing.samples import HOLDER, SECRET
from provisioner_pys.mock import PysMock


class TestRegistration:
    def plugins(self, file: Path, table: str) -> Plugins:
        file.write_text(f'[accounts]\ndomain = "meb.gov.tr"\n{table}')
        configuration: LoadedConfiguration = load(file)
        plugins = Plugins(make_breaker=lambda name: Breaker(name=name, now=lambda: datetime.now(UTC)))
        plugins.load(configuration.plugin_settings())
        return plugins

    def test_the_table_of_the_mock_is_enough(self, mock: PysMock, tmp_path: Path) -> None:
        lines = "\n".join(f'{key} = "{value}"' for key, value in mock.settings().items())
        with closing(self.plugins(tmp_path / "p.toml", f"[targets.pys]\n{lines}")) as plugins:
            plugins.targets["pys"].change(samples.create())

            assert plugins.targets["pys"].probe(samples.probe(SECRET)).secret_accepted
            assert plugins.find_person(FindPerson(person_id=HOLDER.id)) == HOLDER

    def test_a_pys_that_is_down_does_not_keep_the_program_from_starting(self, tmp_path: Path) -> None:
        table = '[targets.pys]\nplugin = "pys"\nurl = "https://127.0.0.1:9"\napi_key = "plain:k"'
        with closing(self.plugins(tmp_path / "p.toml", table)) as plugins:
            assert "account_handover" in plugins.targets["pys"].hooks

    def test_two_embedded_ones_are_two(self, tmp_path: Path) -> None:
        table = '[targets.a]\nplugin="pys"\nembedded="a.sqlite"\n[targets.b]\nplugin="pys"\nembedded="b.sqlite"'
        with closing(self.plugins(tmp_path / "p.toml", table)) as plugins:
            plugins.targets["a"].change(samples.create())

            assert plugins.targets["b"].probe(samples.probe()).presence is Presence.ABSENT
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("pys-mock")]

    def test_the_command_is_added(self, tmp_path: Path) -> None:
        table = '[targets.pys]\nplugin="pys"\nembedded="a.sqlite"'
        with closing(self.plugins(tmp_path / "p.toml", table)) as plugins:
            assert [command.name for command in plugins.cli_commands()] == ["pys-mock"]


def test_importing_the_plug_in_brings_nothing_heavy() -> None:
    code = (
        "import sys, provisioner_pys.plugin; "
        "print({'httpx', 'httpcore', 'sqlite3', 'http.server', 'passlib'} & sys.modules.keys())"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert found.strip() == "set()"
