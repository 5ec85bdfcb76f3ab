"""How old passwords are, by unit."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from provisioner.core.api.errors import InputError
from provisioner.services.password_ages import UnitAges
from provisioner.testing.clock import FakeClock
from tests.console_office import ADMINISTRATOR, OFFICER, STRANGER, TEACHER, Office, opened


def rows(office: Office, viewer: str, unit: str | None = None) -> list[tuple[str, list[int]]]:
    overview = office.harness.app.password_ages.of(viewer=viewer, unit=unit)
    return [(row.unit.code, list(row.counts)) for row in overview.rows]


def test_units_below_are_in_the_row_of_the_unit_above(tmp_path: Path) -> None:
    with opened(tmp_path) as office:
        clock = office.harness.clock
        assert isinstance(clock, FakeClock)
        clock.advance(timedelta(days=31))
        office.harness.rotate(["okul46"])
        clock.advance(timedelta(days=8))

        assert rows(office, ADMINISTRATOR) == [
            ("il", [0, 0, 0, 0, 1]),
            ("baska", [0, 0, 0, 0, 1]),
            ("ilce", [0, 1, 0, 0, 2]),
        ]
        below = rows(office, ADMINISTRATOR, "ilce")
        assert below == [("ilce", [0, 0, 0, 0, 1]), ("bilgi", [0, 0, 0, 0, 1]), ("okul", [0, 1, 0, 0, 0])]
        path = office.harness.app.password_ages.of(viewer=ADMINISTRATOR, unit="okul").path
        assert [unit.code for unit in path] == ["il", "ilce", "okul"]


def test_nobody_reads_the_ages_of_units_of_others(tmp_path: Path) -> None:
    with opened(tmp_path) as office:
        assert [code for code, _ in rows(office, OFFICER)] == ["ilce", "bilgi", "okul"]
        assert [code for code, _ in rows(office, TEACHER)] == ["okul"]
        assert rows(office, STRANGER, "ilce") == []
        with pytest.raises(InputError):
            rows(office, ADMINISTRATOR, "nowhere")


def test_shares_add_up(tmp_path: Path) -> None:
    with opened(tmp_path) as office:
        [unit] = office.harness.store.units.get_many(["il"]).values()
        row = UnitAges(unit=unit, counts=[1, 0, 0, 0, 3])

        assert [row.percent(span) for span in range(5)] == [25, 0, 0, 0, 75]
        assert UnitAges(unit=unit, counts=[0] * 5).percent(0) == 0
