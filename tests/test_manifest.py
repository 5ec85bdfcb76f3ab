"""Lists of units and staff: everything an export from a spreadsheet can get wrong is named, with its line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import attrs
import pytest

from provisioner.core.api.errors import InputError
from provisioner.core.model import Account, Person, Unit
from provisioner.core.model.naming import Naming
from provisioner.manifest import Manifest, read_persons, read_units
from provisioner.manifest.shape import tidy
from provisioner.manifest.units import _looping

HEADER = "code,name,kind,parent,login,custodian\n"
NAMING = Naming(domain="meb.gov.tr", domain_of_kind={"school": "meb.k12.tr"})


@attrs.frozen
class Known:
    """What the store knows: the part of the records that lists are held against."""

    known_units: tuple[Unit, ...] = ()
    known_accounts: tuple[Account, ...] = ()
    known_persons: tuple[Person, ...] = ()

    @property
    def persons(self) -> KnownPersons:
        return KnownPersons(self.known_persons)

    @property
    def units(self) -> KnownUnits:
        return KnownUnits(self.known_units)

    @property
    def accounts(self) -> KnownAccounts:
        return KnownAccounts(self.known_accounts)


@attrs.frozen
class KnownPersons:
    known: tuple[Person, ...]

    def get_many(self, ids: Iterable[str], /) -> Mapping[str, Person]:
        return {person.id: person for person in self.known if person.id in set(ids)}


@attrs.frozen
class KnownUnits:
    known: tuple[Unit, ...]

    def exist(self) -> bool:
        return bool(self.known)

    def get_many(self, codes: Iterable[str], /) -> Mapping[str, Unit]:
        return {unit.code: unit for unit in self.known if unit.code in set(codes)}


@attrs.frozen
class KnownAccounts:
    known: tuple[Account, ...]

    def get_many(self, logins: Iterable[str], /) -> Mapping[str, Account]:
        return {account.login: account for account in self.known if account.login in set(logins)}

    def of_units(self, codes: Iterable[str], /) -> Mapping[str, Account]:
        return {account.unit: account for account in self.known if account.unit in set(codes)}


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    return tmp_path / "units.csv"


def units(file: Path, content: str | bytes, known: Known | None = None) -> Manifest[Unit]:
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_units(file, NAMING, known or Known())  # type: ignore[arg-type]


def problems(file: Path, content: str | bytes, known: Known | None = None) -> list[tuple[int | None, str, str]]:
    """Return the line, the field and the message of each problem."""
    with pytest.raises(InputError) as caught:
        units(file, content, known)
    assert {problem.file for problem in caught.value.problems} == {str(file)}
    return [(problem.line, problem.field, str(problem.message)) for problem in caught.value.problems]


class TestGoodLists:
    """What is taken as it is."""

    def test_has_units_and_their_lines(self, file: Path) -> None:
        manifest = units(file, f"{HEADER}a,Birim A,province,,kmarasmem,1\n\nb,Birim B,office,a,,\n")

        assert manifest.items == [
            Unit(code="a", name="Birim A", kind="province", login="kmarasmem", custodian="1"),
            Unit(code="b", name="Birim B", kind="office", parent="a"),
        ]
        assert manifest.lines == {"a": 2, "b": 4}

    def test_columns_may_stand_in_any_order_and_optional_ones_be_missing(self, file: Path) -> None:
        [unit] = units(file, "kind,Name,code\noffice,Birim,a\n").items

        assert unit == Unit(code="a", name="Birim", kind="office")

    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_delimiters_of_spreadsheets(self, file: Path, delimiter: str) -> None:
        """Excel writes semicolons in a Turkish locale."""
        [unit] = units(file, f"{HEADER}a,Birim,office,,ab46,1\n".replace(",", delimiter)).items

        assert (unit.name, unit.login) == ("Birim", "ab46")

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1254"])
    def test_encodings_of_spreadsheets(self, file: Path, encoding: str) -> None:
        [unit] = units(file, f"{HEADER}a,Işık Öğüş İlçe Şubesi,office,,,\n".encode(encoding)).items

        assert unit.name == "Işık Öğüş İlçe Şubesi"

    @pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
    def test_line_endings(self, file: Path, ending: str) -> None:
        assert units(file, f"{HEADER}a,A,office,,,\nb,B,office,,,\n".replace("\n", ending)).lines == {"a": 2, "b": 3}

    def test_values_may_be_quoted_and_span_lines(self, file: Path) -> None:
        manifest = units(file, f'{HEADER}a,"Araştırma, Geliştirme\nBirimi",office,,,\nb,B,office,,,\n')

        assert [unit.name for unit in manifest.items] == ["Araştırma, Geliştirme Birimi", "B"]
        assert manifest.lines["b"] == 4

    def test_blanks_around_values_do_not_count(self, file: Path) -> None:
        """Also those that do not break, which come from web pages."""
        [unit] = units(file, f"{HEADER} a ,\u00a0Birim\u00a0 A ,office,,,\n").items

        assert (unit.code, unit.name) == ("a", "Birim A")

    def test_letters_are_composed(self, file: Path) -> None:
        """A Mac writes ş as s and a cedilla; the name is the same."""
        [unit] = units(file, f"{HEADER}a,S\u0327ube,office,,,\n").items

        assert unit.name == "Şube"

    def test_lines_without_any_value_do_not_count(self, file: Path) -> None:
        """Spreadsheets append them."""
        assert len(units(file, f"{HEADER}a,A,office,,,\n,,,,,\n,,,,,\n").items) == 1

    def test_a_login_may_have_one_of_our_domains(self, file: Path) -> None:
        manifest = units(file, f"{HEADER}a,A,office,,AB46@meb.gov.tr,\nb,B,school,,712345@meb.k12.tr,\n")

        assert [unit.login for unit in manifest.items] == ["ab46", "712345"]

    def test_a_parent_may_come_later_or_be_known(self, file: Path) -> None:
        known = Known((Unit(code="top", name="Top", kind="province"),))

        assert len(units(file, f"{HEADER}b,B,office,a,,\na,A,office,top,,\n", known).items) == 2

    @pytest.mark.parametrize(
        "content",
        [
            "sep=;\ncode;name;kind\na;A;office\n",
            "\ufeffsep=;\r\ncode;name;kind\r\na;A;office\r\n",
            '"sep=;"\ncode;name;kind\na;A;office\n',
            "code;name;kind;;\na;A;office;;\n;;;;\n",
            "code;name;kind;parent;login\na;A;office\n",
            "code;name;kind;parent;login\na;A;office;;;;;\n",
            "CODE;NAME;KİND\na;A;office\n",
            "code;name;kınd\na;A;office",
        ],
    )
    def test_shapes_that_spreadsheets_write(self, file: Path, content: str) -> None:
        manifest = units(file, content)

        assert manifest.items == [Unit(code="a", name="A", kind="office")]
        assert manifest.warnings == []

    def test_a_line_with_the_separator_counts_as_a_line(self, file: Path) -> None:
        assert units(file, "sep=;\ncode;name;kind\na;A;office\n").lines == {"a": 3}
        assert problems(file, "sep=;\ncode;name;kind\na;;office\n") == [(3, "name", "it is missing")]

    def test_a_last_line_that_was_cut_off_is_named(self, file: Path) -> None:
        [warning] = units(file, f"{HEADER}a,A,office,,,\nb,Bir,office").warnings

        assert (warning.line, warning.field) == (3, "line")

    def test_a_list_without_lines_is_empty(self, file: Path) -> None:
        assert units(file, HEADER).items == []


class TestTheFile:
    """The file is not what it should be."""

    def test_is_not_there(self, file: Path) -> None:
        with pytest.raises(InputError) as caught:
            read_units(file, NAMING, Known())  # type: ignore[arg-type]

        assert [str(problem.message) for problem in caught.value.problems] == [
            "it cannot be read: No such file or directory"
        ]

    @pytest.mark.parametrize("content", [b"", b"\n \r\n"])
    def test_is_empty(self, file: Path, content: bytes) -> None:
        assert problems(file, content) == [(None, "file", "the file is empty")]

    @pytest.mark.parametrize(
        "content", [b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00", HEADER.encode("utf-16-le"), bytes(range(256))]
    )
    def test_is_no_text(self, file: Path, content: bytes) -> None:
        """A workbook, UTF-16 without its mark, or anything else."""
        [(line, field, message)] = problems(file, content)

        assert (line, field) == (None, "file")
        assert (
            "it is not a text file; save the list as CSV in UTF-8, or as a workbook with the extension .xlsx" in message
        )

    def test_is_broken_utf_16(self, file: Path) -> None:
        content = HEADER.encode("utf-16") + b"\x00\xd8"

        assert problems(file, content) == [(2, "line", "it starts like utf-16 but is not valid utf-16")]

    def test_mixes_encodings(self, file: Path) -> None:
        """Half of the names would be wrong, and nobody would see it before the mail is sent."""
        lines = [
            HEADER.encode(),
            "a,Işık,office,,,\n".encode(),
            "b,Öğüş,office,,,\n".encode(),
            "c,Şube,office,,,\n".encode("cp1254"),
            b"d,Plain,office,,,\n",
            "e,Çağ,office,,,\n".encode("cp1254"),
            "f,Ünlü,office,,,\n".encode(),
        ]

        assert problems(file, b"".join(lines)) == [
            (4, "line", "the line is in cp1254, others are in utf-8"),
            (6, "line", "the line is in cp1254, others are in utf-8"),
        ]

    def test_mixes_encodings_the_other_way_round(self, file: Path) -> None:
        lines = ["a,Işık,office,,,\n", "b,Öğüş,office,,,\n", "c,Şube,office,,,\n"]
        content = HEADER.encode() + "".join(lines).encode("cp1254") + "d,Çağ,office,,,\n".encode()

        assert problems(file, content) == [(5, "line", "the line is in utf-8, others are in cp1254")]

    def test_has_bytes_that_are_no_letters(self, file: Path) -> None:
        content = HEADER.encode() + b"a,\x81\x8d,office,,,\nb,B,office,,,\n"

        assert problems(file, content) == [(2, "line", "the line is neither in utf-8 nor in cp1254")]


class TestTheHeader:
    """The first line."""

    def test_lacks_columns_has_unknown_ones_and_one_twice(self, file: Path) -> None:
        known = "there is no such column; the columns are code,name,kind,parent,login,custodian"

        assert problems(file, "code,code,mail\na,a,x\n") == [
            (1, "code", "the column occurs twice"),
            (1, "mail", known),
            (1, "name", "the column is missing"),
            (1, "kind", "the column is missing"),
        ]

    def test_is_missing(self, file: Path) -> None:
        assert (1, "code", "the column is missing") in problems(file, "a,Birim,office,,ab46,1\n")

    def test_has_a_column_without_a_name_and_with_values(self, file: Path) -> None:
        assert problems(file, "code,name,kind,\na,A,office,x\n")[0][:2] == (1, "line")


class TestTheLines:
    """All problems are named in one go."""

    def test_every_problem_is_named(self, file: Path) -> None:
        content = (
            f"{HEADER}"
            "a,,office,,,\n"
            "b b,B,Office,,,\n"
            "c,C,office,yok,not a login,\n"
            "d,D,office,,x@example.com,k k\n"
            "d,D again,office,,,\n"
        )

        assert problems(file, content) == [
            (2, "name", "it is missing"),
            (3, "code", "it must be one word of letters, digits, '.', '-' and '_'"),
            (3, "kind", "it must be a lower-case word such as province, district, branch, office or school"),
            (4, "login", "not a login is not a valid login"),
            (4, "parent", "there is no unit yok"),
            (5, "custodian", "it must be one word of letters, digits, '.', '-' and '_'"),
            (6, "code", "d is also in line 5"),
        ]

    def test_with_a_wrong_number_of_fields(self, file: Path) -> None:
        """Cells that are blank at the end do not count; spreadsheets leave some out, and write too many of others."""
        assert problems(file, f"{HEADER}a,A,office\nb,B,office,,,,,x\nc,C,office,,,,,\n") == [
            (3, "line", "it has 8 fields, and the header 6"),
        ]

    def test_with_an_open_quote(self, file: Path) -> None:
        """It would swallow the rest of the file."""
        assert problems(file, f'{HEADER}a,A,office,,,\nb,"B,office,,,\nc,C,office,,,\n') == [
            (3, "line", "it is not valid CSV: unexpected end of data")
        ]

    def test_with_text_behind_a_quote(self, file: Path) -> None:
        [(line, _, message)] = problems(file, f'{HEADER}a,"A"B,office,,,\nb,B,office,,,\n')

        assert line == 2
        assert message.startswith("it is not valid CSV")

    def test_with_a_nul_byte(self, file: Path) -> None:
        content = f"{HEADER}a,A,office,,,\nb,B\0B,office,,,\n"

        assert problems(file, content) == [(3, "name", "it contains characters that cannot be printed")]

    def test_with_characters_that_cannot_be_seen(self, file: Path) -> None:
        """A code with a zero-width space would never be found again."""
        assert problems(file, f"{HEADER}a\u200b,A,office,,,\n")[0] == (
            2,
            "code",
            "it contains characters that cannot be printed",
        )

    def test_that_are_too_long(self, file: Path) -> None:
        assert problems(file, f"{HEADER}{'a' * 65},{'B' * 201},office,,,\n") == [
            (2, "code", "it is longer than 64 characters"),
            (2, "name", "it is longer than 200 characters"),
        ]

    def test_with_a_value_beyond_all_bounds(self, file: Path) -> None:
        [(line, _, message)] = problems(file, f"{HEADER}a,{'B' * 200_000},office,,,\n")

        assert line == 2
        assert message.startswith("it is not valid CSV")

    def test_with_a_login_twice(self, file: Path) -> None:
        content = f"{HEADER}a,A,office,,ab46,\nb,B,office,,AB46@meb.gov.tr,\n"

        assert problems(file, content) == [(3, "login", "ab46 is also in line 2")]

    def test_with_a_login_of_another_unit(self, file: Path) -> None:
        known = Known(known_accounts=(Account(login="ab46", domain="meb.gov.tr", unit="ab"),))

        assert problems(file, f"{HEADER}x,X,office,,ab46,\n", known) == [(2, "login", "ab46 is the account of unit ab")]

    def test_with_another_login_than_the_units_account_has(self, file: Path) -> None:
        """It would be silently ignored otherwise."""
        known = Known(known_accounts=(Account(login="ab46", domain="meb.gov.tr", unit="ab"),))

        assert problems(file, f"{HEADER}ab,AB,office,,avrupa46,\n", known) == [
            (2, "login", "the unit has the account ab46, which cannot be renamed")
        ]


class TestTheTree:
    """What is above what."""

    def test_a_unit_above_itself(self, file: Path) -> None:
        assert problems(file, f"{HEADER}a,A,office,a,,\n") == [(2, "parent", "the unit would be above itself")]

    def test_units_in_a_circle(self, file: Path) -> None:
        """Those that only hang below the circle are not to blame."""
        content = f"{HEADER}a,A,office,c,,\nb,B,office,a,,\nc,C,office,b,,\nd,D,office,c,,\n"

        assert problems(file, content) == [
            (2, "parent", "the unit would be above itself"),
            (3, "parent", "the unit would be above itself"),
            (4, "parent", "the unit would be above itself"),
        ]

    def test_a_circle_through_units_that_are_only_known(self, file: Path) -> None:
        known = Known(
            (
                Unit(code="a", name="A", kind="office"),
                Unit(code="b", name="B", kind="office", parent="a"),
                Unit(code="c", name="C", kind="office", parent="b"),
            )
        )

        assert problems(file, f"{HEADER}a,A,office,c,,\n", known) == [(2, "parent", "the unit would be above itself")]

    def test_a_wrong_parent_is_not_missing(self, file: Path) -> None:
        """One mistake is named once."""
        assert problems(file, f"{HEADER}a,,office,,,\nb,B,office,a,,\n") == [(2, "name", "it is missing")]


class TestToml:
    """The other format."""

    @pytest.fixture(name="file")
    def _file(self, tmp_path: Path) -> Path:
        return tmp_path / "units.toml"

    def test_is_read(self, file: Path) -> None:
        manifest = units(
            file,
            '# Birimler\n[[unit]]\ncode = "a"\nname = "Işık"\nkind = "office"\n\n'
            '[[unit]]\ncode = "b"\nname = "B"\nkind = "office"\nparent = "a"\nlogin = "ab46"\n',
        )

        assert [unit.code for unit in manifest.items] == ["a", "b"]
        assert manifest.lines == {"a": 2, "b": 7}

    def test_that_is_broken_names_the_line(self, file: Path) -> None:
        [(line, _, message)] = problems(file, '[[unit]]\ncode = "a"\nname = Birim\n')

        assert line == 3
        assert message.startswith("it is not valid TOML")

    def test_with_unknown_keys_other_types_and_other_tables(self, file: Path) -> None:
        content = 'title = "x"\n[[unit]]\ncode = 712345\nname = "A"\nkind = "office"\nmail = "x"\n'

        assert sorted(problems(file, content), key=str) == [
            (2, "code", "it must be a string; write it in quotes"),
            (2, "mail", "there is no such key; the keys are code, name, kind, parent, login, custodian"),
            (None, "title", "there is no such table; write each as [[unit]]"),
        ]

    def test_with_one_table_instead_of_a_list(self, file: Path) -> None:
        assert problems(file, '[unit]\ncode = "a"\n') == [(None, "unit", "write each as [[unit]]")]

    def test_written_inline_has_no_lines(self, file: Path) -> None:
        manifest = units(file, 'unit = [{code = "a", name = "A", kind = "office"}]\n')

        assert manifest.lines == {"a": None}


class TestPersons:
    """Lists of staff."""

    def test_are_read(self, tmp_path: Path) -> None:
        file = tmp_path / "people.csv"
        file.write_text("id;name;unit;title;mobile;supervisor\n1;Ayşe Işık;il-mem;Şef;0532 123 45 67;2\n2;Veli;;;;\n")

        manifest = read_persons(file)

        assert [(one.id, one.mobile, one.supervisor, one.unit) for one in manifest.items] == [
            ("1", "0532 123 45 67", "2", "il-mem"),
            ("2", None, None, None),
        ]
        assert manifest.lines == {"1": 2, "2": 3}

    def test_name_every_problem(self, tmp_path: Path) -> None:
        file = tmp_path / "people.csv"
        file.write_text("id,name,supervisor\n,Ayşe,\n1,,\n2,Veli,2\n2,Ali,\n")

        with pytest.raises(InputError) as caught:
            read_persons(file)

        assert [(problem.line, problem.field) for problem in caught.value.problems] == [
            (2, "id"),
            (3, "name"),
            (4, "supervisor"),
            (5, "id"),
        ]

    @pytest.mark.parametrize("number", ["532123456.0", "5,32E+09", "0532 123 45 67 / 0533 123 45 67", "yok", "112"])
    def test_a_number_that_is_not_one_phone_number_is_refused_with_its_line(self, tmp_path: Path, number: str) -> None:
        """Its digits may be those of a stranger's phone, which the password would go to."""
        file = tmp_path / "people.csv"
        file.write_text(f"id;name;mobile\n1;Ayşe;0532 123 45 67\n2;Veli;{number}\n")

        with pytest.raises(InputError) as caught:
            read_persons(file)

        assert [(problem.line, problem.field) for problem in caught.value.problems] == [(3, "mobile")]
        assert number not in str(caught.value)

    @pytest.mark.parametrize("number", ["5321234567", "532123456.0", "5.32e9", "true", "2026-11-28"])
    def test_a_number_in_toml_is_text(self, tmp_path: Path, number: str) -> None:
        file = tmp_path / "people.toml"
        file.write_text(f'[[person]]\nid = "1"\nname = "Ayşe"\nmobile = {number}\n')

        with pytest.raises(InputError) as caught:
            read_persons(file)

        assert caught.value.problems[0].field == "mobile"

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param(f'[[person]]\nid = {"9" * 5000}\nname = "Ayşe"\n', id="digits"),
            pytest.param(f'[[person]]\nid = 0x{"f" * 5000}\nname = "Ayşe"\n', id="hexadecimal"),
            pytest.param(f'[[person]]\nid = {"[" * 5000}1{"]" * 5000}\nname = "Ayşe"\n', id="nested"),
        ],
    )
    def test_toml_that_python_cannot_read_is_refused(self, tmp_path: Path, text: str) -> None:
        """Anybody who may upload lists can upload such a one."""
        file = tmp_path / "people.toml"
        file.write_text(text)

        with pytest.raises(InputError):
            read_persons(file)

    def test_lines_of_toml_end_with_line_breaks_only(self, tmp_path: Path) -> None:
        file = tmp_path / "people.toml"
        file.write_text('[[person]]\nid = "1"\nname = "Ayşe\u2028Işık"\n\n[[person]]\nid = "2"\nname = 2\n')

        with pytest.raises(InputError) as caught:
            read_persons(file)

        assert [(problem.line, problem.field) for problem in caught.value.problems] == [(5, "name")]


