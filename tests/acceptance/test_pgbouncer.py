"""A store behind PgBouncer works in session mode, and says in transaction mode that it can't."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from provisioner.config.load import load
from provisioner.core.engine.plan import Initiator
from provisioner.services.bootstrap import Mode, application
from tests.acceptance.test_postgresql_store import CONFIG, PERSONS, UNITS, run
from tests.pgbouncer import PROGRAM, PgBouncer
from tests.postgresql_stores import StoreServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.server("postgresql"),
    pytest.mark.skipif(not PROGRAM.exists() and "CI" not in os.environ, reason="pgbouncer is not installed"),
]

WORKER = '[worker]\ndistribute = true\nlisten = "127.0.0.1:0"\n'


@contextmanager
def site_behind(server: StoreServer, mode: str, folder: Path) -> Iterator[Path]:
    """A folder with the configuration of a site whose store is behind PgBouncer, and lists."""
    with PgBouncer(server=server, mode=mode) as pool:
        url = server.new(empty=True).partition("?")[0].replace(f":{server.port}/", f":{pool.port}/")
        config = CONFIG.format(store=url, password=server.folder / "password") + WORKER
        (folder / "provisioner.toml").write_text(config, encoding="utf-8")
        (folder / "persons.csv").write_text(PERSONS, encoding="utf-8")
        (folder / "units.csv").write_text(UNITS, encoding="utf-8")
        yield folder


def test_commands_and_workers_work_in_session_mode(store_server: StoreServer, tmp_path: Path) -> None:
    with site_behind(store_server, "session", tmp_path) as site:
        for line in ("init", "check", "person import persons.csv", "unit open units.csv"):
            run(site, *line.split())
        command = [sys.executable, "-m", "provisioner", "--json", "worker"]
        with subprocess.Popen(command, cwd=site, stdout=subprocess.PIPE, text=True) as worker:
            try:
                assert worker.stdout
                assert json.loads(worker.stdout.readline())["url"]
                with application(load(site / "provisioner.toml"), mode=Mode(distributes=True)) as app:
                    plan = app.accounts.plan_rotation(["temelegitim46"], Initiator(actor="1001", reason="test"))
                    assert app.runs.start(plan).wait().is_complete
            finally:
                worker.terminate()
    assert worker.returncode == 0


def test_transaction_mode_is_reported_with_its_cure(store_server: StoreServer, tmp_path: Path) -> None:
    with site_behind(store_server, "transaction", tmp_path) as site:
        run(site, "init")

        assert "pool_mode = session" in run(site, "check", code=2)
        assert "pool_mode = session" in run(site, "worker", code=2)
