"""Whatever a command writes is its owner's alone, whatever the umask, and no link of others is followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Office, typed

PERSONS = "id,name,unit,title,mobile,supervisor\n1001,Ayşe Işık,,,05321234567,\n"
UNITS = "code,name,kind,parent,login,custodian\nar-ge,AR-GE,office,,arge46,1001\n"


@pytest.fixture(name="_no_umask", autouse=True)
def _everything_is_allowed() -> Iterator[None]:
    former = os.umask(0)
    yield
    os.umask(former)


def test_all_that_a_new_office_writes_is_its_owners_alone(tmp_path: Path) -> None:
    """The directory in a file, the store, the phones, the mock's database, an anchor and pages."""
    folder = tmp_path / "office"
    config = folder / "provisioner.toml"
    assert typed("--lang", "en", "init", folder).code == 0
    for name, text in (("persons.csv", PERSONS), ("units.csv", UNITS)):
        (tmp_path / name).write_text(text)
    commands: list[list[object]] = [
        ["person", "import", tmp_path / "persons.csv"],
        ["unit", "open", tmp_path / "units.csv"],
        ["audit", "anchor", "--file", folder / "anchors"],
        ["policy", "simulate", "--days", "1", "--html", folder / "calendar.html"],
    ]
    for command in commands:
        answer = typed("--config", config, *command)
        assert answer.code == 0, answer

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}

    assert {"directory.sqlite", "provisioner.sqlite", "anchors", "calendar.html"} <= modes.keys()
    assert {name: oct(mode) for name, mode in modes.items() if mode != 0o600} == {}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("command", [["policy", "simulate", "--html"], ["audit", "anchor", "--file"]])
def test_a_link_of_others_is_not_followed(office: Office, tmp_path: Path, command: list[str]) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (tmp_path / "victim").write_text("theirs")
    (shared / "out").symlink_to(tmp_path / "victim")
    assert office.type("unit", "open", "il-mem").code == 0

    office.type(*command, shared / "out")

    assert (tmp_path / "victim").read_text() == "theirs"


def test_a_store_behind_a_link_of_others_is_not_opened(office: Office, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "store.sqlite").symlink_to(tmp_path / "elsewhere.sqlite")
    config = office.config.read_text()
    office.config.write_text(f'store = "{shared / "store.sqlite"}"\n{config}')

    answers = [office.type("init"), office.type("unit", "list")]

    assert [answer.code for answer in answers] == [2, 2]
    assert "it is a symbolic link in a folder that others may write to" in answers[0].err
    assert not (tmp_path / "elsewhere.sqlite").exists()
