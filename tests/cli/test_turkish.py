"""What people read in Turkish has no English in it: the names of columns and rows, and our own words in the cells."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import provisioner
from provisioner.testing.faults import Fault
from tests.cli.conftest import CONFIG, Office
from tests.translations import turkish

ROOT = Path(provisioner.__file__).parent

#: Names that scripts know too, and that stay as they are: of plug-ins, and of kinds of events.
NAMES = {"rules", "trouble_reported"}
ENGLISH = {english for english, said in turkish(ROOT).items() if english != said} - NAMES

RULES = """
[rules.renewal]
rule = "renew-or-close"
"""


@pytest.fixture(name="busy")
def _busy(office: Office) -> Office:
    """An office with one of everything."""
    do = office.type
    office.config.write_text(CONFIG + RULES)
    assert do("policy", "sweep").code == 0
    assert do("unit", "open", "il-mem", "ar-ge").code == 0
    assert do("handover", "arge46", "--to", "1001").code == 0
    assert do("--actor", "1002", "request", "submit", "kmarasmem", "--kind", "rotate", "--reason", "x").code == 0
    assert do("trouble", "report", "kmarasmem", "--text", "x").code == 0
    assert do("authority", "grant", "1002", "officer").code == 0
    office.faults("pys").on("account_create", Fault.CANNOT_CONNECT)
    assert do("unit", "open", "istatistik").code == 4
    return office


def first_id(office: Office, *command: str) -> str:
    return str(office.type("--json", *command).json["items"][0]["id"])


COMMANDS = (
    ("account", "list"),
    ("account", "show", "kmarasmem"),
    ("unit", "list"),
    ("unit", "show", "il-mem"),
    ("person", "show", "1001"),
    ("handover", "list"),
    ("handover", "show", "ID"),
    ("request", "list"),
    ("request", "show", "ID"),
    ("authority", "list"),
    ("authority", "show", "1002"),
    ("trouble", "list"),
    ("trouble", "show", "ID"),
    ("policy", "show"),
    ("policy", "due", "--until", "2099-01-01"),
    ("policy", "simulate", "--days", "31"),
    ("target", "list"),
    ("operation", "list"),
    ("operation", "show", "ID"),
    ("audit", "list"),
    ("plugins",),
)


def test_tables_have_no_english(busy: Office) -> None:
    found = {}
    for command in COMMANDS:
        typed = (*command[:-1], first_id(busy, command[0], "list")) if command[-1] == "ID" else command
        answer = busy.type("--lang", "tr", *typed)
        assert answer.code == 0, command
        cells = {cell.strip() for line in answer.out.splitlines() for cell in re.split(r"  +|: ", line)}
        assert len(cells) > 4, command
        found[command] = cells & ENGLISH

    assert {command: cells for command, cells in found.items() if cells} == {}
