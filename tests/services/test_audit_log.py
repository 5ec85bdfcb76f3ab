"""The audit log, without a command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.core.api.errors import DeniedError
from provisioner.core.engine.plan import Initiator
from provisioner.services.application import Application
from provisioner.services.audit_log import read_anchors, verify_exports
from tests.services.conftest import UNITS

AUDITOR = "9000"  # administrators are
NOBODY_SPECIAL = "1003"


@pytest.fixture(name="opened")
def _opened(app: Application) -> Application:
    app.runs.start(app.planner.open_units(UNITS, Initiator(actor=AUDITOR))).wait()
    return app


def spoil(app: Application, seq: int) -> None:
    """Change an entry, as a shell on the database does."""
    import sqlite3

    with sqlite3.connect(app.config.file.parent / "provisioner.sqlite") as connection:
        connection.execute("UPDATE events SET hash = 'spoilt' WHERE seq = ?", (seq,))
    connection.close()


def test_is_for_auditors_only(opened: Application) -> None:
    for read in (
        opened.audit_log.find,
        opened.audit_log.verify,
        opened.audit_log.anchor,
        opened.audit_log.export,
    ):
        with pytest.raises(DeniedError):
            read(viewer=NOBODY_SPECIAL)


def test_finds_what_happened_to_an_account(opened: Application) -> None:
    """With its domain, as people write it."""
    found = opened.audit_log.find(viewer=AUDITOR, login="arge46@meb.gov.tr")

    assert {entry.event["login"] for entry in found if entry.event} == {"arge46"}


class TestVerify:
    """The whole of it."""

    def test_counts_what_is_as_it_was_written(self, opened: Application) -> None:
        anchor = opened.audit_log.anchor(viewer=AUDITOR)

        found = opened.audit_log.verify(viewer=AUDITOR, anchors=[anchor.head])

        assert (found.finding, found.count, found.compared) == (None, anchor.head.seq, 1)

    def test_names_the_first_entry_that_is_not(self, opened: Application) -> None:
        spoil(opened, 3)

        found = opened.audit_log.verify(viewer=AUDITOR)

        assert found.finding is not None
        assert (found.finding.seq, found.count) == (3, 2)


class TestAnchor:
    """Where it ends."""

    def test_is_kept_in_a_file(self, opened: Application, tmp_path: Path) -> None:
        anchored = opened.audit_log.anchor(viewer=AUDITOR, file=tmp_path / "anchors")

        assert read_anchors(tmp_path / "anchors") == [anchored.head]

    def test_of_a_changed_end_is_not_kept(self, opened: Application, tmp_path: Path) -> None:
        """It would vouch for the change from then on."""
        end = opened.audit_log.anchor(viewer=AUDITOR).head.seq
        spoil(opened, end)

        anchored = opened.audit_log.anchor(viewer=AUDITOR, file=tmp_path / "anchors")

        assert anchored.finding is not None
        assert not (tmp_path / "anchors").exists()


class TestExport:
    """Copies for elsewhere."""

    def test_is_verified_without_the_store(self, opened: Application, tmp_path: Path) -> None:
        exported = opened.audit_log.export(viewer=AUDITOR)
        (tmp_path / "export").write_bytes(b"".join(exported))

        found = verify_exports([tmp_path / "export"])

        assert (exported.finding, found.finding) == (None, None)
        assert found.head == opened.audit_log.anchor(viewer=AUDITOR).head

    def test_ends_at_the_first_entry_that_was_changed(self, opened: Application) -> None:
        spoil(opened, 3)
        exported = opened.audit_log.export(viewer=AUDITOR)

        assert len(list(exported)) == 2
        assert exported.finding is not None
