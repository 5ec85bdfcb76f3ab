"""The Turkish messages: complete, alive, and with the same places as the English ones."""

from __future__ import annotations

import ast
import string
import tomllib
from collections.abc import Iterator, Mapping
from enum import StrEnum
from inspect import cleandoc
from io import BytesIO
from pathlib import Path

import attrs
import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

from provisioner.catalogue import Catalogue
from provisioner.cli.commands.runs import _COUNTED
from provisioner.cli.help import paragraphs
from provisioner.core.api import errors
from provisioner.core.governance.access_requests import RequestState
from provisioner.core.governance.incidents import IncidentState, IncidentStep
from provisioner.core.governance.roles import Role
from provisioner.core.model import AccountState, OperationKind, OperationState, Outcome, TargetState
from provisioner.core.model.quotations import bound, toml_problem
from provisioner.core.model.text import Text
from provisioner.services.health_check import CheckStatus
from provisioner.services.installed_plugins import PluginState
from provisioner.services.targets import Condition
from provisioner.testing.contract.results import Verdict
from tests.translations import Spoken, turkish

ROOT = Path(__file__).parents[1]
OWN = ROOT / "provisioner"
#: Each folder with a catalogue of its own.
FOLDERS = [OWN, *sorted(ROOT.glob("plugins/*/provisioner_*"))]

#: Errors whose first argument is a template.
ERRORS = {
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.ProvisionerError)
} - {"InputError", "NotAuthorizedError", "NotReadyError"}

#: Other functions that take templates, with the position of the first one, by the folders in which they do.
EVERYWHERE = {"Text": 0, "counted": 0}
PRINTING = {"say": 0, "note": 0, "text": 0, "table": 0, "progress": 2}
FUNCTIONS = {
    "provisioner/cli": PRINTING,
    "provisioner/demo": PRINTING,
    "plugins/pys/provisioner_pys/cli.py": PRINTING,
    "plugins/sms/provisioner_sms/cli.py": PRINTING,
    "provisioner/core/engine/planner.py": {"_problem": 1},
    "provisioner/core/engine/unit_accounts.py": {"_problem": 1},
    "provisioner/core/api/errors.py": {"__init__": 0},
}

#: Where a template is not written down at the call, and why.
COMPUTED = {
    "provisioner/cli/commands/init.py:tell": "the names of parts are words, see below",
    "provisioner/cli/output.py": "passes templates on",
    "provisioner/cli/commands/runs.py:_summarise": "the counts are required where they are listed",
    "provisioner/core/gateways/breaker.py:_of_target": "passes templates on",
    "provisioner/core/api/errors.py:__init__": "passes templates on",
    "provisioner/core/api/errors.py:_filled": "passes templates on",
    "provisioner/core/model/text.py": "passes templates on",
    "provisioner/core/model/quotations.py": "the templates are required in the list of what is quoted",
    "provisioner/core/governance/privacy.py:_masked_text": "passes templates on",
    "provisioner/core/engine/planner.py:_problem": "passes templates on; its callers are looked at",
    "provisioner/core/engine/unit_accounts.py:_problem": "passes templates on; its callers are looked at",
    "provisioner/demo/story.py:_conclude": "the claims are required where they are made",
}

#: Words that are looked up by their value.
ENUMERATIONS: list[type[StrEnum]] = [
    AccountState,
    OperationKind,
    OperationState,
    Outcome,
    TargetState,
    CheckStatus,
    PluginState,
    Verdict,
    Role,
    RequestState,
    IncidentState,
    IncidentStep,
    Condition,
]
WORDS = {word.value for words in ENUMERATIONS for word in words} | {"configuration", "store"}


#: What libraries and the system say, and our messages quote; with an example, to see that it is recognised.
QUOTED = {
    "'{name}' must be >= {bound}": "'days' must be >= 1",
    "'{name}' must be <= {bound}": "'days' must be <= 1",
    "'{name}' must be > {bound}": "'days' must be > 1",
    "'{name}' must be < {bound}": "'days' must be < 1",
    "'{name}' must be in {bound}": "'language' must be in ('tr', 'en')",
    "{reason} (at line {line}, column {column})": "Invalid value (at line 1, column 5)",
    "{reason} (at end of document)": "Unclosed array (at end of document)",
    "Cannot declare {quoted} twice": "Cannot declare ('a',) twice (at line 1, column 5)",
    "Cannot mutate immutable namespace {quoted}": "Cannot mutate immutable namespace ('a',) (at line 1, column 5)",
    "Cannot redefine namespace {quoted}": "Cannot redefine namespace ('a',) (at line 1, column 5)",
    "Duplicate inline table key {quoted}": "Duplicate inline table key 'a' (at end of document)",
    "Found invalid character {quoted}": "Found invalid character '\\n' (at line 1, column 5)",
    "Illegal character {quoted}": "Illegal character '\\n' (at end of document)",
    **{
        text: text
        for text in (
            "Cannot overwrite a value",
            "Escaped character is not a Unicode scalar value",
            "Expected '=' after a key in a key/value pair",
            "Expected ']' at the end of a table declaration",
            "Expected ']]' at the end of an array declaration",
            "Expected newline or end of document after a statement",
            "Invalid date or datetime",
            "Invalid hex value",
            "Invalid initial character for a key part",
            "Invalid statement",
            "Invalid value",
            "Unclosed array",
            "Unclosed inline table",
            "Unescaped '\\' in a string",
            "Unterminated string",
            "Address already in use",
            "Connection refused",
            "File exists",
            "Is a directory",
            "No space left on device",
            "No such file or directory",
            "Not a directory",
            "Permission denied",
            "Read-only file system",
        )
    },
}


