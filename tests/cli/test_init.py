from __future__ import annotations

import os
import stat
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest

from provisioner.store import Store
from provisioner.store.address import StoreAddress
from tests.cli.conftest import typed

pytestmark = pytest.mark.usefixtures("made_tables")

#: Keys whose meaning the comment above their table tells.
OBVIOUS = ("plugin", "embedded", "database")
EXAMPLES = Path(__file__).parents[2] / "examples/kahramanmaras"


class TestInit:
    """``init``."""

    def test_makes_a_configuration_and_a_store(self, tmp_path: Path) -> None:
        answer = typed("--json", "init", tmp_path / "new/office")

        assert answer.code == 0
        assert [(one["name"], one["state"]) for one in answer.json["items"]] == [
            ("configuration", "made"),
            ("store", "made"),
        ]
        assert (tmp_path / "new/office/provisioner.sqlite").exists()

    def test_lets_nobody_else_read_the_store(self, tmp_path: Path) -> None:
        """It has people's names and numbers."""
        former = os.umask(0)
        try:
            typed("init", tmp_path / "new" / "office")
        finally:
            os.umask(former)

        paths = [tmp_path / "new", *(tmp_path / "new").rglob("*")]
        assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_dir()} == {0o700}
        assert {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_file()} == {0o600}

    def test_may_be_repeated_and_keeps_the_configuration(self, tmp_path: Path) -> None:
        typed("init", tmp_path)
        config = tmp_path / "provisioner.toml"
        config.write_text(config.read_text().replace('plate_code = "46"', 'plate_code = "01"'))
        mine = config.read_text()

        answer = typed("--json", "init", tmp_path)

        assert answer.code == 0
        assert {one["state"] for one in answer.json["items"]} == {"kept"}
        assert config.read_text() == mine

    def test_brings_the_store_up_to_date(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        typed("init", tmp_path)
        migrated: list[StoreAddress] = []
        monkeypatch.setattr(Store, "migrate", migrated.append)

        typed("init", tmp_path)

        assert [address.url for address in migrated] == [f"sqlite:///{tmp_path / 'provisioner.sqlite'}"]

    def test_makes_a_store_that_is_missing(self, tmp_path: Path) -> None:
        typed("init", tmp_path)
        (tmp_path / "provisioner.sqlite").unlink()

        assert typed("--json", "init", tmp_path).json["items"][1]["state"] == "made"

    def test_as_a_dry_run_makes_nothing(self, tmp_path: Path) -> None:
        assert typed("init", tmp_path / "new", "--dry-run").code == 0
        assert not (tmp_path / "new").exists()

    def test_makes_the_file_that_is_named(self, tmp_path: Path) -> None:
        typed("--config", tmp_path / "other.toml", "init")

        assert (tmp_path / "other.toml").exists()

    def test_works_where_one_stands(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)

        typed("init")

        assert (tmp_path / "provisioner.toml").exists()

    @pytest.mark.parametrize(("args", "language"), [([], "tr"), (["--lang", "en"], "en")])
    def test_takes_the_language_asked_for(self, tmp_path: Path, args: list[str], language: str) -> None:
        typed(*args, "init", tmp_path)

        assert tomllib.loads((tmp_path / "provisioner.toml").read_text())["language"] == language

    def test_in_a_folder_that_cannot_be_made_exits_with_2(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()

        assert typed("--json", "init", tmp_path / "file/office").json["error"]["class"] == "ConfigurationError"

    def test_refuses_a_configuration_that_is_wrong(self, tmp_path: Path) -> None:
        (tmp_path / "provisioner.toml").write_text("nonsense = 1\n")

        assert typed("init", tmp_path).code == 2


class TestWhatItMakes:
    """The configuration as it is, with nothing else started."""

    @pytest.fixture(name="config")
    def _config(self, tmp_path: Path) -> Path:
        typed("--lang", "en", "init", tmp_path)
        return tmp_path / "provisioner.toml"

    def test_passes_the_check(self, config: Path) -> None:
        answer = typed("--config", config, "--json", "check")

        assert answer.code == 0
        assert {one["name"]: one["status"] for one in answer.json["items"]} == {
            "config": "ok",
            "libraries": "ok",
            "store": "ok",
            "clock": "ok",
            "passwords": "ok",
            "authority": "warning",
            "rules.passwords": "ok",
            "targets.directory": "ok",
            "targets.pys": "ok",
            "channels.sms": "ok",
            "comparisons.directory": "warning",
            "comparisons.pys": "warning",
        }

    def test_opens_a_unit_whose_password_comes_by_sms(self, config: Path) -> None:
        typed("--config", config, "person", "import", EXAMPLES / "persons.csv")
        typed("--config", config, "unit", "import", EXAMPLES / "units.csv")

        answer = typed("--config", config, "--json", "unit", "open", "avrupa-birligi")

        assert (answer.code, answer.states) == (0, {"ab46": "done"})
        assert "ab46@meb.gov.tr" in typed("--config", config, "sms-simulator", "inbox").out

    def test_explains_every_key(self, config: Path) -> None:
        """Each key that is not a plug-in's name stands below a comment that says what it is."""
        lines = config.read_text().splitlines()
        bare = [
            line
            for before, line in pairwise(lines)
            if "=" in line and not line.startswith(("#", *OBVIOUS)) and not before.startswith("#")
        ]

        assert bare == []