@attrs.frozen
class Counting(Known):
    """Counts how often units are looked up."""

    asked: list[int] = attrs.field(factory=list)

    @property
    def units(self) -> CountedUnits:
        return CountedUnits(self.known_units, self.asked)


@attrs.frozen
class CountedUnits(KnownUnits):
    """Units that count how often they are looked up."""

    asked: list[int]

    def get_many(self, codes: Iterable[str], /) -> Mapping[str, Unit]:
        self.asked.append(1)
        return super().get_many(codes)


class Followed(dict[str, str]):
    """The parents of a list, and how often somebody went up from a unit."""

    times = 0

    def __getitem__(self, code: str, /) -> str:
        self.times += 1
        return super().__getitem__(code)


class TestWhatIsAbove:
    """What is above the units of a list is found out for all of them together."""

    def test_is_looked_up_once_for_each_level_and_not_for_each_unit(self, file: Path) -> None:
        known = [Unit(code=f"k{n}", name="K", kind="office", parent=f"k{n - 1}" if n else None) for n in range(20)]
        records = Counting(tuple(known))
        lines = "".join(f"u{n},U,office,{f'u{n - 1}' if n % 9 else f'k{n % 20}'},,\n" for n in range(500))

        assert len(units(file, f"{HEADER}{lines}", records).items) == 500

        assert len(records.asked) <= len(known) + 5

    def test_is_followed_once_for_each_unit_of_a_deep_list(self) -> None:
        """200 levels would otherwise cost a hundred times as much as one."""
        deep = {f"u{n}": f"u{n - 1}" if n else "" for n in range(1000)}
        parents = Followed(deep)

        assert _looping(parents) == set()

        assert parents.times <= 2 * len(deep)


