"""Help and usage errors in Turkish: everything that ``--help`` shows, and what click says by itself."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from shutil import copytree, ignore_patterns

import click
import pytest

import provisioner
from provisioner.cli.help import paragraphs
from provisioner.cli.lazy import CommandSpec, load
from tests.cli.conftest import CONFIG, Office, typed
from update_messages import (
    PLUGIN_COMMANDS,
    below,
    click_texts,
    entries,
    help_texts,
    plugin,
    plugin_commands,
    product_help,
)


class TestTexts:
    """What is translated of help; that nothing is missing is in ``tests/test_catalogue.py``."""

    def test_are_found_with_the_names_of_values_and_those_of_click(self) -> None:
        """If next to nothing is found, nothing can be missing."""
        assert len(product_help()) > 200
        assert len(click_texts()) > 15
        assert {"FILE", "LOGIN", "PERSON", "OPTIONS"} <= product_help()

    def test_are_there_for_each_option(self) -> None:
        commands = [command for entry in entries() for command in below(load(entry.location))]
        options = [option for command in commands for option in command.params if isinstance(option, click.Option)]

        assert [option.name for option in options if not option.help] == []

    @pytest.mark.parametrize("name", PLUGIN_COMMANDS)
    def test_of_plugins_are_in_their_own_files(self, name: str) -> None:
        texts = {text for command in plugin_commands(name) for text in help_texts(command)}

        assert len(texts & plugin(name)) > 5

    @pytest.mark.parametrize("entry", [*entries()], ids=lambda entry: entry.location)
    def test_of_a_command_is_the_one_in_the_list(self, entry: CommandSpec) -> None:
        """The list is there so that nothing has to be imported for it; it must not say something else."""
        assert paragraphs(load(entry.location).help or "")[0] == entry.help


class TestLanguage:
    """In which language help and usage errors are."""

    @pytest.mark.parametrize(
        "args", [["--lang", "tr", "--help"], ["--help", "--lang=tr"], ["--lang", "tr", "unit", "-h"]]
    )
    def test_is_the_one_asked_for_wherever_the_option_stands(self, args: list[str]) -> None:
        out = typed(*args).out

        assert out.startswith("Kullanım: provisioner")
        assert "Seçenekler:" in out
        assert "Komutlar:" in out
        assert not {"Usage", "Options", "Commands", "Show"} & set(out.replace(":", "").split())

    def test_is_that_of_the_configuration(self, tmp_path: Path) -> None:
        """Also where the rest of the file is wrong, and cannot be loaded."""
        config = tmp_path / "provisioner.toml"
        config.write_text(CONFIG.replace('language = "en"', "language = 'tr' # Türkçe") + "[broken\n", encoding="utf-8")

        assert "Seçenekler:" in typed("--config", config, "unit", "list", "--help").out
        assert "Seçenekler:" in typed("unit", "list", "--help", env={"PROVISIONER_CONFIG": str(config)}).out
        assert "okunamıyor" in typed("--config", config, "unit", "list").err
        assert "adlı bir komut yok" in typed("--config", config, "unit", "lst").err

    def test_of_a_key_in_a_table_is_not_meant(self, tmp_path: Path) -> None:
        config = tmp_path / "provisioner.toml"
        config.write_text('language = "en"\n[targets.x]\nlanguage = "tr"\n', encoding="utf-8")
        assert "Options:" in typed("--config", config, "--help").out

        config.write_text('[targets.x]\nlanguage = "en"\n', encoding="utf-8")
        assert "Seçenekler:" in typed("--config", config, "--help").out

    def test_of_a_named_file_that_is_missing_is_the_systems(self, tmp_path: Path) -> None:
        assert "Options:" in typed("--config", tmp_path / "none.toml", "--help").out
        assert "Seçenekler:" in typed("--config", tmp_path / "none.toml", "--help", env={"LANG": "tr_TR.UTF-8"}).out

    def test_changes_back(self) -> None:
        """click keeps some of what it looked up."""
        assert "Seçenekler:" in typed("--lang", "tr", "unit", "list", "--help").out
        out = typed("--lang", "en", "unit", "list", "--help").out

        assert "Options:" in out
        assert "Show this message and exit." in out

    @pytest.mark.parametrize(
        ("args", "message"),
        [
            (["nosuch"], "Hata: 'nosuch' adlı bir komut yok."),
            (["--nosuch"], "Hata: '--nosuch' adlı bir seçenek yok."),
            (["unit", "open"], "Hata: Eksik argüman: 'KOD|DOSYA...'."),
            (["trouble", "report", "x"], "Hata: Eksik seçenek: '--text'."),
            (["policy", "simulate", "--days", "0"], "'--days' için geçersiz değer: 0 şu aralıkta değil: 1<=x<=3660."),
            (["policy", "due", "--until", "x"], "'--until' için geçersiz değer: 'x', 2026-12-31 gibi bir tarih değil."),
            (["unit", "show"], "Hata: Eksik argüman: 'KOD'."),
            (["audit", "verify", "--anchor", "x"], "SIRA:ÖZET verin"),
            (["clearance", "1"], "Hata: --leaving ya da --starting verin."),
            (["unit", "list", "x"], "Hata: Fazladan argüman verildi: x"),
        ],
    )
    def test_of_usage_errors(self, office: Office, args: list[str], message: str) -> None:
        answer = office.type("--lang", "tr", *args)

        assert answer.code == 2
        assert message in answer.err
        assert "Usage" not in answer.err

    def test_of_usage_errors_in_json(self) -> None:
        answer = typed("--json", "--lang", "tr", "unit", "open")

        assert answer.json["error"]["message"] == "Eksik argüman: 'KOD|DOSYA...'."

    def test_reaches_the_commands_of_plugins(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        out = typed("--lang", "tr", "pys-mock", "serve", "--help").out

        assert "Deneme PYS'sini, SIGTERM ya da SIGINT gelene kadar" in out
        assert "--host ADRES" in out
        assert "[varsayılan: 127.0.0.1]" in out
        assert "SIGTERM ya da SIGINT gelene kadar" in typed("--lang", "tr", "pys-mock", "--help").out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x = ", "okunamıyor: Geçersiz değer (belgenin sonunda)"),
        ('language = "tr"\nnonsense = 1\n', "provisioner.toml: bilinmeyen anahtar nonsense; anahtarlar: store,"),
        ('language = "tr"\nstore = 1\n', "store: beklenen: bir metin, bulunan: bir tam sayı"),
        ('language = "tr"\n', "accounts: eksik; beklenen: bir tablo"),
        (
            '[accounts]\ndomain = "x"\n[limits]\nmass_change_percent = 0',
            "izin verilmiyor: 'mass_change_percent' en az 1 olmalı",
        ),
        ('[accounts]\ndomain = "x"\ndomian = "y"', "bilinmeyen anahtar domian; domain mi demek istediniz?"),
        ('[accounts]\ndomain = "x"\n[targets.a]\nplugin = "nosuch"\n', "nosuch eklentisi kurulu değil"),
    ],
)
def test_errors_of_the_configuration_are_in_turkish(tmp_path: Path, content: str, message: str) -> None:
    config = tmp_path / "provisioner.toml"
    config.write_text(content, encoding="utf-8")

    environment: dict[str, str | None] = {"LANG": "tr_TR.UTF-8"}
    people = typed("--config", config, "check", env=environment).out
    items = typed("--config", config, "--json", "check", env=environment).json["items"]

    assert message in people
    assert any(message in item["message"] for item in items)
    assert not {"expected", "unknown", "missing", "allowed", "known"} & set(people.replace(";", "").split())


@pytest.fixture(name="uncompiled", scope="module")
def _uncompiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a copy of the product, without compiled translations."""
    folder = tmp_path_factory.mktemp("uncompiled")
    unwanted = ignore_patterns("*.mo", "__pycache__")
    copytree(Path(provisioner.__file__).parent, folder / "provisioner", ignore=unwanted)
    return folder


