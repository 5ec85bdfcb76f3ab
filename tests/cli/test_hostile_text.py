"""Text that forges lines or turns others around reaches no terminal, document, page or log collector as it is."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from provisioner.cli.failures import lines
from provisioner.cli.session import Session
from provisioner.core.api.errors import Denial, Denied, InputError, NotAuthorizedError, Problem
from provisioner.core.model import Person, Unit
from provisioner.core.model.text import Text
from tests.cli.conftest import Office

#: A reason that forges a row, turns text around, clears a terminal in two ways, and ends lines in three.
REASON = "tayin\n2026-01-01  1001  forged \u202e\u2066 \x1b[2J \x9b2J \u2028\u2029\x85 \U000e0041"

#: What RFC 5424 wants in front of a message in UTF-8.
SYSLOG_BOM = " \ufeff"


def is_safe(text: str) -> bool:
    return all(sign == "\n" or sign.isprintable() for sign in text)


@pytest.fixture(name="handed_over")
def _handed_over(office: Office) -> Office:
    """An office whose audit log has a handover with a hostile reason, to somebody with a hostile name."""
    with office.open() as store:
        store.persons.save([Person(id="1009", name="Ayşe\u202e\nrow", title="\x9b", mobile="+905321234599")])
        store.units.save([Unit(code="tem", name="Birim\u2028x", kind="office", login="tem46", custodian="1001")])
    assert office.type("unit", "open", "tem").code == 0
    assert office.type("handover", "tem46", "--to", "1009", "--reason", REASON).code == 0
    return office


@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.parametrize(
    "command",
    [
        ["audit", "list"],
        ["audit", "export"],
        ["audit", "export", "--format", "syslog"],
        ["handover", "show", "{id}"],
        ["handover", "show", "{id}", "--html", "-"],
        ["handover", "list"],
        ["unit", "list"],
        ["unit", "show", "tem"],
        ["person", "show", "1009"],
        ["account", "list"],
    ],
)
def test_no_output_has_what_is_not_shown(handed_over: Office, options: list[str], command: list[str]) -> None:
    if options and command[-1] in {"-", "syslog"}:
        pytest.skip("these are not for JSON")
    [operation] = [one["id"] for one in handed_over.type("--json", "handover", "list").json["items"]]

    answer = handed_over.type(*options, *[one.format(id=operation) for one in command])

    assert answer.code == 0
    assert is_safe(answer.out.replace(SYSLOG_BOM, " ") + answer.err)


def test_a_page_in_a_file_has_nothing_that_is_not_shown(handed_over: Office, tmp_path: Path) -> None:
    """No other net is below it: a page on stdout is looked through line by line, and a file is not."""
    [operation] = [one["id"] for one in handed_over.type("--json", "handover", "list").json["items"]]
    page = tmp_path / "page.html"

    assert handed_over.type("handover", "show", operation, "--html", page).code == 0

    assert is_safe(page.read_text(encoding="utf-8"))


def test_a_reason_cannot_forge_rows(handed_over: Office) -> None:
    [operation] = [one["id"] for one in handed_over.type("--json", "handover", "list").json["items"]]

    rows = handed_over.type("handover", "show", operation).out.split("\n")

    assert not any(row.startswith("2026-01-01") for row in rows)
    assert any("\\n2026-01-01" in row for row in rows)


def test_json_says_what_was_given(handed_over: Office) -> None:
    """An escape in JSON means the character itself, so scripts lose nothing."""
    [item] = handed_over.type("--json", "handover", "list").json["items"]

    assert item["reason"] == REASON


@pytest.mark.parametrize(
    "actor", ["1001\n99  2026-01-01  1002  forged", "10\u202e01", "\u0456l-mem", "\u0661", "", "a b"]
)
def test_an_actor_that_forges_or_imitates_is_refused(office: Office, actor: str) -> None:
    answer = office.type("--actor", actor, "unit", "open", "il-mem")

    assert (answer.code, office.operations()) == (2, [])
    assert is_safe(answer.err)


@pytest.mark.parametrize(
    "command",
    [
        ["authority", "grant", "10\n01", "officer"],
        [
            "authority",
            "delegate",
            "--from",
            "1001",
            "--to",
            "\u0661001",
            "--role",
            "supervisor",
            "--until",
            "2099-01-01",
        ],
        ["request", "submit", "kmarasmem", "--kind", "rotate", "--reason", "x", "--officer", "1\u202e001"],
    ],
)
def test_an_id_that_is_kept_without_being_known_is_refused(office: Office, command: list[str]) -> None:
    answer = office.type("--actor", "1001", *command)

    assert answer.code == 2
    assert is_safe(answer.err)


@pytest.mark.parametrize("name", ["po\\nsta", "po\\u202Esta", "p\\u043Esta"])
@pytest.mark.parametrize("family", ["targets", "channels", "rules"])
def test_a_name_in_the_configuration_that_imitates_is_refused(office: Office, family: str, name: str) -> None:
    office.config.write_text(f'{office.config.read_text()}\n[{family}."{name}"]\nplugin = "faulty"\n')

    answer = office.type("check")

    assert answer.code == 2
    assert "cannot be a name" in answer.err + answer.out
    assert is_safe(answer.err + answer.out)


def test_errors_show_what_they_quote(office: Office, tmp_path: Path) -> None:
    """The value comes from the command line or a file, and ends on a terminal or in the mail of cron."""
    answer = office.type("unit", "show", "no\u202e\nerror: all is well")

    assert is_safe(answer.err)
    assert len(answer.err.strip().split("\n")) == 3, "the error, the problem and the cure"
    assert office.type("unit", "import", tmp_path / "a\n\x9bb.csv").err.isascii()


def test_bytes_that_are_no_text_are_shown(office: Office) -> None:
    """A shell passes any bytes on; Python keeps them as halves of characters that cannot be encoded."""
    assert office.type("--json", "unit", "open", "il-mem", "--reason", "no\udcff").code == 2
    assert "\\udcff" in office.type("unit", "show", "no\udcff").err


def test_the_actor_is_the_real_user_whatever_the_environment_says(office: Office) -> None:
    told = dict.fromkeys(("LOGNAME", "USER", "LNAME", "USERNAME"), "veli")

    answer = office.type("--json", "unit", "open", "il-mem", env=told)

    assert answer.json["operations"][0]["actor"] == pwd.getpwuid(os.getuid()).pw_name


def test_a_user_without_a_name_acts_under_the_number(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may run under a number that no list of users has."""

    def nobody(number: int) -> pwd.struct_passwd:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", nobody)

    answer = office.type("--json", "unit", "open", "il-mem")

    assert answer.json["operations"][0]["actor"] == str(os.getuid())


