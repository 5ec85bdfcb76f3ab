"""``provisioner metrics write``: the file that node_exporter reads."""

from __future__ import annotations

from pathlib import Path

from provisioner.testing.faults import Fault
from tests.cli.conftest import Office


def test_it_writes_although_every_target_is_down(office: Office, tmp_path: Path) -> None:
    """Monitoring is of most use then."""
    for name in ("posta", "pys"):
        office.faults(name).on("target_check", Fault.CANNOT_CONNECT)

    answer = office.type("--json", "metrics", "write", tmp_path / "provisioner.prom")

    assert (answer.code, answer.json["file"]) == (0, str(tmp_path / "provisioner.prom"))
    assert "provisioner_accounts_due 0.0\n" in (tmp_path / "provisioner.prom").read_text()


def test_a_place_that_cannot_be_written_ends_with_2(office: Office, tmp_path: Path) -> None:
    assert office.type("metrics", "write", tmp_path / "nowhere" / "provisioner.prom").code == 2
