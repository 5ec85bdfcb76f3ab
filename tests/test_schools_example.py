"""The example of a stranger's rule set: it installs, keeps the contract, and is swept and simulated like our own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.example_site import EXAMPLES, ExampleSite

pytestmark = pytest.mark.slow

EXAMPLE = EXAMPLES / "schools-in-august"

CONFIG = """\
language = "en"
[accounts]
domain = "meb.k12.tr"
[targets.directory]
plugin = "local"
database = "directory.sqlite"
[channels.sms]
plugin = "sms"
help_desk = "705 53 53"
gateway = "simulator"
[channels.sms.simulator]
embedded = "sms.sqlite"
"""
RULES = """\
[rules.new-school-year]
plugin = "schools-in-august"
"""

PERSONS = "id,name,mobile\n" + "".join(f"{n},Ayşe Işık,+9053212345{n}\n" for n in range(10, 30))
UNITS = "code,name,kind,login,custodian\n" + "".join(
    f"7588{n},Okul {n},{'office' if n == 29 else 'school'},7588{n},{n}\n" for n in range(10, 30)
)


@pytest.fixture(name="site", scope="module")
def _site(tmp_path_factory: pytest.TempPathFactory) -> ExampleSite:
    """A folder in which the example is installed."""
    return ExampleSite.with_examples(tmp_path_factory.mktemp("site"), EXAMPLE.name)


@pytest.fixture(name="office", scope="module")
def _office(site: ExampleSite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which twenty units are open, under the rule set of the example."""
    folder = tmp_path_factory.mktemp("office")
    (folder / "provisioner.toml").write_text(CONFIG + RULES, encoding="utf-8")
    (folder / "persons.csv").write_text(PERSONS, encoding="utf-8")
    (folder / "units.csv").write_text(UNITS, encoding="utf-8")
    for arguments in (["init"], ["person", "import", "persons.csv"], ["unit", "open", "units.csv"]):
        done = site.run(folder, "provisioner", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_its_own_tests_are_green(site: ExampleSite, tmp_path: Path) -> None:
    done = site.run(EXAMPLE, "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={tmp_path / 'pytest'}")

    assert done.returncode == 0, done.stdout


def test_schools_are_due_in_august_and_offices_are_not(site: ExampleSite, office: Path) -> None:
    shown = site.answer(office, "account", "list")["items"]

    due = {one["login"]: one["next_deadline"] for one in shown}
    assert len(due) == 20
    assert due.pop("758829") is None
    assert {at[5:7] for at in due.values()} == {"08"}
    assert len(set(due.values())) == 19


def test_a_simulated_year_has_one_rotation_for_each_school(site: ExampleSite, office: Path) -> None:
    days = site.answer(office, "policy", "simulate", "--days", "366")["days"]

    rotated = [(day["date"][5:7], one["login"]) for day in days for one in day["items"]]
    assert len({login for _, login in rotated}) == 19
    # What is due on the evening of the last day is done by the next day's sweep.
    assert {month for month, _ in rotated} <= {"08", "09"}


def test_the_parameters_are_read_strictly(site: ExampleSite, office: Path, tmp_path: Path) -> None:
    for wrong, words in {
        "from_day = 32": "'from_day' must be <= 31",
        "day = 1": "unknown key day; did you mean",
    }.items():
        config = tmp_path / "wrong.toml"
        config.write_text(f"{CONFIG}{RULES}{wrong}\n", encoding="utf-8")

        done = site.run(office, "provisioner", "--config", config, "check")

        assert done.returncode == 2
        assert "rules.new-school-year: " in done.stdout
        assert words in done.stdout


def test_people_are_told_in_turkish(site: ExampleSite, office: Path) -> None:
    due = site.answer(office, "--lang", "tr", "policy", "due", "--until", "2100-01-01")["items"]

    reasons = [one["reason"] for one in due]
    assert "yeni öğretim yılı öncesinde 758810@meb.k12.tr hesabının parolası yenilenecektir" in reasons
