"""A code or an id that a spreadsheet rewrote names somebody else, and is refused wherever it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.core.api.errors import InputError
from provisioner.core.model.naming import Naming
from provisioner.manifest import read_persons, read_units
from provisioner.manifest.keys import objection
from tests.test_manifest import Known

REWRITTEN = [
    "754321.0",
    "754321.00",
    "754321,0",
    "1002.0",
    "7.0",
    "754321.5",
    "1,002",
    "754,321",
    "7.54E+05",
    "7,54E+05",
    "7.54E05",
    "7.54321e5",
    "7E+05",
    "1e-05",
    "12.03.2026",
    "12.3.2026",
    "2026-03-12",
    "2026-03-12T00:00:00",
    "12/03/2026",
    "12.Mar",
    "02-Oca",
    "1-Eki",
]


@pytest.mark.parametrize("value", REWRITTEN)
def test_what_a_spreadsheet_rewrote_is_refused(value: str) -> None:
    """A person who reads why finds the column to format, and does not take it for a slip of the hand."""
    assert "format the column as text and enter the value again" in str(objection(value))


@pytest.mark.parametrize(
    "value",
    ["754321", "0754321", "46-TEM", "06-TEM", "46.1", "46.1.10", "2026-1", "e5", "46E10", "tem.46", "a_b", "İl-1"],
)
def test_a_code_as_people_make_it_is_accepted(value: str) -> None:
    assert objection(value) is None


@pytest.mark.parametrize(
    "value", ["\u0456lmem", "\u0667\u0665\u0664\u0663\u0662\u0661", "\uff17\uff15\uff14", "a" * 65]
)
def test_a_word_of_another_alphabet_or_without_end_is_refused(value: str) -> None:
    """Nothing but letters and digits is in it, and it names somebody else all the same."""
    assert objection(value)


@given(st.integers(0, 10**12))
def test_no_whole_number_as_a_decimal_one_is_accepted(number: int) -> None:
    for text in {f"{number}.0", f"{number},0", f"{number:.2f}", f"{number:.3e}", repr(float(number))}:
        assert objection(text), text


@pytest.mark.parametrize("column", ["code", "parent", "login", "custodian"])
@pytest.mark.parametrize("value", ["754321.0", "7.54E+05", "12.03.2026"])
def test_it_is_refused_in_each_column_of_a_list_of_units(tmp_path: Path, column: str, value: str) -> None:
    row = {"code": "a", "name": "A", "kind": "school", "parent": "", "login": "", "custodian": "", column: value}
    file = tmp_path / "units.csv"
    file.write_text(f"{';'.join(row)}\nb;B;school;;;\n{';'.join(row.values())}\n")

    with pytest.raises(InputError) as caught:
        read_units(file, Naming(domain="meb.gov.tr"), Known())  # type: ignore[arg-type]

    assert {(problem.line, problem.field) for problem in caught.value.problems} == {(3, column)}
    assert all(
        "format the column as text and enter the value again" in str(problem.message)
        for problem in caught.value.problems
    )


@pytest.mark.parametrize("column", ["id", "unit", "supervisor"])
@pytest.mark.parametrize("value", ["1002.0", "1,002", "2026-03-12"])
def test_it_is_refused_in_each_column_of_a_list_of_staff(tmp_path: Path, column: str, value: str) -> None:
    row = {"id": "1", "name": "Ayşe", "unit": "", "supervisor": "", column: value}
    file = tmp_path / "people.csv"
    file.write_text(f"{';'.join(row)}\n{';'.join(row.values())}\n")

    with pytest.raises(InputError) as caught:
        read_persons(file)

    assert {(problem.line, problem.field) for problem in caught.value.problems} == {(2, column)}


@pytest.mark.parametrize("value", ["754321.0", "754321", "7.5e5", "true", "2026-03-12", '"754321.0"'])
def test_it_is_refused_in_toml_once(tmp_path: Path, value: str) -> None:
    file = tmp_path / "units.toml"
    file.write_text(f'[[unit]]\ncode = {value}\nname = "A"\nkind = "school"\n')

    with pytest.raises(InputError) as caught:
        read_units(file, Naming(domain="meb.gov.tr"), Known())  # type: ignore[arg-type]

    assert [(problem.line, problem.field) for problem in caught.value.problems] == [(1, "code")]