def test_a_line_of_an_answer_stays_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    output = Session().output

    output.line("1001: a\n1002: forged \u2028 \u202e")
    output.error_line("1001: a\nerror: forged \x9b")

    said = capsys.readouterr()
    assert said.out == "1001: a\\n1002: forged \\u2028 \\u202e\n"
    assert said.err == "1001: a\\nerror: forged \\x9b\n"


def test_lines_of_an_answer_are_shown_whoever_made_them(capsys: pytest.CaptureFixture[str]) -> None:
    """The last net below each command: only line feeds are the product's own."""
    output = Session().output

    output.lines("one \u202e\ntwo \x1b[2J")
    output.error_lines("three \x9b\nfour \u2028")

    said = capsys.readouterr()
    assert said.out == "one \\u202e\ntwo \\x1b[2J\n"
    assert said.err == "three \\x9b\nfour \\u2028\n"


def test_cells_of_a_long_list_stay_in_their_row_and_column(capsys: pytest.CaptureFixture[str]) -> None:
    """An escape is longer than what it stands for, and its column is as wide as what is shown."""
    Session().output.stream(["code", "state"], ["a\nb\u202e", "c"], str, lambda item: [item, "open"])

    assert capsys.readouterr().out == "code        state\na\\nb\\u202e  open\nc           open\n"


def test_a_value_of_a_sentence_adds_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    output = Session().output

    output.say("{login} is open", login="a\n1001: forged")
    output.note("{login} is open", login="a\nerror: forged")

    said = capsys.readouterr()
    assert said.out == "a\\n1001: forged is open\n"
    assert said.err == "a\\nerror: forged is open\n"


FORGED = "a\nerror: forged"
MESSAGE = Text("it is wrong")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError([Problem(field=FORGED, message=MESSAGE)]), "  a\\nerror: forged: it is wrong"),
        (InputError([Problem(file=FORGED, field="id", message=MESSAGE)]), "  a\\nerror: forged:id: it is wrong"),
        (InputError([Problem(subject=FORGED, field="id", message=MESSAGE)]), "  id: a\\nerror: forged: it is wrong"),
        (
            NotAuthorizedError([Denied(login=FORGED, denial=Denial(reason=MESSAGE, cure=Text("wait")))]),
            "  a\\nerror: forged: it is wrong",
        ),
    ],
    ids=["field", "file", "subject", "login"],
)
def test_the_place_of_an_error_adds_no_line(error: Exception, line: str) -> None:
    assert lines(error, Session())[1] == line
