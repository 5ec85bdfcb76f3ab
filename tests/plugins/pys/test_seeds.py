"""People and units from CSV files."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.core.api.errors import InputError
from provisioner.core.model import Person, Unit
from provisioner_pys.mock.seeds import Seeds, read_seeds


def test_the_header_tells_people_from_units(tmp_path: Path) -> None:
    people, units = tmp_path / "people.csv", tmp_path / "units.csv"
    people.write_text(
        "id,name,unit,title,mobile,supervisor\n1001,Ayşe Işık,46-TEM,Şef,+905321234567,1000\n1002,Ömer,,,,\n"
    )
    units.write_text("code,name,kind,parent,login,custodian\n46-TEM,Temel Eğitim,branch,46,temelegitim46,1001\n")

    expected = Seeds(
        people=(
            Person(
                id="1001",
                name="Ayşe Işık",
                unit="46-TEM",
                title="Şef",
                mobile="+905321234567",
                supervisor="1000",
            ),
            Person(id="1002", name="Ömer"),
        ),
        units=(Unit(code="46-TEM", name="Temel Eğitim", kind="branch", parent="46"),),
    )
    assert read_seeds(people, units) == expected


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffid,name\n1001,Ayşe\n",
        "name,colour,id\r\nAyşe,red,1001\r\n",
        "id,name\n1001,Ayşe,more,cells\n",
        "id,name\n\n 1001 , Ayşe \n",
    ],
    ids=["byte order mark", "other columns and order", "more cells than columns", "blanks"],
)
def test_spreadsheets_are_forgiven(tmp_path: Path, content: str) -> None:
    file = tmp_path / "people.csv"
    file.write_text(content, encoding="utf-8", newline="")

    assert read_seeds(file).people == (Person(id="1001", name="Ayşe"),)


def test_all_that_is_wrong_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    good, bad, other = tmp_path / "good.csv", tmp_path / "bad.csv", tmp_path / "other.csv"
    good.write_text("id,name\n1001,Ayşe\n,Ömer\n")
    bad.write_text("login,password\na,b\n")
    other.write_bytes("id,name\n1001,Ayşe\n".encode("utf-16"))

    with pytest.raises(InputError) as caught:
        read_seeds(good, bad, other, tmp_path / "missing.csv")

    places = [(Path(problem.file or "").name, problem.line, problem.field) for problem in caught.value.problems]
    assert places == [
        ("good.csv", 3, "id"),
        ("bad.csv", 1, "header"),
        ("other.csv", None, "file"),
        ("missing.csv", None, "file"),
    ]
