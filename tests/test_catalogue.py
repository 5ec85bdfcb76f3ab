"""The Turkish messages: complete, alive, and with the same places as the English ones."""

from __future__ import annotations

import ast
import string
import tomllib
from collections.abc import Iterator
from functools import partial
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo, write_mo

from provisioner.catalogue import Catalogue
from provisioner.core.model.quotations import bound, toml_problem
from provisioner.core.model.text import Text
from provisioner.testing.extraction import calls, name_of
from tests.translations import Spoken
from update_messages import DOMAINS, QUOTED, Domain, messages

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(ROOT.glob("examples/*/provisioner_*"))
ALL = [*DOMAINS, *(Domain(package, package.name, partial(messages, package)) for package in EXAMPLES)]

#: Where a template is not written down at the call, and why.
COMPUTED = {
    "provisioner/cli/commands/init.py:tell": "the names of parts are words",
    "provisioner/cli/output.py": "passes templates on",
    "provisioner/cli/commands/runs.py:_summarise": "the counts are marked where they are listed",
    "provisioner/cli/render/unit_list.py:_tell_change": "the lines are marked where they are listed",
    "provisioner/cli/render/unit_list.py:tell_unit_list": "the counts are marked where they are listed",
    "provisioner/phrasing.py": "passes templates on",
    "provisioner/core/api/errors.py": "passes templates on",
    "provisioner/core/model/text.py": "passes templates on",
    "provisioner/core/model/quotations.py": "the templates are in the list of what is quoted",
    "provisioner/core/engine/planner.py:_problem": "its callers mark the templates",
    "provisioner/core/engine/unit_accounts.py:_problem": "its callers mark the templates",
    "provisioner/demo/story.py:_conclude": "the claims are marked where they are made",
}


@pytest.mark.parametrize("domain", ALL, ids=lambda domain: domain.name)
class TestTranslations:
    """Each file of translations, beside what Babel finds in the code."""

    def test_translate_every_message(self, domain: Domain) -> None:
        translations = domain.translations()
        translated = {_key(message.id) for message in translations if all(_forms(message.string))}

        assert sorted(map(str, {_key(message.id) for message in domain.template()} - translated)) == []

    def test_no_message_takes_a_missing_report_for_a_failure(self, domain: Domain) -> None:
        """What has no report may have arrived: it was not reported as delivered."""
        said = [str(message.id) for message in domain.template()]

        wrong = ("not delivered", "undelivered", "not deliver ")
        assert [text for text in said if any(word in text.replace("on_undelivered", "") for word in wrong)] == []

    def test_translate_nothing_else(self, domain: Domain) -> None:
        """What nothing says any more only hides what is missing."""
        template = {_key(message.id) for message in domain.template()}

        assert sorted(str(message.id) for message in domain.translations() if _key(message.id) not in template) == []

    def test_are_no_proposals(self, domain: Domain) -> None:
        """What the tool proposes for a new message is the translation of another one."""
        translations = domain.translations()

        assert [message.id for message in translations if message.id and message.fuzzy] == []
        assert list(translations.obsolete) == []

    def test_begin_with_what_is_known_of_them(self, domain: Domain) -> None:
        """A tool that doesn't find the header writes its own, with places for names and times."""
        header, _, _ = domain.file.read_text(encoding="utf-8").partition("\n\n")

        assert header.startswith('msgid ""\nmsgstr ""\n"Language: tr\\n"\n')

    def test_keep_the_places(self, domain: Domain) -> None:
        """A place that is missing or misspelt would lose a value, or fail while an error is being told."""
        differing = [
            message.id
            for message in domain.translations()
            if any(not _fits(said, _forms(message.id)[-1], domain) for said in _forms(message.string))
        ]

        assert differing == []

    def test_are_what_the_program_reads(self, domain: Domain) -> None:
        """A file that was compiled before its last change says something else."""
        compiled = domain.file.with_suffix(".mo")
        if domain.package in EXAMPLES:
            pytest.skip("their builds compile them")
        with compiled.open("rb") as stream:
            read = [message for message in read_mo(stream) if message.id]

        assert {_key(m.id): _forms(m.string) for m in read} == {
            _key(m.id): _forms(m.string) for m in domain.translations() if m.id
        }


