"""What ``new-plugin`` writes is a whole project: it installs, its tests are green, and the product finds it."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import attrs
import pytest

from tests.cli.conftest import typed
from tests.translations import turkish

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

CONFIG = """\
language = "en"
[accounts]
domain = "meb.gov.tr"
[targets.gate]
plugin = "door_lock"
{settings}
"""


@attrs.frozen
class Made:
    """A project that was written, built and put where Python finds it."""

    folder: Path
    site: Path

    def run(self, *arguments: object, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run a module of Python with the project installed."""
        environment = os.environ | {"PYTHONPATH": str(self.site)}
        command = [sys.executable, "-m", *map(str, arguments)]
        return subprocess.run(
            command, cwd=folder or self.folder, env=environment, check=False, capture_output=True, text=True
        )


@pytest.fixture(name="made", scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    made = Made(tmp_path_factory.mktemp("made") / "door", tmp_path_factory.mktemp("site"))
    assert typed("new-plugin", "door_lock", made.folder).code == 0
    built = made.run("hatchling", "build", "--target", "wheel", "--directory", made.site)
    assert built.returncode == 0, built.stderr
    [wheel] = made.site.glob("*.whl")
    ZipFile(wheel).extractall(made.site)
    return made


class TestProject:
    """What was written."""

    def test_its_tests_are_green(self, made: Made) -> None:
        done = made.run("pytest", "-q", "-p", "no:cacheprovider", "-m", "not contract_load")

        assert done.returncode == 0, done.stdout
        assert " failed" not in done.stdout

    def test_its_contract_can_turn_red(self, made: Made, tmp_path: Path) -> None:
        """Green tests prove something only if they see a defect: here, closing that closes nothing."""
        copy = Made(tmp_path / "copy", tmp_path / "copy")
        copy.folder.mkdir()
        for path in made.folder.rglob("*.py"):
            file = copy.folder / path.relative_to(made.folder)
            file.parent.mkdir(exist_ok=True)
            file.write_text(path.read_text().replace("enabled=False", "enabled=True"))

        done = copy.run("pytest", "-q", "-p", "no:cacheprovider", "-k", "test_close", "tests/test_contract.py")

        assert done.returncode == 1, done.stdout
        assert "test_close_lets_nobody_in_and_keeps_the_account" in done.stdout

    def test_it_is_in_good_style(self, made: Made) -> None:
        """By its own rules, and by ours but for what they say of the order of imports."""
        own = made.run("ruff", "check", "--no-cache", ".")
        ours = made.run("ruff", "check", "--no-cache", "--config", ROOT / "pyproject.toml", "--ignore", "I001", ".")
        formatted = made.run("ruff", "format", "--no-cache", "--check", ".")

        assert (own.returncode, ours.returncode, formatted.returncode) == (0, 0, 0), own.stdout + ours.stdout

    def test_its_types_are_sound(self, made: Made) -> None:
        done = made.run(
            "mypy", "--strict", "--cache-dir", ROOT / ".mypy_cache" / "new-plugin", "--follow-imports", "silent"
        )

        assert done.returncode == 0, done.stdout

    def test_each_of_its_messages_is_there_in_turkish(self, made: Made) -> None:
        package = made.folder / "provisioner_door_lock"
        literals = {
            node.value
            for file in package.glob("*.py")
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }

        assert turkish(package).keys() <= literals


class TestInstalled:
    """The product with the new plug-in beside it."""

    def test_finds_it(self, made: Made, tmp_path: Path) -> None:
        config = tmp_path / "provisioner.toml"
        config.write_text(CONFIG.format(settings='file = "door.json"'))

        listed = made.run("provisioner", "--config", config, "--json", "plugins")
        init = made.run("provisioner", "--config", config, "init")
        checked = made.run("provisioner", "--config", config, "check", folder=tmp_path)

        assert '"provisioner-door-lock"' in listed.stdout
        assert "account_handover" in listed.stdout
        assert init.returncode == 0, init.stderr
        assert checked.returncode == 0, checked.stdout
        assert "targets.gate: reachable" in checked.stdout

    @pytest.mark.parametrize(
        ("settings", "words"),
        [
            ('file = "a"\nfiel = "b"', "targets.gate: unknown key fiel; did you mean file? The keys are file"),
            ("file = 1", "targets.gate.file: expected a string"),
            ("", "targets.gate.file: it is missing"),
        ],
    )
    def test_says_what_is_wrong_with_its_settings(self, made: Made, tmp_path: Path, settings: str, words: str) -> None:
        config = tmp_path / "provisioner.toml"
        config.write_text(CONFIG.format(settings=settings))

        done = made.run("provisioner", "--config", config, "check")

        assert done.returncode == 2
        assert f"{config}: {words}" in done.stdout


class TestCommand:
    """``new-plugin``."""

    def test_writes_into_a_folder_of_the_same_name(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)

        answer = typed("--lang", "en", "new-plugin", "mail_server")

        assert answer.code == 0
        assert (tmp_path / "provisioner-mail-server" / "provisioner_mail_server" / "plugin.py").is_file()
        assert "provisioner-mail-server/pyproject.toml" in answer.out
        assert "pip install --editable" in answer.out

    def test_tells_scripts_what_it_wrote(self, tmp_path: Path) -> None:
        document = typed("--json", "new-plugin", "paper", tmp_path / "p").json

        assert (document["plugin"], document["folder"]) == ("paper", str(tmp_path / "p"))
        assert all(Path(item).is_file() for item in document["items"])

    def test_dry_run_writes_nothing(self, tmp_path: Path) -> None:
        answer = typed("new-plugin", "paper", tmp_path / "p", "--dry-run")

        assert answer.code == 0
        assert "plugin.py" in answer.out
        assert not (tmp_path / "p").exists()

    @pytest.mark.parametrize(
        "name", ["Paper", "pa-per", "1paper", "_paper", "paper_", "a__b", "class", "x" * 41, "İz", "", "test_server"]
    )
    def test_refuses_a_name_that_cannot_be_one(self, tmp_path: Path, name: str) -> None:
        answer = typed("--json", "new-plugin", name, tmp_path / "p")

        assert answer.code == 2
        assert answer.json["error"]["items"][0]["field"] == "name"
        assert not (tmp_path / "p").exists()

    def test_refuses_the_name_of_an_installed_plugin(self, tmp_path: Path) -> None:
        """Two of one name cannot be told apart in a configuration."""
        answer = typed("--lang", "en", "new-plugin", "ldap", tmp_path / "p")

        assert answer.code == 2
        assert "a plug-in ldap is installed already" in answer.err

    @pytest.mark.parametrize("kind", ["folder", "file"])
    def test_overwrites_nothing(self, tmp_path: Path, kind: str) -> None:
        place = tmp_path / "p"
        kept = place
        if kind == "folder":
            place.mkdir()
            kept = place / "README.md"
        kept.write_text("mine")

        answer = typed("--lang", "en", "new-plugin", "paper", place)

        assert answer.code == 2
        assert "is not empty" in answer.err
        assert kept.read_text() == "mine"
        assert [*tmp_path.rglob("*.py")] == []

    def test_says_where_it_may_not_write(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()

        answer = typed("--lang", "en", "new-plugin", "paper", tmp_path / "file" / "p")

        assert answer.code == 2
        assert "cannot be written: Not a directory" in answer.err
