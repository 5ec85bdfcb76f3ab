from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from provisioner.cli import extensions
from provisioner.cli.lazy import CommandGroup, LazyGroup, load
from provisioner.cli.root import root
from provisioner.cli.table import COMMANDS
from provisioner.core.api.errors import PluginError
from provisioner.core.api.messages import CliCommand
from provisioner.core.gateways.plugins import Plugins
from provisioner.store.units import StoredUnits
from tests.cli.conftest import Office, typed

#: What must not be imported to show an account.
UNUSED = {
    "alembic", "passlib", "rich", "sqlalchemy.dialects.postgresql", "structlog", "provisioner.cli.commands.runs",
    "provisioner.core.engine.engine", "provisioner.core.engine.planner", "provisioner.manifest",
    "provisioner.services.application", "provisioner.services.bootstrap", "provisioner.services.health_check",
}  # fmt: skip
HEAVY = {
    "alembic", "attrs", "cattrs", "httpx", "importlib.metadata", "jinja2", "ldap3", "phonenumbers", "pluggy", "rich",
    "sqlalchemy", "structlog", "tenacity", "tomllib", "provisioner.core.api.errors", "provisioner.services.bootstrap",
}  # fmt: skip

#: What besides must not be imported to show a single account.
NOT_TO_SHOW_ONE = {
    "_hashlib", "asyncio", "calendar", "html", "importlib.metadata", "lzma", "pluggy", "random", "sqlalchemy",
    "tenacity",
    "provisioner.core.api.hookspecs", "provisioner.core.api.messages", "provisioner.core.engine.plan",
    "provisioner.store.store",
}  # fmt: skip

#: What must not be imported to change an account, without a terminal: other services, and what only shows.
NOT_TO_CHANGE_ONE = {
    "colorama", "phonenumbers", "pygments", "rich", "provisioner.audit.follower",
    "provisioner.core.engine.master_data", "provisioner.core.engine.preview", "provisioner.core.governance.log_ins",
    "provisioner.core.governance.tokens", "provisioner.core.policy.follow_up", "provisioner.core.policy.notifier",
    "provisioner.core.reconcile.adoption", "provisioner.core.reconcile.differences", "provisioner.services.adoption",
    "provisioner.services.audit_log", "provisioner.services.collectors", "provisioner.services.health_check",
    "provisioner.services.inbox", "provisioner.services.unit_list", "provisioner.store.audit.reader",
    "provisioner.store.moves", "provisioner.store.search",
}  # fmt: skip

#: How many modules a command imports at most.
MODULES = {"--help": 130, "account show": 245, "account list": 560, "account rotate": 645}

SITE = """
[accounts]
domain = "meb.gov.tr"

[targets.directory]
plugin = "local"
database = "directory.sqlite"

[channels.phones]
plugin = "memory"
"""

PLACES = [
    entry.location
    for command in COMMANDS.values()
    for entry in (command.commands.values() if isinstance(command, CommandGroup) else [command])
]