def _fits(said: str, template: str, domain: Domain) -> bool:
    """Whether a translation has the places of its template; sentences of click name the kind of a value twice."""
    return _places(said) <= _places(template) if domain.name == "help" else _places(said) == _places(template)


def _forms(message: object) -> tuple[str, ...]:
    return tuple(message) if isinstance(message, (list, tuple)) else (str(message),)


def _key(message: object) -> str | tuple[str, ...]:
    forms = _forms(message)
    return forms if len(forms) > 1 else forms[0]


def _places(template: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}


def test_the_collector_sees_the_messages() -> None:
    """If it finds next to nothing, the other tests here prove nothing."""
    found = messages(ROOT / "provisioner")

    assert len(found) > 500
    assert {
        "there is no configuration file {path}",
        ("{count} problem in the input", "{count} problems in the input"),
        "it is closed; reopen it",
        "custodian",
        "please report it; use -v for details",
        "waits until",
        "changing accounts",
    } <= found


def test_templates_are_literals() -> None:
    """A template that is put together at run time cannot be looked up, and may carry what must not be shown."""
    assert [*_computed()] == []


def _computed() -> Iterator[str]:
    """Yield the calls with templates that are not written down."""
    for folder in (ROOT / "provisioner", *ROOT.glob("plugins/*/provisioner_*")):
        for file in sorted(folder.rglob("*.py")):
            path = file.relative_to(ROOT)
            module, name = ast.parse(file.read_text(encoding="utf-8")), str(path)
            commands = {"cli", "demo", "cli.py"} & set(path.parts)
            for call, templates in calls(module, commands=bool(commands)):
                passed_on = [keyword.value for keyword in call.keywords if isinstance(keyword.value, ast.Name)]
                literal = all(
                    isinstance(node, (ast.Constant, ast.Attribute)) or node in passed_on for node in templates
                )
                places = {name, f"{name}:{_function(module, call)}"}
                if not literal and name_of(call) not in {"fields", "stream"} and not places & COMPUTED.keys():
                    yield f"{name}:{call.lineno}"


def _function(module: ast.Module, call: ast.Call) -> str:
    """Return the name of the innermost function around a call."""
    functions = [node for node in ast.walk(module) if isinstance(node, ast.FunctionDef)]
    around = [node.name for node in functions if node.lineno <= call.lineno <= (node.end_lineno or node.lineno)]
    return around[-1] if around else ""


def _parts(text: object) -> Iterator[str]:
    """Yield what is looked up of a message: its template, and those of the messages and sentences in it."""
    if isinstance(text, str):
        yield text
    if isinstance(text, Text):
        yield text.template
        yield from (part for value in text.values.values() for part in _parts(value))


@pytest.mark.parametrize(("template", "example"), QUOTED.items())
def test_what_messages_quote_is_recognised(template: str, example: str) -> None:
    assert template in {*_parts(bound(example)), *_parts(toml_problem(ValueError(example)))}


def test_every_reason_of_the_toml_reader_is_known() -> None:
    """A broken configuration is the first error that many people meet."""
    tree = ast.parse(Path(str(tomllib.__file__)).with_name("_parser.py").read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {"suffixed_err", "TOMLDecodeError"}
    errors = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in names]
    reasons = {arg.value for call in errors for arg in call.args if isinstance(arg, ast.Constant)} - {""}

    assert len(reasons) > 10
    assert reasons <= QUOTED.keys()


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
        english = "PYS refused: {detail} ({code})"

        assert Catalogue.of("tr").gettext(english) == english
        assert Catalogue.of("tr", ["pys"]).gettext(english) != english

    @pytest.mark.parametrize(
        ("language", "said"), [("en", "{count} anchor agrees"), ("tr", "{count} sabitleme kaydı doğrulandı")]
    )
    def test_the_form_of_a_number_is_found(self, language: str, said: str) -> None:
        assert Catalogue.of(language).ngettext("{count} anchor agrees", "{count} anchors agree", 1) == said

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
            compiled("it is {gone}", "gitmiş").replace(b"plural=(", b"plural=x"),
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
