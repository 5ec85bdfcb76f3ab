"""The generated pages are what the code says."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from docs import commands, configuration, events, json_documents
from docs.__main__ import PAGES, ROOT
from provisioner.cli.lazy import CommandGroup
from provisioner.cli.table import COMMANDS

#: Commands that the page describes in its text.
IN_TEXT = {
    "audit export",
    "audit follow",
    "audit collectors",
    "audit compare",
    "console serve",
    "request confirm-mobile",
    "pys-mock serve",
    "sms-simulator serve",
    "sms-reports serve",
    "store move",
    "letter list",
    "letter handed-over",
    "letter returned",
    "target rotate-credential",
    "worker",
}


@pytest.mark.parametrize(("path", "page"), PAGES.items(), ids=[path.name for path in PAGES])
def test_it_is_up_to_date(path: Path, page: Callable[[], str]) -> None:
    """Run ``python -m docs`` after a change of what the page is generated from."""
    assert path.read_text(encoding="utf-8") == page()


def test_every_command_is_documented() -> None:
    paths = {command.path for command in commands.documented()}

    for name, entry in COMMANDS.items():
        assert name in paths
        assert not isinstance(entry, CommandGroup) or {f"{name} {below}" for below in entry.commands} <= paths
    assert {"pys-mock serve", "sms-simulator inbox"} <= paths


def test_every_event_is_documented_with_its_writer() -> None:
    page = events.page()

    assert len(events.event_classes()) > 30
    assert "Written by ." not in page
    for kind in ("operation_planned", "run_released", "request_archived", "maintenance_began"):
        assert f"\n## {kind}\n" in page


def test_every_setting_has_a_meaning() -> None:
    rows = [line.strip("|").split(" | ") for line in configuration.page().splitlines() if line.startswith("| `")]

    assert len(rows) > 60
    assert [row[0] for row in rows if not row[3].strip()] == []


@pytest.mark.skipif(not shutil.which("groff"), reason="needs groff")
def test_the_man_page_is_good_roff() -> None:
    path = next(path for path in PAGES if path.suffix == ".1")
    done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-z", path], check=False, capture_output=True, text=True)

    assert done.stderr == ""


@pytest.mark.slow
def test_the_json_documents_are_those_of_the_commands() -> None:
    """Run ``python -m docs.json_documents`` after a change of a document."""
    page = (ROOT / "reference" / "json.md").read_text(encoding="utf-8")

    assert json_documents.page() == page


def test_every_command_with_json_has_its_document() -> None:
    shown = {re.sub(r"--actor \w+ ", "", line.strip("()")) for line in json_documents.LINES.strip().splitlines()}
    with_json = {
        command.path for command in commands.documented() if any("--json" in names for names, _ in command.options)
    }

    assert {path for path in with_json if not any(f"{line} ".startswith(f"{path} ") for line in shown)} == IN_TEXT