def imported_by(args: list[str]) -> set[str]:
    """Return the modules that a command imports that ends well."""
    code = (
        "import sys\n"
        "from provisioner.cli.root import root\n"
        "try:\n"
        f"    root.main({args})\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "    print(*sys.modules)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(result.stdout.splitlines()[-1].split())


class TestHelp:
    """``--help``, which people and completions wait for."""

    @pytest.mark.parametrize("args", [["--help"], ["unit", "--help"], ["account", "--help"]])
    def test_imports_nothing_heavy(self, args: list[str]) -> None:
        """The promise is a start within six times that of a bare interpreter; what is imported decides it."""
        imported = imported_by(args)

        assert not HEAVY & imported
        assert len(imported) <= MODULES["--help"]

    @pytest.mark.parametrize("args", [["account", "list"], ["account", "show", "arge46"]])
    def test_showing_an_account_loads_nothing_that_changes_one(self, office: Office, args: list[str]) -> None:
        """Each module costs a part of a millisecond, and the facade of all services has eighty below it."""
        office.type("account", "create", "arge46")

        imported = imported_by(["--config", str(office.config), *args])

        assert not UNUSED & imported
        assert len(imported) <= MODULES[" ".join(args[:2])]

    def test_showing_one_account_loads_no_library_for_databases(self, office: Office) -> None:
        office.type("account", "create", "arge46")

        imported = imported_by(["--config", str(office.config), "account", "show", "arge46"])

        assert not NOT_TO_SHOW_ONE & imported

    def test_changing_an_account_loads_no_other_service(self, tmp_path: Path) -> None:
        config, persons, units = (tmp_path / name for name in ("provisioner.toml", "persons.csv", "units.csv"))
        config.write_text(SITE)
        persons.write_text("id,name,unit,title,mobile,supervisor\n1,Ali Veli,,,05321234567,\n")
        units.write_text("code,name,kind,parent,login,custodian\narge46,Unit,office,,arge46,1\n")
        for args in (["init"], ["person", "import", persons], ["unit", "open", units]):
            assert typed("--config", config, *args).code == 0

        imported = imported_by(["--config", str(config), "account", "rotate", "arge46"])

        assert not NOT_TO_CHANGE_ONE & imported
        assert len(imported) <= MODULES["account rotate"]

    def test_names_every_command(self) -> None:
        text = typed("--help").out

        assert all(f"  {name} " in text for name in COMMANDS)
        assert "'provisioner plugins'" in text

    def test_of_a_group_names_its_commands(self) -> None:
        assert all(name in typed("unit", "--help").out for name in ("import", "open", "close", "list", "show"))

    @pytest.mark.parametrize("location", PLACES)
    def test_can_be_had_of_every_command(self, location: str) -> None:
        """A wrong place in the table would only show when somebody uses the command."""
        command = load(location)

        assert isinstance(command, click.Command)
        assert command.help

    def test_without_a_command_is_a_usage_error(self) -> None:
        assert typed().code == 2
        assert "Usage: provisioner" in typed().err

    def test_groups_are_lazy_too(self) -> None:
        context = click.Context(root)

        assert isinstance(root.get_command(context, "unit"), LazyGroup)


class TestVersion:
    """``--version``."""

    def test_is_the_installed_one(self) -> None:
        from importlib.metadata import version

        assert typed("--version").out == f"provisioner, version {version('unit-provisioner')}\n"


class TestUsageErrors:
    """What was typed is wrong."""

    @pytest.mark.parametrize("args", [["nosuch"], ["--nosuch"], ["unit", "nosuch"], ["unit", "open"], ["--lang", "de"]])
    def test_exit_with_2(self, args: list[str]) -> None:
        answer = typed(*args)

        assert answer.code == 2
        assert answer.out == ""
        assert "Error:" in answer.err

    @pytest.mark.parametrize(
        "args",
        [
            ["--json", "nosuch"],
            ["--json", "--nosuch"],
            ["--nosuch", "--json"],
            ["--json", "unit", "open"],
            ["unit", "open", "--json", "--nosuch"],
            ["--json", "unit"],
        ],
    )
    def test_are_json_in_json_mode(self, args: list[str]) -> None:
        """A script reads stdout, whatever was wrong with its command."""
        answer = typed(*args)

        assert answer.code == 2
        assert answer.json["error"].keys() == {"class", "message", "cure", "items"}


class TestJsonOption:
    """``--json`` before and after the command."""

    @pytest.mark.parametrize("args", [["--json", "unit", "list"], ["unit", "list", "--json"]])
    def test_may_stand_in_both_places(self, office: Office, args: list[str]) -> None:
        assert len(office.type(*args).json["items"]) == 3


class TestDefects:
    """An exception that nobody expected."""

    @pytest.fixture(autouse=True)
    def _defect(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(_: object) -> None:
            message = "geheim-1"
            raise RuntimeError(message)

        monkeypatch.setattr(StoredUnits, "all", broken)

    def test_exit_with_1_and_say_where_without_the_text(self, office: Office) -> None:
        """The text of a foreign exception may quote a password."""
        answer = office.type("unit", "list")

        assert answer.code == 1
        assert "RuntimeError" in answer.err
        assert "test_root.py:" in answer.err
        assert "geheim-1" not in answer.err
        assert "Traceback" not in answer.err

    def test_verbose_shows_the_way_and_still_no_text(self, office: Office) -> None:
        answer = office.type("-v", "unit", "list")

        assert "units.py:" in answer.err
        assert "geheim-1" not in answer.err

    def test_are_json_in_json_mode(self, office: Office) -> None:
        answer = office.type("--json", "unit", "list")

        assert answer.code == 1
        assert answer.json["error"]["class"] == "RuntimeError"
        assert "geheim-1" not in answer.out + answer.err


class TestInterruption:
    """Control-C while nothing is being changed."""

    def test_exits_with_4(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupted(_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(StoredUnits, "all", interrupted)

        assert office.type("unit", "list").code == 4


class TestLanguage:
    """The language of messages."""

    def test_is_the_one_asked_for(self, office: Office) -> None:
        assert "kodlu birim yok" in office.type("--lang", "tr", "unit", "show", "yok").err

    def test_is_the_configurations_otherwise(self, office: Office) -> None:
        office.config.write_text(office.config.read_text().replace('"en"', '"tr"'))

        assert "kodlu birim yok" in office.type("unit", "show", "yok").err

    @pytest.mark.parametrize(("locale", "message"), [("tr_TR.UTF-8", "dosyası yok"), ("C.UTF-8", "there is no")])
    def test_is_the_systems_without_a_configuration(self, tmp_path: Path, locale: str, message: str) -> None:
        assert message in typed("--config", tmp_path / "none.toml", "unit", "list", env={"LANG": locale}).err

    def test_reaches_json_too(self, office: Office) -> None:
        answer = office.type("--json", "--lang", "tr", "unit", "show", "yok")

        assert answer.json["error"]["items"][0]["message"] == "yok kodlu birim yok"


class TestConfiguration:
    """Which file is read."""

    def test_that_is_missing_exits_with_2_and_a_cure(self, tmp_path: Path) -> None:
        answer = typed("--json", "--config", tmp_path / "none.toml", "unit", "list")

        assert answer.code == 2
        assert answer.json["error"]["class"] == "ConfigurationError"
        assert "provisioner init" in answer.json["error"]["cure"]

    def test_may_be_named_in_the_environment(self, office: Office) -> None:
        assert typed("unit", "list", env={"PROVISIONER_CONFIG": str(office.config)}).code == 0

    def test_may_lie_where_one_stands(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(office.config.parent)

        assert typed("unit", "list").code == 0

    def test_without_a_store_exits_with_2_and_a_cure(self, office: Office) -> None:
        (office.config.parent / "provisioner.sqlite").unlink()
        answer = office.type("--json", "unit", "list")

        assert answer.code == 2
        assert "provisioner init" in answer.json["error"]["cure"]


class TestPluginCommands:
    """Commands that plug-ins add."""

    def test_of_our_own_plugins_are_there_without_a_configuration(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The services they bring are wanted before anything is configured."""
        monkeypatch.chdir(tmp_path)

        assert "serve" in typed("pys-mock", "--help").out

    def test_of_plugins_that_are_not_named_are_not_there(self, office: Office) -> None:
        """Code that nobody named must not run."""
        assert office.type("pys-mock", "--help").code == 2

    def test_must_not_take_the_name_of_ours(self, monkeypatch: pytest.MonkeyPatch) -> None:
        command = CliCommand(name="unit", help="Another one.", location="nowhere:command")
        monkeypatch.setattr(Plugins, "cli_commands", lambda _: [command])

        with pytest.raises(PluginError, match="adds the command unit"):
            extensions.commands("local")


class TestStreams:
    """What goes to stdout and stderr."""

    def test_a_reader_that_has_had_enough_is_no_defect(self, office: Office) -> None:
        """``provisioner unit list | head -1`` must not end in a message about a broken pipe."""
        reading, writing = os.pipe()
        os.close(reading)
        config = office.config.read_text().replace('plugin = "faulty"', 'plugin = "memory"')
        office.config.write_text(config)

        result = subprocess.run(
            [sys.executable, "-m", "provisioner", "--config", office.config, "unit", "list"],
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
        )
        os.close(writing)

        assert (result.returncode, result.stderr) == (0, b"")

    def test_json_is_utf_8_whatever_the_locale(self, office: Office) -> None:
        result = subprocess.run(
            [sys.executable, "-m", "provisioner", "--config", office.config, "--json", "unit", "list"],
            capture_output=True,
            env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
            check=True,
        )

        assert "Millî" in json.loads(result.stdout.decode())["items"][0]["name"]

    def test_letters_that_the_terminal_does_not_know_are_no_defect(self, office: Office) -> None:
        result = subprocess.run(
            [sys.executable, "-m", "provisioner", "--config", office.config, "unit", "list"],
            capture_output=True,
            env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
            check=True,
        )

        assert b"AR-GE Birimi" in result.stdout

    def test_control_characters_do_not_reach_the_terminal(self, office: Office) -> None:
        """A name in a file could otherwise clear the screen, or worse."""
        answer = office.type("unit", "show", "\x1b[2J")

        assert "\x1b" not in answer.err
