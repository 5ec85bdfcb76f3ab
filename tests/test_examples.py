"""What the documentation shows works, and the provincial unit list is the directive's."""

from __future__ import annotations

import csv
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import attrs
import phonenumbers
import pytest

from provisioner.core.engine.plan import LOGIN
from tests.forks import ForkServer

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "kahramanmaras"

#: The mailboxes of 000 m.4/h.
PROVINCE = "kmarasmem"
BRANCHES_AND_OFFICES = """
egitimdenetmenleri46 teftis46 temelegitim46 ortaogretim46 meslekiegitim46 dinogretimi46 ozelegitim46
hayatboyuogrenme46 ozelogretim46 bilgiislemegitek46 sinavhizmetleri46 stratejigelistirme46 istatistik46 arge46 ab46
hukuk46 insankaynaklari46 atama46 ozluk46 hizmetici46 destek46 donatim46 mutemet46 sivilsavunma46 tasimali46
insaatemlak46 ozelburo46 ozelkalem46 bilgiedinme46
"""
DISTRICTS = "andirin46 afsin46 caglayancerit46 ekinozu46 elbistan46 goksun46 nurhak46 pazarcik46 turkoglu46"


def _rows(name: str) -> list[dict[str, str]]:
    with (EXAMPLE / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(name="units")
def _units() -> list[dict[str, str]]:
    return _rows("units.csv")


@pytest.fixture(name="persons")
def _persons() -> dict[str, dict[str, str]]:
    return {row["id"]: row for row in _rows("persons.csv")}


def test_the_list_has_the_mailboxes_of_the_directive(units: list[dict[str, str]]) -> None:
    logins = {
        kind: {unit["login"] for unit in units if unit["kind"] == kind} for kind in {unit["kind"] for unit in units}
    }

    assert logins["province"] == {PROVINCE}
    assert logins["branch"] | logins["office"] == set(BRANCHES_AND_OFFICES.split())
    assert logins["district"] == set(DISTRICTS.split())
    assert len(units) == sum(map(len, logins.values()))
    assert all(LOGIN.fullmatch(unit["login"]) for unit in units)


def test_each_unit_hangs_below_one_that_stands_before_it(units: list[dict[str, str]]) -> None:
    seen = {""}
    for unit in units:
        assert unit["parent"] in seen
        seen.add(unit["code"])


def test_each_unit_has_a_custodian_of_its_own_who_works_there(
    units: list[dict[str, str]], persons: dict[str, dict[str, str]]
) -> None:
    custodians = [unit["custodian"] for unit in units]

    assert len(set(custodians)) == len(units)
    assert [persons[unit["custodian"]]["unit"] for unit in units] == [unit["code"] for unit in units]


def test_supervision_leads_to_the_director(persons: dict[str, dict[str, str]]) -> None:
    for row in persons.values():
        line = [row["id"]]
        while supervisor := persons[line[-1]]["supervisor"]:
            assert supervisor not in line
            line.append(supervisor)

        assert persons[line[-1]]["title"] == "İl Millî Eğitim Müdürü"


def test_each_number_is_a_mobile_number_that_nobody_has(persons: dict[str, dict[str, str]]) -> None:
    numbers = [phonenumbers.parse(row["mobile"]) for row in persons.values()]

    assert len({number.national_number for number in numbers}) == len(persons)
    for number in numbers:
        assert phonenumbers.is_valid_number(number)
        assert phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.MOBILE
        assert phonenumbers.region_code_for_number(number) == "TR"


@attrs.frozen
class Command:
    """A command that a page shows."""

    line: int
    arguments: tuple[str, ...]
    #: What the page says it answers; all of it stands in the answer.
    answer: tuple[str, ...]


def _commands(page: Path) -> Iterator[Command]:
    """The commands in the console blocks of a page, in their order."""
    text = page.read_text(encoding="utf-8")
    for block in re.finditer(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        first = text.count("\n", 0, block.start()) + 2
        lines = block[1].splitlines()
        starts = [number for number, line in enumerate(lines) if line.startswith("$ provisioner ")]
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            arguments = shlex.split(lines[start])[2:]
            yield Command(first + start, tuple(arguments), tuple(lines[start + 1 : end]))


PAGES = [page for page in (ROOT / "README.md", *sorted(ROOT.glob("examples/**/README.md"))) if any(_commands(page))]


@pytest.fixture(name="forks", scope="module")
def _forks() -> Iterator[ForkServer]:
    with ForkServer.running() as forks:
        yield forks


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_work_one_after_the_other(page: Path, forks: ForkServer, tmp_path: Path) -> None:
    for file in EXAMPLE.glob("*.csv"):
        shutil.copy(file, tmp_path)

    for command in _commands(page):
        code, stdout, stderr = forks.run(tmp_path, *command.arguments)
        place = f"{page.name}:{command.line}"
        assert code == 0, f"{place}: {stderr}"
        assert set(command.answer) <= set(stdout.splitlines()), f"{place}: {stdout}"
        if "--help" in command.arguments:
            assert list(command.answer) == stdout.splitlines(), f"{place}: it is not the whole of it"


def test_the_readme_is_among_the_pages() -> None:
    assert ROOT / "README.md" in PAGES