@attrs.frozen
class Found:
    """A place where a message is made."""

    file: Path
    function: str
    line: int
    node: ast.expr

    @property
    def name(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line}"

    @property
    def template(self) -> str | None:
        return self.node.value if isinstance(self.node, ast.Constant) and isinstance(self.node.value, str) else None

    @property
    def may_be_computed(self) -> bool:
        file = str(self.file.relative_to(ROOT))
        return file in COMPUTED or f"{file}:{self.function}" in COMPUTED


def _sources() -> Iterator[Path]:
    for folder in (OWN, *ROOT.glob("plugins/*/provisioner_*")):
        yield from sorted(folder.rglob("*.py"))


def _calls(file: Path) -> Iterator[Found]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    positions = dict.fromkeys(ERRORS, 0) | EVERYWHERE
    for place, more in FUNCTIONS.items():
        positions |= more if file.is_relative_to(ROOT / place) else {}
    constants = _constants(tree)
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for call in [node for node in ast.walk(tree) if isinstance(node, ast.Call)]:
        for node in _templates(call, positions):
            inside = [
                function.name
                for function in functions
                if function.lineno <= call.lineno <= (function.end_lineno or function.lineno)
            ]
            meant = constants.get(node.id, node) if isinstance(node, ast.Name) else node
            yield Found(file, inside[-1] if inside else "", call.lineno, meant)


def _templates(call: ast.Call, positions: Mapping[str, int]) -> Iterator[ast.expr]:
    """Yield the arguments that are, or should be, templates."""
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    position = positions.get(name)
    if position is None or len(call.args) <= position:
        return
    first = call.args[position]
    if not isinstance(first, ast.Call):  # that would be a message of its own
        yield from first.elts if isinstance(first, ast.Tuple) else [first]
    yield from call.args[1:2] if name == "counted" else ()
    yield from (keyword.value for keyword in call.keywords if keyword.arg == "cure")


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    """Return what is assigned to the names of a module."""
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    return {target.id: node.value for node in assigned for target in node.targets if isinstance(target, ast.Name)}


FOUND = [found for file in _sources() for found in _calls(file)]


def _home(file: Path) -> Path:
    return next(folder for folder in FOLDERS if file.is_relative_to(folder))


