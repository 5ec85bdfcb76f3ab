"""Help and usage errors in Turkish: everything that ``--help`` shows, and what click says by itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest

from provisioner.catalogue import Catalogue
from provisioner.cli.help import _VALUE_NAMES, is_example, paragraphs
from provisioner.cli.lazy import CommandGroup, CommandSpec, load
from provisioner.cli.root import root
from provisioner.cli.table import COMMANDS
from tests.cli.conftest import CONFIG, Office, typed
from tests.translations import turkish

TEXTS = turkish(Path(str(import_module("provisioner").__file__)).parent, "help")

#: The commands of plug-ins, by the plug-in.
PLUGINS = {"pys": "provisioner_pys.cli:group", "sms": "provisioner_sms.cli:group"}

ENTRIES = [
    entry
    for command in COMMANDS.values()
    for entry in (
        (*command.commands.values(), *([command.default] if command.default else ()))
        if isinstance(command, CommandGroup)
        else (command,)
    )
]

#: Modules of click whose texts a user may see.
CLICK = ("core", "exceptions", "formatting", "parser", "types")

#: Texts in them that our commands cannot lead to: of prompts, deprecated commands, and for programmers.
NOT_OURS = {
    "Arguments take exactly one parameter declaration, got {length}: {decls}.",
    "Boolean option {decl!r} cannot use the same flag for true/false.",
    "Could not determine name for option with declarations {decls!r}",
    "Try '{command} {option}' for help.",
    "{len_type} values are required, but {len_value} was given.",
    "{len_type} values are required, but {len_value} were given.",
    "{value!r} is not a valid boolean. Recognized values: {states}",
    "(dynamic)",
    "Aborted!",
    "Choice({choices})",
    "Could not open file {filename!r}: {message}",
    "deprecated",
    "directory",
    "env var: {var}",
    "file",
    "path",
    "unknown error",
    "Invalid start character for option ({option})",
    "{value!r} is not a valid UUID.",
    "Positional arguments",
}


def commands(command: click.Command) -> Iterator[click.Command]:
    """Yield a command and all below it."""
    yield command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            if below := command.get_command(context, name):
                yield from commands(below)


def texts(command: click.Command) -> Iterator[str]:
    """Yield what the help of one command is made of."""
    yield from (paragraph for paragraph in paragraphs(command.help or "") if not is_example(paragraph))
    yield from paragraphs(command.epilog or "")
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help, (command.name, option.name)
            yield option.help


def value_names(command: click.Command) -> Iterator[str]:
    """Yield the names of values in the usage and the options of one command."""
    context = click.Context(command)
    for parameter in command.params:
        if not getattr(parameter, "is_flag", False):
            yield from _VALUE_NAMES.findall(parameter.make_metavar(context))


OWN = [*commands(root), *(load(entry.location) for entry in ENTRIES)]
GROUPS = [command.help for command in COMMANDS.values() if isinstance(command, CommandGroup)]
SHOWN = {*(text for command in OWN for text in texts(command)), *GROUPS, *(entry.help for entry in ENTRIES)}
NAMES = {name for command in OWN for name in value_names(command)} | {"OPTIONS", "COMMAND", "ARGS"}


def click_texts() -> set[str]:
    """Return the templates in click's source."""
    found = set()
    for name in CLICK:
        source = Path(str(import_module(f"click.{name}").__file__)).read_text(encoding="utf-8")
        for call in [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]:
            if isinstance(call.func, ast.Name) and call.func.id in {"_", "ngettext"}:
                found |= {
                    arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
                }
    return {
        text
        for text in found
        if text not in NOT_OURS and not text.startswith(("Deprecat", "Name '", "No options defined"))
    }


class TestTexts:
    """The catalogue of help."""

    def test_has_every_text_of_ours(self) -> None:
        assert len(SHOWN) > 150
        assert sorted(SHOWN - TEXTS.keys()) == []

    def test_has_every_name_of_a_value(self) -> None:
        assert {"FILE", "LOGIN", "PERSON"} <= NAMES
        assert sorted(NAMES - TEXTS.keys()) == []

    def test_has_every_text_of_click(self) -> None:
        """A new version of click may say something new."""
        assert len(click_texts()) > 20
        assert sorted(click_texts() - TEXTS.keys()) == []

    def test_has_nothing_else(self) -> None:
        others = {"Error: {message}", "Commands", "Show this message and exit.", "version", "required"}
        plugins = {
            name for place in PLUGINS.values() for command in commands(load(place)) for name in value_names(command)
        }

        assert sorted(TEXTS.keys() - SHOWN - NAMES - plugins - click_texts() - others) == []

    @pytest.mark.parametrize("plugin", PLUGINS)
    def test_of_plugins_is_in_their_own_catalogues(self, plugin: str) -> None:
        catalogue = Catalogue.of("tr", [plugin])
        shown = {text for command in commands(load(PLUGINS[plugin])) for text in texts(command)} - TEXTS.keys()
        names = {name for command in commands(load(PLUGINS[plugin])) for name in value_names(command)}

        assert len(shown) > 5
        assert [text for text in shown if catalogue.gettext(text) == text] == []
        assert names <= TEXTS.keys()

    @pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.location)
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
            (["policy", "due", "--until", "x"], "'--until' için geçersiz değer: 'x' şu biçimde değil: '%Y-%m-%d'."),
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

        assert "deneme PYS'si olarak hizmet verir" in out
        assert "--host SUNUCU" in out
        assert "[varsayılan: 127.0.0.1]" in out
        assert "deneme PYS'si olarak hizmet verir" in typed("--lang", "tr", "pys-mock", "--help").out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x = ", "okunamıyor: Geçersiz değer (belgenin sonunda)"),
        ('language = "tr"\nnonsense = 1\n', "dosyanın kendisi: bilinmeyen anahtar nonsense; bilinenler: store,"),
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