class Value(str):
    """A value of a list. A comparison with another value is a step of Python, and can be counted."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        return str.__eq__(self, other)


def steps(work: Callable[[], object]) -> int:
    """Return how many lines of Python some work runs through, comparisons of values among them."""
    count = 0

    def trace(_frame: FrameType, event: str, _arg: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


class TestLongLists:
    """A list of every school of the country has fifty thousand lines; each must cost no more than in a short one."""

    def _content(self, kind: str, count: int) -> str:
        last = count - 1  # above all others, so a search from line to line for it would be the longest one
        lines = (
            f"{number},Şehit {number} İlkokulu,{kind},{last if number < last else ''},s{number},{number}\n"
            for number in range(count)
        )
        return HEADER + "".join(lines)

    @pytest.fixture(autouse=True)
    def _count_comparisons(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("provisioner.manifest.records.tidy", lambda value: Value(tidy(value)))

    def _expect_even_growth(self, read: Callable[[str], int], kind: str) -> None:
        """Four times as many lines take four times as many steps, and not sixteen times."""
        short, long = self._content(kind, 100), self._content(kind, 400)
        assert (read(short), read(long)) == (100, 400)  # and what is imported when it is first used is there

        assert steps(lambda: read(long)) < 5 * steps(lambda: read(short))

    def test_take_no_more_steps_for_each_line_than_short_ones(self, file: Path) -> None:
        self._expect_even_growth(lambda content: len(units(file, content).items), "school")

    def test_with_problems_take_no_more_steps_for_each_line_than_short_ones(self, file: Path) -> None:
        self._expect_even_growth(lambda content: len(problems(file, content)), "Okul")
