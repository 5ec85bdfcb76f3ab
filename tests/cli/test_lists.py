"""Lists that look damaged: people and scripts are told, in their language, and the list is read all the same."""

from __future__ import annotations

import pytest
from openpyxl import Workbook

from tests.cli.conftest import Office

HEADER = "code;name;kind;parent;login;custodian\n"
DAMAGED = f"{HEADER}hukuk;Hukuk BÃ¼rosu;office;il-mem;hukuk46;1001\natama;Atama;office;;atama46;1001\n"


@pytest.mark.parametrize(
    ("language", "start", "message"),
    [
        ("en", "warning", "the characters look garbled by a wrong encoding: Hukuk BÃ¼rosu"),
        ("tr", "uyarı", "karakterler yanlış kodlama nedeniyle bozulmuş görünüyor: Hukuk BÃ¼rosu"),
    ],
)
def test_people_are_warned_in_their_language(office: Office, language: str, start: str, message: str) -> None:
    file = office.write("units.csv", DAMAGED)

    answer = office.type("--lang", language, "unit", "import", file)

    assert answer.code == 0
    assert answer.err.splitlines()[0] == f"{start}: {file}:2:name: {message}"
    assert f"{start}: {file}:3:parent:" in answer.err
    assert {"hukuk", "atama"} <= office.units()


@pytest.mark.parametrize("command", [("unit", "import"), ("unit", "open"), ("unit", "open", "--dry-run")])
def test_scripts_find_the_warnings_in_the_document(office: Office, command: tuple[str, ...]) -> None:
    file = office.write("units.csv", DAMAGED)

    answer = office.type("--json", *command, file)

    assert answer.code == 0
    assert [(one["file"], one["line"], one["field"]) for one in answer.json["warnings"]] == [
        (str(file), 2, "name"),
        (str(file), 3, "parent"),
    ]
    assert all(one["message"] for one in answer.json["warnings"])


def test_a_long_list_does_not_flood_the_screen(office: Office) -> None:
    lines = "".join(f"u{number};Ay?e {number};office;il-mem;;\n" for number in range(200))
    file = office.write("units.csv", HEADER + lines)

    told = office.type("unit", "import", file).err

    assert told.count("warning: ") == 50
    assert "150 more warnings" in told
    assert len(office.type("--json", "unit", "import", "--dry-run", file).json["warnings"]) == 200


def test_staff_are_compared_with_what_is_known(office: Office) -> None:
    file = office.write("people.csv", "id;name;unit;mobile;supervisor\n7;Ayşe;yok;0532 123 45 67;1009\n")

    answer = office.type("--json", "person", "import", file)

    assert answer.code == 0
    assert {(one["line"], one["field"]) for one in answer.json["warnings"]} == {(2, "unit"), (2, "supervisor")}


def test_a_workbook_opens_units(office: Office) -> None:
    book = Workbook()
    for row in (
        ("CODE", "NAME", "KİND", "PARENT", "LOGİN", "CUSTODİAN"),
        (712345, "Okul", "office", "il-mem", None, 1001),
    ):
        book.active.append(row)
    file = office.config.parent / "birimler.XLSX"
    book.save(file)

    answer = office.type("--json", "unit", "open", file)

    assert answer.code == 0
    assert answer.states == {"okul46": "done"}
    assert "712345" in office.units()


def test_a_decimal_number_of_a_phone_stops_the_import(office: Office) -> None:
    """Its digits are those of a stranger's phone."""
    file = office.write("people.csv", "id;name;mobile\n1001;Ayşe Işık;532123456.0\n")

    answer = office.type("--json", "person", "import", file)

    assert answer.code == 2
    assert [(one["line"], one["field"]) for one in answer.json["error"]["items"]] == [(2, "mobile")]
    with office.open() as store:
        assert store.persons.get_many(["1001"])["1001"].mobile == "+905321234567"


#: A list with something that looks wrong in one line and something that is wrong in another.
BROKEN = {
    "units.csv": DAMAGED + "yazi;;office;il-mem;;\n",
    "people.csv": "id;name;unit;mobile;supervisor\n7;AyÅŸe;yok;;8\n8;Ali;ar-ge;0532 123 45 67;9\n9;;;12;\n",
}
WARNED = {"units.csv": [(2, "name"), (3, "parent")], "people.csv": [(2, "name"), (2, "unit")]}
COMMANDS = [
    (("unit", "import"), "units.csv"),
    (("unit", "open", "--dry-run"), "units.csv"),
    (("person", "import"), "people.csv"),
]


@pytest.mark.parametrize(("command", "name"), COMMANDS)
def test_warnings_are_in_the_document_of_a_refusal_too(office: Office, command: tuple[str, ...], name: str) -> None:
    answer = office.type("--json", *command, office.write(name, BROKEN[name]))

    assert answer.code == 2
    assert {item["field"] for item in answer.json["error"]["items"]} & {"name"}
    assert [(one["line"], one["field"]) for one in answer.json["warnings"]] == WARNED[name]


@pytest.mark.parametrize(("command", "name"), COMMANDS)
def test_warnings_are_told_before_a_refusal(office: Office, command: tuple[str, ...], name: str) -> None:
    file = office.write(name, BROKEN[name])

    answer = office.type(*command, file)

    warned = len(WARNED[name])
    places = [line.split(f"{file}:")[1].split(": ")[0] for line in answer.err.splitlines()[:warned]]
    assert places == [f"{line}:{field}" for line, field in WARNED[name]]
    assert answer.err.splitlines()[warned].startswith("error: ")


def test_warnings_found_before_a_file_breaks_off_are_told(office: Office) -> None:
    """A header that is wrong ends the reading; what was noticed until then counts all the same."""
    file = office.write("units.csv", "code;name\nx;Hukuk BÃ¼rosu")

    assert office.type("--json", "unit", "import", file).code == 2
