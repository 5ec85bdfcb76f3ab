"""Workbooks are read as people fill them in, and what Excel has made of a value is refused or named."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from provisioner.core.api.errors import InputError
from provisioner.core.model import Person
from provisioner.manifest import Manifest, read_persons, workbook

HEADER = ("id", "name", "unit", "title", "mobile", "supervisor")


@pytest.fixture(name="book")
def _book() -> Workbook:
    book = Workbook()
    book.active.title = "Personel"
    return book


@pytest.fixture(name="read")
def _read(tmp_path: Path, book: Workbook) -> Callable[..., Manifest[Person]]:
    """Fill the first sheet, save the workbook and read it."""

    def read(*rows: Sequence[Any], header: Sequence[Any] = HEADER) -> Manifest[Person]:
        for row in (header, *rows):
            book.worksheets[0].append(row)
        file = tmp_path / "people.xlsx"
        book.save(file)
        return read_persons(file)

    return read


def problems(read: Callable[..., object], *rows: Sequence[Any], **more: Any) -> list[tuple[int | None, str]]:
    with pytest.raises(InputError) as caught:
        read(*rows, **more)
    return [(problem.line, problem.field) for problem in caught.value.problems]


def saved_with(book: Workbook, folder: Path, instead: Mapping[bytes, bytes]) -> Path:
    """Save a workbook with other bytes in it, as another program would store them."""
    stored, file = io.BytesIO(), folder / "people.xlsx"
    book.save(stored)
    with zipfile.ZipFile(stored) as given, zipfile.ZipFile(file, "w") as made:
        for name in given.namelist():
            content = given.read(name)
            for written, other in instead.items():
                content = content.replace(written, other)
            made.writestr(name, content)
    return file


Read = Callable[..., Manifest[Person]]


class TestGoodWorkbooks:
    """What is read as it is."""

    def test_has_persons_and_their_lines(self, read: Read) -> None:
        manifest = read(
            ("1001", "Ayşe Işık", "il-mem", "Şef", "0532 123 45 67", "1002"),
            (),
            (None, " ", None),
            (1002, "İsmail Çağlar", None, None, 5337654321, None),
        )

        assert list(manifest.items) == [
            Person(id="1001", name="Ayşe Işık", unit="il-mem", title="Şef", mobile="0532 123 45 67", supervisor="1002"),
            Person(id="1002", name="İsmail Çağlar", mobile="5337654321"),
        ]
        assert manifest.lines == {"1001": 2, "1002": 5}
        assert manifest.warnings == []

    def test_whole_numbers_are_whole_however_they_are_stored(self, read: Read) -> None:
        assert [one.id for one in read((754321.0, "A"), (754322, "B"), (7.54323e5, "C")).items] == [
            "754321",
            "754322",
            "754323",
        ]

    @pytest.mark.parametrize("stored", ["754321.0", "7.54321E5", "754321.00000"])
    def test_a_whole_number_that_another_program_stores_as_a_decimal_one_is_whole(
        self, tmp_path: Path, book: Workbook, stored: str
    ) -> None:
        """It would be refused as ``754321.0``, although the cell shows ``754321``."""
        for row in (("id", "name"), (754321, "A")):
            book.active.append(row)

        file = saved_with(book, tmp_path, {b"<v>754321</v>": f"<v>{stored}</v>".encode()})

        assert [one.id for one in read_persons(file).items] == ["754321"]

    def test_zeros_that_the_format_shows_are_kept(self, tmp_path: Path, book: Workbook) -> None:
        for row in (("id", "name"), (4321, "A")):
            book.active.append(row)
        book.active["A2"].number_format = "000000"
        book.save(tmp_path / "people.xlsx")

        assert [one.id for one in read_persons(tmp_path / "people.xlsx").items] == ["004321"]

    def test_the_header_may_be_typed_in_capitals_on_a_turkish_keyboard(self, read: Read) -> None:
        [person] = read(("1", "A", "u"), header=("İD", "NAME", "UNİT")).items

        assert person.unit == "u"

    def test_a_computed_value_is_read(self, tmp_path: Path, book: Workbook) -> None:
        """A spreadsheet stores beside each formula what it comes to."""
        for row in (("id", "name"), ("=1000+1", "Ayşe")):
            book.active.append(row)

        file = saved_with(book, tmp_path, {b"<v></v>": b"<v>1001</v>", b"<v />": b"<v>1001</v>"})

        assert [one.id for one in read_persons(file).items] == ["1001"]

    def test_hidden_rows_count_and_hidden_sheets_do_not(self, read: Read, book: Workbook) -> None:
        book.create_sheet("Eski").append(("anything",))
        book["Eski"].sheet_state = "hidden"
        book.create_sheet("Boş")
        book.active.row_dimensions[2].hidden = True

        assert [one.id for one in read(("1", "A"), ("2", "B")).items] == ["1", "2"]

    def test_cells_far_away_that_are_only_formatted_cost_nothing(self, read: Read, book: Workbook) -> None:
        book.active["XFD1048576"].number_format = "0.00"

        assert len(read(("1", "A")).items) == 1


class TestWhatExcelRewrote:
    """Values that are not what was typed."""

    @pytest.mark.parametrize(
        "value",
        [date(2026, 3, 12), datetime(2026, 3, 12, 6, 0), timedelta(hours=2), True, "#REF!", 754321.5, "754321.0"],  # noqa: DTZ001 - Excel knows no zones
        ids=str,
    )
    @pytest.mark.parametrize("place", [0, 2, 5], ids=["id", "unit", "supervisor"])
    def test_is_refused_as_a_key(self, read: Read, value: object, place: int) -> None:
        row: list[object] = ["9", "A", None, None, None, None]
        row[place] = value

        assert problems(read, ("1", "B"), row) == [(3, HEADER[place])]

    @pytest.mark.parametrize("value", [532123456.5, "532123456.0", 5.32e-3, "5.32E+09", date(2026, 3, 12), True])
    def test_is_refused_as_a_number_of_a_phone(self, read: Read, value: object) -> None:
        assert problems(read, ("1", "A", None, None, value)) == [(2, "mobile")]

    @pytest.mark.parametrize("value", [date(2026, 3, 12), time(6, 0), timedelta(hours=2), False, "#DIV/0!"], ids=str)
    @pytest.mark.parametrize("place", [1, 3], ids=["name", "title"])
    def test_is_refused_where_any_text_would_do(self, read: Read, value: object, place: int) -> None:
        """``12 Mart`` would become the title ``2026-03-12 00:00:00``, and nobody would see it before it is printed."""
        row: list[object] = ["9", "A", None, None]
        row[place] = value

        assert problems(read, ("1", "B"), row) == [(3, HEADER[place])]

    def test_an_error_that_no_list_of_errors_has_is_refused(self, tmp_path: Path, book: Workbook) -> None:
        """Excel gets new ones; a cell says that it holds one, whatever it is called."""
        for row in (("id", "name"), ("1", "#N/A")):
            book.active.append(row)
        file = saved_with(book, tmp_path, {b"#N/A": b"#SPILL!"})

        assert problems(lambda: read_persons(file)) == [(2, "name")]

    def test_a_formula_without_a_value_is_refused(self, read: Read) -> None:
        """It would be read as a blank cell."""
        assert problems(read, ("1", "A", '="il"&"-mem"')) == [(2, "unit")]

    def test_merged_cells_are_named(self, read: Read, book: Workbook) -> None:
        book.active.merge_cells("C2:C3")

        [warning] = read(("1", "A", "il-mem"), ("2", "B")).warnings

        assert (warning.line, str(warning.message)[:16]) == (2, "the cells C2:C3 ")

    def test_numbers_of_different_lengths_are_named_once(self, read: Read) -> None:
        [warning] = read((754321, "A"), (54321, "B"), (4321, "C")).warnings

        assert (warning.line, warning.field) == (3, "id")

    def test_a_value_in_a_column_without_a_name_is_refused(self, read: Read) -> None:
        assert problems(read, ("1", "A", "x"), header=("id", "name")) == [(2, "line")]


class TestTheFile:
    """The file is not what it should be."""

    def test_several_sheets_with_data_are_refused_by_name(self, read: Read, book: Workbook) -> None:
        book.create_sheet("Şubat").append(("id", "name"))

        with pytest.raises(InputError, match="several sheets have data: Personel, Şubat"):
            read(("1", "A"))

    def test_an_empty_workbook_is_refused(self, read: Read) -> None:
        assert problems(read, header=()) == [(None, "file")]

    @pytest.mark.parametrize(
        "content", [b"", b"id,name\n1,A\n", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 99]
    )
    def test_something_else_with_its_ending_is_refused(self, tmp_path: Path, content: bytes) -> None:
        file = tmp_path / "people.xlsx"
        file.write_bytes(content)

        assert problems(lambda: read_persons(file)) == [(None, "file")]

    @pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "[Content_Types].xml"])
    @pytest.mark.parametrize("content", [None, b"", b"<x", b"<!DOCTYPE x [<!ENTITY a 'b'>]><x>&a;</x>"])
    def test_a_damaged_part_is_refused(self, tmp_path: Path, book: Workbook, part: str, content: bytes | None) -> None:
        stored, file = io.BytesIO(), tmp_path / "people.xlsx"
        book.active.append(HEADER)
        book.save(stored)
        with zipfile.ZipFile(stored) as given, zipfile.ZipFile(file, "w") as made:
            for name in given.namelist():
                kept = given.read(name) if name != part else content
                if kept is not None:
                    made.writestr(name, kept)

        assert problems(lambda: read_persons(file)) == [(None, "file")]

    def test_one_that_unpacks_to_more_than_the_limit_is_refused(
        self, read: Read, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(workbook, "LARGEST", 2000)

        with pytest.raises(InputError, match="too large"):
            read(("1", "A"))


def test_who_reads_no_workbook_does_not_wait_for_the_library() -> None:
    program = "import sys, provisioner.manifest, provisioner.cli; sys.exit('openpyxl' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
