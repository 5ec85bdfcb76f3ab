"""The directory in a file keeps the contract."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from provisioner.local import LocalDirectory
from provisioner.testing.contract import TargetContract
from provisioner.testing.contract.entitling import KnownEntitlements
from provisioner.testing.contract.inventory import Crowd
from provisioner.testing.faults import Fault, Faults, FaultTarget
from tests.contract.crowds import LOGINS


class TestLocalDirectory(TargetContract):
    """One file for each check."""

    @pytest.fixture
    def target(self, tmp_path: Path) -> LocalDirectory:
        return LocalDirectory(tmp_path / "directory.sqlite")

    @pytest.fixture
    def known_entitlements(self, tmp_path: Path) -> KnownEntitlements:
        def held_by(login: str) -> list[str]:
            with closing(sqlite3.connect(tmp_path / "directory.sqlite")) as database:
                [[attributes]] = database.execute("SELECT attributes FROM entries WHERE login = ?", [login])
            return list(json.loads(attributes)["entitlements"])

        return KnownEntitlements(first="wiki", second="vpn", held_by=held_by)

    @pytest.fixture
    def crowd(self, tmp_path: Path) -> Iterator[Crowd]:
        file = tmp_path / "crowd.sqlite"
        directory = LocalDirectory(file)
        directory.target_check()
        with closing(sqlite3.connect(file, isolation_level=None)) as database:
            rows = ((login, f"{login}@meb.gov.tr") for login in LOGINS)
            database.executemany("INSERT INTO entries (login, mail, hash, enabled) VALUES (?, ?, '', TRUE)", rows)

            def delete(login: str) -> None:
                database.execute("DELETE FROM entries WHERE login = ?", [login])

            yield Crowd(target=directory, logins=set(LOGINS), delete=delete)

    @pytest.fixture
    def limited_target(self, crowd: Crowd) -> FaultTarget:
        faults = Faults()
        faults.on("account_list", Fault.END_EARLY, calls={3})
        return FaultTarget(crowd.target, faults)

    @pytest.fixture
    def unreachable_target(self, tmp_path: Path) -> LocalDirectory:
        return LocalDirectory(tmp_path / "no such folder" / "directory.sqlite")
