"""A site whose store is on PostgreSQL does with the real commands what one with a file does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.example_site import passwords
from tests.postgresql_stores import StoreServer

pytestmark = [pytest.mark.slow, pytest.mark.server("postgresql")]

CONFIG = """\
language = "en"
store = "{store}"
store_password = "file:{password}"
[accounts]
domain = "meb.gov.tr"
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

AYSE, ISIL = "+905321234567", "+905321234568"
PERSONS = f"id,name,unit,mobile\n1001,Ayşe Işık,tem,{AYSE}\n1002,Işıl Gün,tem,{ISIL}\n"
UNITS = "code,name,kind,login,custodian\ntem,Temel Eğitim,branch,temelegitim46,1001\n"


@pytest.fixture(name="site")
def _site(tmp_path: Path, store_server: StoreServer) -> Path:
    """A folder with the configuration of a site, and lists."""
    url = store_server.new(empty=True).partition("?")[0]
    config = CONFIG.format(store=url, password=store_server.folder / "password")
    (tmp_path / "provisioner.toml").write_text(config, encoding="utf-8")
    (tmp_path / "persons.csv").write_text(PERSONS, encoding="utf-8")
    (tmp_path / "units.csv").write_text(UNITS, encoding="utf-8")
    return tmp_path


def run(site: Path, *arguments: str, code: int = 0) -> str:
    """Run a command to its end, and return what it prints."""
    command = [sys.executable, "-m", "provisioner", *arguments]
    done = subprocess.run(command, cwd=site, check=False, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def answer(site: Path, *arguments: str) -> Any:
    return json.loads(run(site, "--json", *arguments))


def test_an_account_lives_from_its_opening_to_its_end(site: Path, store_server: StoreServer) -> None:
    output = run(site, "init")
    output += run(site, "person", "import", "persons.csv")
    output += run(site, "unit", "open", "units.csv")
    output += run(site, "account", "rotate", "temelegitim46")
    output += run(site, "handover", "temelegitim46", "--to", "1002", "--reason", "leaves")
    assert answer(site, "account", "show", "temelegitim46")["holder"] == "1002"
    output += run(site, "resume")
    output += run(site, "check")
    output += run(site, "audit", "verify")
    output += run(site, "unit", "close", "tem")

    assert answer(site, "account", "show", "temelegitim46")["state"] == "closed"
    assert len(set(passwords(site / "sms.sqlite", AYSE))) == 2
    assert len(set(passwords(site / "sms.sqlite", ISIL))) == 1
    assert store_server.password.reveal() not in output
    assert sorted(path.suffix for path in site.glob("store*")) == [".head", ".key"]


def test_a_site_moves_from_sqlite_with_one_command(site: Path, store_server: StoreServer) -> None:
    config = site / "provisioner.toml"
    there = config.read_text(encoding="utf-8")
    url = there.partition('store = "')[2].partition('"')[0]
    here = [line for line in there.splitlines() if not line.startswith("store")]
    config.write_text("\n".join(here), encoding="utf-8")
    output = run(site, "init")
    output += run(site, "person", "import", "persons.csv")
    output += run(site, "unit", "open", "units.csv")
    output += run(site, "target", "maintenance", "directory", "--until", "2999-12-31")
    output += run(site, "account", "rotate", "temelegitim46", code=4)
    anchor = run(site, "audit", "anchor").strip()
    before = answer(site, "account", "show", "temelegitim46")
    move = ("store", "move", url, "--store-password", f"file:{store_server.folder / 'password'}")

    assert answer(site, *move, "--dry-run")["dry_run"] is True
    output += run(site, *move)

    assert "was moved to postgresql://" in run(site, "account", "show", "temelegitim46", code=2)
    assert "was moved to postgresql://" in run(site, "init", code=2)
    config.write_text(there, encoding="utf-8")
    output += run(site, "audit", "verify", "--anchor", anchor)
    assert answer(site, "account", "show", "temelegitim46") == before
    output += run(site, "target", "maintenance", "directory", "--off")
    output += run(site, "resume")
    output += run(site, "account", "rotate", "temelegitim46")
    output += run(site, "check")
    output += run(site, "audit", "verify", "--anchor", anchor)
    assert len(set(passwords(site / "sms.sqlite", AYSE))) == 3
    assert store_server.password.reveal() not in output
    assert (site / f"{url.rpartition('/')[2]}.key").read_bytes() == (site / "provisioner.sqlite.key").read_bytes()
