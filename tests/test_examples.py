"""What the documentation shows works, and the provincial unit list is the directive's."""

from __future__ import annotations

import csv
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from textwrap import dedent

import attrs
import phonenumbers
import pytest

from provisioner.core.model.naming import LOGIN
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
    #: What is typed, without the prompt.
    text: str
    #: What the page says it answers; all of it stands in the answer.
    answer: tuple[str, ...] = ()
    #: The exit code that ``echo $?`` shows below it.
    code: int = 0


@attrs.frozen
class Setting:
    """A table that a page adds to the configuration."""

    text: str


BLOCK = re.compile(r'^ *```(console|toml title="provisioner.toml")\n(.*?)^ *```', re.MULTILINE | re.DOTALL)


def _steps(page: Path) -> Iterator[Command | Setting]:
    """The commands in the console blocks of a page and what it adds to the configuration, in their order."""
    text = page.read_text(encoding="utf-8")
    for block in BLOCK.finditer(text):
        if block[1] == "console":
            yield from _commands(dedent(block[2]).splitlines(), text.count("\n", 0, block.start()) + 2)
        else:
            yield Setting(block[2])


def _commands(lines: list[str], first: int) -> Iterator[Command]:
    starts = [number for number, line in enumerate(lines) if line.startswith("$ ")]
    found: Command | None = None
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        text, answer = lines[start].removeprefix("$ "), tuple(lines[start + 1 : end])
        if text == "echo $?":
            assert found
            found = attrs.evolve(found, code=int(answer[0]))
            continue
        if found:
            yield found
        found = Command(first + start, text, answer)
    if found:
        yield found


DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "README.tr.md",
    *sorted(ROOT.glob("examples/**/README.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
]
PAGES = [page for page in DOCUMENTS if any(_steps(page))]

#: Where the ids come from for which a page writes ``ID``.
LISTS = {
    "handover": ("handover", "list"),
    "operation": ("operation", "list"),
    "policy": ("policy", "staged"),
    "request": ("request", "list"),
    "trouble": ("trouble", "list"),
}


@pytest.fixture(name="forks", scope="module")
def _forks() -> Iterator[ForkServer]:
    with ForkServer.running() as forks:
        yield forks


@pytest.fixture(name="sites", scope="module")
def _sites(forks: ForkServer, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the sites that how-to guides start from, one for each language."""

    @cache
    def site(language: str) -> Path:
        folder = tmp_path_factory.mktemp(language)
        for file in EXAMPLE.glob("*.csv"):
            shutil.copy(file, folder)
        for line in (f"--lang {language} init", "person import persons.csv", "unit open units.csv"):
            assert forks.run(folder, *line.split())[0] == 0
        return folder

    return site


@attrs.frozen
class Reader:
    """Somebody who types what a page shows."""

    folder: Path
    forks: ForkServer

    def type(self, command: Command) -> tuple[int, str, str]:
        """Run one command."""
        if command.text.startswith("provisioner "):
            return self._provisioner(shlex.split(command.text)[1:])
        done = subprocess.run(
            ["bash", "-c", command.text], cwd=self.folder, check=False, capture_output=True, text=True
        )
        return done.returncode, done.stdout, done.stderr

    def _provisioner(self, words: list[str]) -> tuple[int, str, str]:
        if "ID" in words:
            words[words.index("ID")] = self._first_id(LISTS[words[0]])
        return self.forks.run(self.folder, *words)

    def _first_id(self, listing: tuple[str, ...]) -> str:
        _, answer, _ = self.forks.run(self.folder, "--json", *listing)
        return str(json.loads(answer)["items"][0]["id"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_work_one_after_the_other(
    page: Path, forks: ForkServer, sites: Callable[[str], Path], tmp_path: Path
) -> None:
    steps = list(_steps(page))
    starts_empty = any(isinstance(step, Command) and re.search(r"--lang .. init", step.text) for step in steps)
    language = "tr" if page.parent.name == "tr" else "en"
    shutil.copytree(EXAMPLE if starts_empty else sites(language), tmp_path, dirs_exist_ok=True)
    reader = Reader(tmp_path, forks)

    for step in steps:
        if isinstance(step, Setting):
            with (tmp_path / "provisioner.toml").open("a", encoding="utf-8") as configuration:
                configuration.write(f"\n{step.text}")
            continue
        code, stdout, stderr = reader.type(step)
        place = f"{page.name}:{step.line}"
        assert code == step.code, f"{place}: {stderr}{stdout}"
        assert set(step.answer) <= set(stdout.splitlines()), f"{place}: {stdout}"
        if step.text.endswith("--help"):
            assert list(step.answer) == stdout.splitlines(), f"{place}: it is not the whole of it"


def test_the_pages_are_found() -> None:
    assert {ROOT / "README.md", ROOT / "docs/tutorial/first-rotation.md", ROOT / "docs/how-to/upgrade.md"} <= {*PAGES}