def _places(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def _says_something(template: str) -> bool:
    return any(text.strip() for text, *_ in string.Formatter().parse(template))


def test_the_collector_sees_the_messages() -> None:
    """If it finds next to nothing, the other tests here prove nothing."""
    templates = {found.template for found in FOUND}

    assert len(templates) > 150
    assert {
        "there is no configuration file {path}",
        "it is closed; reopen it",
        "custodian",
    } <= templates


def test_templates_are_literals() -> None:
    """A template that is put together at run time cannot be looked up, and may carry what must not be shown."""
    computed = [found.name for found in FOUND if found.template is None and not found.may_be_computed]

    assert computed == []


def test_every_message_is_there_in_turkish() -> None:
    product = turkish(OWN).keys()
    missing = [
        f"{found.name}: {found.template}"
        for found in FOUND
        if found.template
        and _says_something(found.template)
        and found.template not in product | turkish(_home(found.file)).keys()
    ]

    assert missing == []


def _parts(text: object) -> Iterator[str]:
    """Yield what is looked up of a message: its template, and those of the messages and sentences in it."""
    if isinstance(text, str):
        yield text
    if isinstance(text, Text):
        yield text.template
        yield from (part for value in text.values.values() for part in _parts(value))


@pytest.mark.parametrize(("template", "example"), QUOTED.items())
def test_what_messages_quote_is_there_in_turkish(template: str, example: str) -> None:
    assert template in {*_parts(bound(example)), *_parts(toml_problem(ValueError(example)))}
    assert template in turkish(OWN)


def test_every_reason_of_the_toml_reader_is_known() -> None:
    """A broken configuration is the first error that many people meet."""
    tree = ast.parse(Path(str(tomllib.__file__)).with_name("_parser.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {"suffixed_err", "TOMLDecodeError"}
    errors = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in names]
    reasons = {arg.value for call in errors for arg in call.args if isinstance(arg, ast.Constant)} - {""}

    assert len(reasons) > 10
    assert reasons <= QUOTED.keys()


def test_every_word_is_there_in_turkish() -> None:
    assert set() == (WORDS | set(_COUNTED)) - turkish(OWN).keys()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
class TestCatalogues:
    """Each file of translations."""

    def test_has_no_dead_entries(self, folder: Path) -> None:
        """What nothing says any more only hides what is missing."""
        literals = {
            node.value
            for file in _sources()
            if _home(file) == folder
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        quoted = set(QUOTED) if folder == OWN else set()
        helps = {paragraph for literal in literals for paragraph in paragraphs(cleandoc(literal))}

        assert set() == turkish(folder).keys() - literals - helps - quoted - WORDS

    def test_keeps_the_places(self, folder: Path) -> None:
        """A place that is missing or misspelt would lose a value, or fail while an error is being told."""
        differing = [english for english, said in turkish(folder).items() if _places(english) != _places(said)]

        assert differing == []


def compiled(english: str, said: str) -> bytes:
    """Return the file that a translation is read from."""
    catalog = Catalog(locale="tr", fuzzy=False)
    catalog.add(english, said)
    file = BytesIO()
    write_mo(file, catalog)
    return file.getvalue()


def _install(folder: Path, content: bytes | None) -> None:
    """Write a package with this file of translations, if any."""
    package = folder / "provisioner_wrong"
    messages = package / "locale" / "tr" / "LC_MESSAGES"
    messages.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").touch()
    if content is not None:
        (messages / "provisioner_wrong.mo").write_bytes(content)


class TestCatalogue:
    """Looking messages up."""

    def test_english_stays_as_it_is(self) -> None:
        assert Catalogue.of("en").gettext("the file is empty") == "the file is empty"

    def test_turkish_is_found(self) -> None:
        assert Catalogue.of("tr").gettext("the file is empty") == "dosya boş"

    def test_what_is_not_translated_stays_english(self) -> None:
        assert Catalogue.of("tr").gettext("no such message") == "no such message"

    def test_messages_of_a_plugin_are_found_when_it_is_named(self) -> None:
        [english, *_] = turkish(ROOT / "plugins/pys/provisioner_pys").keys() - turkish(OWN).keys()

        assert Catalogue.of("tr").gettext(english) == english
        assert Catalogue.of("tr", ["pys"]).gettext(english) != english

    @pytest.mark.parametrize(
        "content",
        [
            None,
            b"",
            b"no such format",
            compiled("it is {gone}", "gitmiş: {yok}"),
            compiled("it is {gone}", "gitmiş")[:40],
            compiled("it is {gone}", "gitmiş").replace("ş".encode(), b"\xff\xff"),
            compiled("it is {gone}", "gitmiş").replace(b"utf-8", b"utf-0"),
            compiled("it is {gone}", "gitmiş").replace(b"plural=0", b"plural=x"),
        ],
    )
    def test_a_file_that_is_wrong_costs_its_translations_only(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None
    ) -> None:
        """An error is being told; another one in the middle of that would hide it."""
        _install(tmp_path, content)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr("provisioner.catalogue._packages", lambda _: ["provisioner_wrong"])

        catalogue = Catalogue.of("tr", [str(tmp_path)])

        assert catalogue.gettext("it is {gone}") == "it is {gone}"
        assert catalogue.gettext("the file is empty") == "dosya boş"

    def test_no_damage_of_a_file_is_an_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr("provisioner.catalogue._packages", lambda _: ["provisioner_wrong"])
        sound = compiled("it is {gone}", "{gone} gitmiş")
        for place in range(len(sound)):
            _install(tmp_path, sound[:place] + bytes([sound[place] ^ 0xFF]) + sound[place + 1 :])

            catalogue = Catalogue.of("tr", [str(place)])

            assert Text("it is {gone}", {"gone": "x"}).said(catalogue)
            assert catalogue.gettext("the file is empty") == "dosya boş"

    def test_a_sentence_that_is_quoted_is_found(self) -> None:
        assert Catalogue(Spoken({"it is gone": "gitmiş"})).sentence("it is gone") == "gitmiş"

    def test_a_single_word_is_taken_for_a_name(self) -> None:
        """The table "accounts" of the configuration is no message."""
        assert Catalogue(Spoken({"accounts": "hesaplar"})).sentence("accounts") == "accounts"