class TestUncompiledTranslations:
    """A working copy in which nobody compiled the Turkish messages speaks English, and has to say why."""

    WARNING = "the Turkish messages are not compiled; run 'make messages' in a working copy"

    @pytest.mark.parametrize("args", [("--lang", "tr", "--help"), ("--lang", "tr", "--json", "plugins")])
    def test_are_told_once_on_a_terminal(self, uncompiled: Path, args: tuple[str, ...]) -> None:
        out, err = _on_terminal(uncompiled, *args)

        assert err.count(self.WARNING) == 1
        assert self.WARNING not in out
        assert "--json" not in args or out.count("\n") == 1

    def test_are_not_told_where_english_is_read(self, uncompiled: Path) -> None:
        assert self.WARNING not in _on_terminal(uncompiled, "--lang", "en", "--help")[1]

    def test_are_not_told_to_the_completion_of_the_shell(self, uncompiled: Path) -> None:
        """The line would stand in the middle of what is being typed."""
        completing = {"_PROVISIONER_COMPLETE": "bash_source", "LC_ALL": "tr_TR.UTF-8"}

        assert self.WARNING not in _on_terminal(uncompiled, env=completing)[1]


def _on_terminal(folder: Path, *args: str, env: dict[str, str] | None = None) -> tuple[str, str]:
    """Run the program in a folder, with a terminal as stderr, and return what is on stdout and on stderr."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "wb") as terminal:
        done = subprocess.run(
            [sys.executable, "-m", "provisioner", *args],
            cwd=folder,
            env={**os.environ, **(env or {})},
            stdout=subprocess.PIPE,
            stderr=terminal,
            check=True,
            text=True,
        )
        os.write(theirs, b"|")
        shown = os.read(ours, 65536).decode()
    os.close(ours)
    return done.stdout, shown
