"""Lists of any length are read: their lines are compared on disk, and errors still name the line."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

import attrs
import pytest

from provisioner.core.api.errors import InputError
from provisioner.core.model import Person
from provisioner.manifest import read_persons
from provisioner.manifest.persons import PERSONS
from provisioner.manifest.shape import Row
from provisioner.manifest.staged import StagedRows

HEADER = "id,name,unit,title,mobile,supervisor\n"


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    return tmp_path / "people.csv"


def line(number: int) -> str:
    return f"{number},Ayşe Yılmaz,u{number % 10},Müdür,0532{number:07},{number + 1}\n"


def problems(file: Path) -> list[tuple[int | None, str, str]]:
    with pytest.raises(InputError) as caught:
        read_persons(file)
    return [(problem.line, problem.field, str(problem.message)) for problem in caught.value.problems]


@attrs.frozen
class Known:
    """Knows all units, and counts how many rows or persons there are in memory when it is asked."""

    in_memory: list[int] = attrs.field(factory=list)

    @property
    def units(self) -> Known:
        return self

    @property
    def persons(self) -> Known:
        return self

    def exist(self) -> bool:
        return True

    def get_many(self, keys: Iterable[str], /) -> Mapping[str, Person]:
        self.in_memory.append(sum(type(one) in {Row, Person} for one in gc.get_objects()))
        return {key: Person(id=key, name="") for key in keys}


def test_the_lines_of_a_list_are_not_kept_in_memory(file: Path) -> None:
    file.write_text(HEADER + "".join(map(line, range(5_000))))
    known, before = Known(), sum(type(one) in {Row, Person} for one in gc.get_objects())

    manifest = read_persons(file, known)  # type: ignore[arg-type]

    assert len(manifest.items) == 5_000
    assert max(known.in_memory) - before < 1_500
    assert [person.id for person in manifest.items] == [str(number) for number in range(5_000)]


def test_a_line_far_behind_repeats_an_id_and_a_number(file: Path) -> None:
    file.write_text(HEADER + "".join(map(line, range(3_000))) + "7,Veli,,,,\n3001,Ali,,,+90 532 000 00 08,\n")

    assert problems(file) == [(3_002, "id", "7 is also in line 9")]
    file.write_text(HEADER + "".join(map(line, range(3_000))) + "3001,Ali,,,+90 532 000 00 08,\n")
    assert [(one.line, str(one.message)) for one in read_persons(file).warnings] == [(3_002, "8 has the same number")]


def test_what_is_known_of_persons_is_found_behind_the_first_page(file: Path) -> None:
    """The supervisor of the last line is in no line, and the store is asked page by page."""

    @attrs.frozen
    class Nobody(Known):
        def get_many(self, keys: Iterable[str], /) -> Mapping[str, Person]:
            return {key: Person(id=key, name="") for key in keys if key.startswith("u")}

    file.write_text(HEADER + "".join(map(line, range(3_000))))

    warnings = read_persons(file, Nobody()).warnings  # type: ignore[arg-type]

    assert [(one.line, one.field) for one in warnings] == [(3_001, "supervisor")]


def test_letters_and_line_ends_may_lie_across_the_pieces_that_are_read(file: Path) -> None:
    for ending in ("\n", "\r\n", "\r"):
        for shift in range(4):
            name = "x" * shift + "ş€𝄞" * 60
            lines = [f"{number},{name},,,,{ending}" for number in range(600)]
            file.write_bytes((HEADER.replace("\n", ending) + "".join(lines)).encode())

            assert {person.name for person in read_persons(file).items} == {name}


def test_a_pipe_can_be_read(tmp_path: Path) -> None:
    """``provisioner person import <(...)``."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    if not os.fork():
        pipe.write_text(HEADER + line(1))
        os._exit(0)

    assert [person.id for person in read_persons(pipe).items] == ["1"]
    os.wait()


def test_the_file_of_rows_has_no_name() -> None:
    """A process that is killed would leave the numbers of people in it."""
    rows = (Row(number, dict.fromkeys(PERSONS.names, f"{number:040}")) for number in range(20_000))

    staged = StagedRows(PERSONS, ((row, True) for row in rows))

    places = [str(file.readlink()) for file in Path("/proc/self/fd").iterdir() if file.is_symlink()]
    of_sqlite = [place for place in places if "etilqs_" in place]
    assert of_sqlite
    assert [place for place in of_sqlite if not place.endswith(" (deleted)")] == []
    assert len(staged) == 20_000
