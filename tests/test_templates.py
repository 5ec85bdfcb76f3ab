"""Pages show text and never obey it, and commands that show no page do not wait for the template engine."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jinja2 import Environment, UndefinedError

from provisioner import templates
from provisioner.cli.render import record
from provisioner.core.model import Handover
from provisioner.services.handovers import HandoverRecord

ROOT = Path(__file__).parents[1]

#: Markup, both quotes, marks that turn text around, a control character, and what template engines obey.
HOSTILE = "Ayşe <script>x</script> \"a\" 'b' & \u202e\u200f \x9b\n {{ 7 * 7 }} {% raw %} $title"


class Reader(HTMLParser):
    """Reads what a browser shows, and the elements that it makes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.cells: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)

    def handle_data(self, data: str) -> None:
        self.cells.append(data)


@pytest.fixture(name="package")
def _package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A package with one template, which shows a value in an element and in an attribute."""
    name = f"package_of_{tmp_path.name}"  # packages are imported once
    (tmp_path / name / "templates").mkdir(parents=True)
    (tmp_path / name / "__init__.py").touch()
    page = '{% macro bold(text) %}<b>{{ text }}</b>{% endmacro %}<p title="{{ value }}">{{ bold(value) }}</p>'
    (tmp_path / name / "templates" / "page.html").write_text(page, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return name


def test_hostile_text_is_shown_and_not_obeyed(package: str) -> None:
    page = templates.render(package, "page.html", value=HOSTILE)

    assert Reader(page).elements == ["p", "b"]
    assert "".join(Reader(page).cells) == (
        "Ayşe <script>x</script> \"a\" 'b' & \\u202e\\u200f \\x9b\\n {{ 7 * 7 }} {% raw %} $title"
    )
    assert page.isprintable()


def test_a_value_that_was_forgotten_is_an_error(package: str) -> None:
    """A record with an empty line looks like one that is complete."""
    with pytest.raises(UndefinedError):
        templates.render(package, "page.html")


def test_a_record_shows_hostile_names() -> None:
    output = SimpleNamespace(text=lambda template: template, said=str)
    session: Any = SimpleNamespace(output=output, language="tr", local_time=str)
    handover = Handover(
        operation_id="op-1",
        login="tem46",
        mail="tem46@meb.gov.tr",
        unit="tem",
        unit_name=HOSTILE,
        outgoing=None,
        outgoing_name=None,
        incoming="1002",
        incoming_name=HOSTILE,
        actor="1001",
        reason=HOSTILE,
        begun_at=datetime(2026, 3, 1, tzinfo=UTC),
        finished_at=datetime(2026, 3, 2, tzinfo=UTC),
    )
    page = record.page(HandoverRecord(handover=handover, not_on=("pys <b>",)), session)

    assert not {"script", "b"} & set(Reader(page).elements)
    assert sum("<script>x</script>" in cell for cell in Reader(page).cells) == 4
    assert "pys <b>" in Reader(page).cells


@pytest.mark.parametrize("command", ["access_requests", "handovers", "policy", "reconcile"])
def test_a_command_that_can_show_a_page_starts_without_the_engine(command: str) -> None:
    code = f"import sys, provisioner.cli.commands.{command}; print('jinja2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert done.stdout.strip() == "False"


def test_no_page_is_made_by_hand() -> None:
    """The engine escapes every value; a page that is put together elsewhere escapes what somebody remembered."""
    sources = [path for folder in ("provisioner", "plugins") for path in (ROOT / folder).rglob("*.py")]
    markup = re.compile(r"</(?:html|body|table|tr|td|p|div|h\d|code)>")

    assert len(sources) > 100
    assert [path.name for path in sources if markup.search(path.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("path", [*ROOT.glob("p*/**/templates/*.html")], ids=lambda path: path.name)
def test_no_template_switches_escaping_off(path: Path) -> None:
    nodes = Environment(autoescape=True).lex(path.read_text(encoding="utf-8"))

    assert not {"safe", "autoescape"} & {value for _, kind, value in nodes if kind == "name"}
