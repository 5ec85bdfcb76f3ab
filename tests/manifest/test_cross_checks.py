"""What may be right is read, and named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.core.model import Person, Unit
from provisioner.core.model.naming import Naming
from provisioner.manifest import cross_checks, read_persons, read_units
from tests.test_manifest import Known

KNOWN = Known(
    known_units=(Unit(code="il-mem", name="İl MEM", kind="province"), Unit(code="0712345", name="Okul", kind="school")),
    known_persons=(Person(id="1001", name="Ayşe"), Person(id="01002", name="Veli")),
)

Warned = list[tuple[int | None, str, str]]


@pytest.fixture(name="folder")
def _folder(tmp_path: Path) -> Path:
    return tmp_path


def of_units(folder: Path, *lines: str, known: Known = KNOWN) -> Warned:
    file = folder / "units.csv"
    file.write_text("\n".join(["code,name,kind,parent,login,custodian", *lines, ""]))
    manifest = read_units(file, Naming(domain="meb.gov.tr"), known)  # type: ignore[arg-type]
    return [(warning.line, warning.field, str(warning.message)) for warning in manifest.warnings]


def of_persons(folder: Path, *lines: str, known: Known | None = KNOWN) -> Warned:
    file = folder / "people.csv"
    file.write_text("\n".join(["id,name,unit,mobile,supervisor", *lines, ""]))
    return [(warning.line, warning.field, str(warning.message)) for warning in read_persons(file, known).warnings]


class TestUnits:
    """Lists of units."""

    def test_a_blank_parent_below_a_filled_one(self, folder: Path) -> None:
        """A merged cell has its value in the first line only, and the other units would hang nowhere."""
        [(line, field, message)] = of_units(folder, "a,A,province", "b,B,office,a", "c,C,office,", "d,D,office,a")

        assert (line, field) == (4, "parent")
        assert "merged cells" in message

    def test_a_code_that_lost_a_zero(self, folder: Path) -> None:
        assert of_units(folder, "712345,Okul,school", "00046,A,office", "146,B,office") == [
            (2, "code", "it differs from 0712345 only by leading zeros: 712345")
        ]
        assert of_units(folder, "0712345,Okul,school", "46,B,office", "046,A,office") == [
            (3, "code", "it differs from 046 only by leading zeros: 46"),
            (4, "code", "it differs from 46 only by leading zeros: 046"),
        ]

    def test_a_custodian_who_is_missing_among_others_that_are_known(self, folder: Path) -> None:
        assert of_units(folder, "a,A,office,,,1001", "b,B,office,,,1009", "c,C,office,,,1009") == [
            (3, "custodian", "there is no person 1009 in the store")
        ]

    def test_no_custodian_where_a_personnel_system_knows_them(self, folder: Path) -> None:
        assert of_units(folder, "a,A,office,,,7", "b,B,office,,,8") == []


class TestPersons:
    """Lists of staff."""

    def test_a_supervisor_whom_nobody_knows(self, folder: Path) -> None:
        lines = ("1,A,,,1001", "2,B,,,1", "3,C,,,1008", "4,D,,,1008")

        assert of_persons(folder, *lines) == [(4, "supervisor", "there is no person 1008 in the store")]

    def test_a_unit_that_is_not_there(self, folder: Path) -> None:
        assert of_persons(folder, "1,A,il-mem", "2,B,712345") == [(3, "unit", "there is no unit 712345")]

    def test_no_unit_while_there_is_none_at_all(self, folder: Path) -> None:
        """Staff may be imported before units."""
        assert of_persons(folder, "1,A,il-mem", known=Known()) == []

    def test_an_id_that_lost_a_zero(self, folder: Path) -> None:
        assert [place for *place, _ in of_persons(folder, "1002,Veli")] == [[2, "id"]]

    def test_an_id_that_lost_a_zero_far_from_the_other(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The keys of a long list are compared a few at once."""
        monkeypatch.setattr(cross_checks, "_KEYS_AT_ONCE", 1)

        assert [place for *place, _ in of_persons(folder, "0046,A", "77,B", "46,C")] == [[2, "id"], [4, "id"]]

    @pytest.mark.parametrize("other", ["0532 123 45 67", "+905321234567", "90 532 1234567", "5321234567"])
    def test_one_phone_of_several_people(self, folder: Path, other: str) -> None:
        """Each would read the passwords of the other."""
        lines = ("1,A,,(0532) 123-45-67,", "2,B,,0532 123 45 68,", f"3,C,,{other},", "4,D,,,", "5,E,,,")

        assert of_persons(folder, *lines) == [(4, "mobile", "1 has the same number")]
