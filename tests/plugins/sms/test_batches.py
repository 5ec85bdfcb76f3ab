"""A sweep that is killed while several notices are on their way tells nobody twice, and nobody as told."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from provisioner.testing.kannel import wait_until
from provisioner_sms.simulator import SmsFault, SmsSimulator

CONFIG = """
language = "en"
[accounts]
domain = "meb.gov.tr"
[targets.directory]
plugin = "memory"
[channels.sms]
plugin = "sms"
help_desk = "705 53 53"
gateway = "simulator"
simulator = {{ url = "{url}", api_key = "{key}", timeout = 120 }}
[rules.passwords]
rule = "renew-or-close"
[notices]
quiet_hours = ""
"""
PEOPLE = 5


def run(site: Path, *command: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "provisioner", *command], cwd=site, check=True, capture_output=True, text=True
    ).stdout


def database(site: Path, statement: str, *rows: tuple[object, ...]) -> list[Any]:
    with closing(sqlite3.connect(site / "provisioner.sqlite", timeout=30)) as connection, connection:
        if rows:
            connection.executemany(statement, rows)
            return []
        return connection.execute(statement).fetchall()


def text(time: datetime) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S.%f")


def fill(site: Path, sms: SmsSimulator) -> None:
    """Set up a store in which several persons are to be warned."""
    (site / "units.csv").write_text("code,name,kind,parent,login,custodian\noffice,Office,office,,office,\n")
    run(site, "init")
    key = sms.settings()["simulator"]["api_key"]
    (site / "provisioner.toml").write_text(CONFIG.format(url=sms.url, key=key))
    run(site, "unit", "import", "units.csv")
    run(site, "policy", "sweep")
    opened, due = (text(datetime.now(UTC) - age) for age in (timedelta(days=24), timedelta(minutes=1)))
    persons = [(f"p{one}", f"Person {one}", f"+9053200000{one:02}") for one in range(PEOPLE)]
    database(site, "INSERT INTO persons (id, name, title, mobile) VALUES (?, ?, '', ?)", *persons)
    accounts = [(f"u{one}", f"p{one}", opened, opened, due) for one in range(PEOPLE)]
    database(
        site,
        "INSERT INTO accounts"
        " (login, domain, unit, kind, holder, state, opened_at, password_changed_at, next_deadline)"
        " VALUES (?, 'meb.gov.tr', 'office', 'unit', ?, 'open', ?, ?, ?)",
        *accounts,
    )


@pytest.mark.slow
def test_a_killed_sweep_tells_somebody_twice_or_forgets_somebody(tmp_path: Path) -> None:
    with SmsSimulator.running() as sms:
        fill(tmp_path, sms)
        sms.misbehave(SmsFault.DELAY, seconds=100)
        with subprocess.Popen([sys.executable, "-m", "provisioner", "policy", "sweep"], cwd=tmp_path) as sweep:
            wait_until(lambda: len(sms.inbox()) == PEOPLE, 120)
            sweep.kill()
        sms.behave()

        states = database(tmp_path, "SELECT DISTINCT state FROM notices")
        marks = database(tmp_path, "SELECT count(*) FROM marks")
        early = json.loads(run(tmp_path, "--json", "policy", "sweep"))["notices"]
        assert (states, marks, early) == ([("sending",)], [(0,)], [])

        database(tmp_path, "UPDATE notices SET sent_at = ?", (text(datetime.now(UTC) - timedelta(hours=1)),))
        late = json.loads(run(tmp_path, "--json", "policy", "sweep"))["notices"]

        assert [one["delivered"] for one in late] == [True] * PEOPLE
        assert len(sms.inbox()) == PEOPLE
