"""The directory in a file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import attrs
import pytest

from provisioner.core.api.errors import MissingError, SecretRefusedError, UnavailableError
from provisioner.core.api.messages import (
    CompareAccount,
    Entitlements,
    PlannedChange,
    Presence,
    ProbeAccount,
    Receipt,
)
from provisioner.core.model import OperationKind, Outcome, Unit
from provisioner.core.model.secret import Secret
from provisioner.local import LocalDirectory
from provisioner.testing import samples

RENAMED = attrs.evolve(samples.UNIT, name="Ortaöğretim Şube Müdürlüğü")


@pytest.fixture(name="directory")
def _directory(tmp_path: Path) -> LocalDirectory:
    return LocalDirectory(tmp_path / "directory.sqlite")


class TestCreate:
    """``account_create``."""

    def test_makes_an_account_that_takes_its_password_only(self, directory: LocalDirectory) -> None:
        assert directory.account_create(samples.create()).outcome is Outcome.APPLIED

        report = directory.account_probe(samples.probe(samples.SECRET))
        assert (report.presence, report.secret_accepted) == (Presence.ENABLED, True)
        assert directory.account_probe(samples.probe(samples.OTHER_SECRET)).secret_accepted is False

    def test_opens_a_closed_account_again(self, directory: LocalDirectory) -> None:
        directory.account_create(samples.create())
        directory.account_close(samples.close())

        directory.account_create(samples.create(secret=samples.OTHER_SECRET))

        assert directory.account_probe(samples.probe(samples.OTHER_SECRET)).secret_accepted is True

    def test_takes_no_password_that_the_hash_mixes_up(self, directory: LocalDirectory) -> None:
        """To PBKDF2, NULs behind a password make no difference, and a very long one is an error."""
        directory.account_create(samples.create())
        with_nul = Secret(f"{samples.SECRET.reveal()}\0")

        assert directory.account_probe(samples.probe(with_nul)).secret_accepted is False
        assert directory.account_probe(samples.probe(Secret("x" * 65536))).secret_accepted is False
        with pytest.raises(SecretRefusedError):
            directory.account_rotate(samples.rotate(secret=with_nul))

    def test_keeps_no_password(self, directory: LocalDirectory, tmp_path: Path) -> None:
        directory.account_create(samples.create())

        assert samples.SECRET.reveal().encode() not in (tmp_path / "directory.sqlite").read_bytes()


class TestClose:
    """``account_close``."""

    def test_lets_nobody_in_any_more(self, directory: LocalDirectory) -> None:
        directory.account_create(samples.create())

        assert directory.account_close(samples.close()).outcome is Outcome.APPLIED

        report = directory.account_probe(samples.probe(samples.SECRET))
        assert (report.presence, report.secret_accepted) == (Presence.DISABLED, False)

    def test_twice_or_of_nothing_changes_nothing(self, directory: LocalDirectory) -> None:
        assert directory.account_close(samples.close()).outcome is Outcome.UNCHANGED
        directory.account_create(samples.create())
        directory.account_close(samples.close())

        assert directory.account_close(samples.close()).outcome is Outcome.UNCHANGED


class TestRotate:
    """``account_rotate``."""

    def test_sets_a_new_password(self, directory: LocalDirectory) -> None:
        directory.account_create(samples.create())

        directory.account_rotate(samples.rotate())

        assert directory.account_probe(samples.probe(samples.OTHER_SECRET)).secret_accepted is True
        assert directory.account_probe(samples.probe(samples.SECRET)).secret_accepted is False

    def test_leaves_a_closed_account_closed(self, directory: LocalDirectory) -> None:
        directory.account_create(samples.create())
        directory.account_close(samples.close())

        directory.account_rotate(samples.rotate())

        assert directory.account_probe(samples.probe()).presence is Presence.DISABLED

    def test_of_nothing_is_refused(self, directory: LocalDirectory) -> None:
        with pytest.raises(MissingError):
            directory.account_rotate(samples.rotate())


class TestHandover:
    """``account_handover``."""

    def test_gives_a_new_holder_and_a_new_password(self, directory: LocalDirectory) -> None:
        directory.account_create(samples.create())

        directory.account_handover(samples.handover())

        report = directory.account_probe(samples.probe(samples.OTHER_SECRET))
        assert (report.secret_accepted, report.attributes["holder"]) == (True, samples.SUCCESSOR.id)
        assert directory.account_probe(samples.probe(samples.SECRET)).secret_accepted is False


def foreseen(directory: LocalDirectory, unit: Unit, entitlements: Entitlements) -> dict[str, tuple[str, ...]]:
    planned = PlannedChange(kind=OperationKind.UPDATE, unit=unit, holder=None, entitlements=entitlements)
    report = directory.account_probe(ProbeAccount(account=samples.ACCOUNT, planned=planned))
    return {change.name: change.adds for change in report.changes}


class TestUpdate:
    """``account_update`` and ``account_compare``."""

    def test_writes_names_and_entitlements_and_keeps_the_password(self, directory: LocalDirectory) -> None:
        wanted = Entitlements(granted=frozenset({"print"}))
        directory.account_create(samples.create())

        assert foreseen(directory, RENAMED, wanted) == {"unit": (RENAMED.name,), "entitlements": ("print",)}
        receipt = directory.account_update(attrs.evolve(samples.update(unit=RENAMED, holder=None), entitlements=wanted))

        report = directory.account_probe(samples.probe(samples.SECRET))
        assert (receipt.outcome, report.secret_accepted) == (Outcome.APPLIED, True)
        assert (report.attributes["unit"], report.attributes["name"]) == (RENAMED.name, samples.HOLDER.name)
        assert foreseen(directory, RENAMED, wanted) == {}

    def test_of_what_is_up_to_date_changes_nothing(self, directory: LocalDirectory) -> None:
        directory.account_create(samples.create())

        assert directory.account_update(samples.update()).outcome is Outcome.UNCHANGED

    def test_of_nothing_is_refused(self, directory: LocalDirectory) -> None:
        with pytest.raises(MissingError):
            directory.account_update(samples.update())

    def test_a_closed_account_has_no_entitlements(self, directory: LocalDirectory) -> None:
        rights = frozenset({"print"})
        directory.account_create(attrs.evolve(samples.create(), entitlements=Entitlements(granted=rights)))

        directory.account_close(attrs.evolve(samples.close(), entitlements=Entitlements(withdrawn=rights)))

        assert foreseen(directory, samples.UNIT, Entitlements(granted=rights)) == {"entitlements": ("print",)}


class TestDelete:
    """``account_delete``."""

    def test_leaves_nothing(self, directory: LocalDirectory) -> None:
        directory.account_create(samples.create())
        directory.account_close(samples.close())

        receipt = directory.account_delete(samples.delete())

        assert (receipt.outcome, receipt.undo) == (Outcome.APPLIED, None)
        assert directory.account_probe(samples.probe()).presence is Presence.ABSENT

    def test_of_nothing_changes_nothing(self, directory: LocalDirectory) -> None:
        assert directory.account_delete(samples.delete()).outcome is Outcome.UNCHANGED

    def test_does_not_keep_the_account_from_being_made_anew(self, directory: LocalDirectory) -> None:
        directory.account_create(samples.create())
        directory.account_close(samples.close())
        directory.account_delete(samples.delete())

        directory.account_create(samples.create(secret=samples.OTHER_SECRET))

        assert directory.account_probe(samples.probe(samples.OTHER_SECRET)).secret_accepted is True
        assert directory.account_probe(samples.probe(samples.SECRET)).secret_accepted is False


class TestUndo:
    """Taking changes back."""

    @pytest.mark.parametrize(
        "change",
        [
            lambda directory: directory.account_create(samples.create(secret=samples.OTHER_SECRET)),
            lambda directory: directory.account_close(samples.close()),
            lambda directory: directory.account_rotate(samples.rotate()),
            lambda directory: directory.account_handover(samples.handover()),
            lambda directory: directory.account_update(samples.update(unit=RENAMED, holder=samples.SUCCESSOR)),
        ],
    )
    def test_brings_back_what_was_there(
        self, directory: LocalDirectory, change: Callable[[LocalDirectory], Receipt]
    ) -> None:
        directory.account_create(samples.create())

        receipt = change(directory)
        assert receipt.undo is not None
        receipt.undo()

        report = directory.account_probe(samples.probe(samples.SECRET))
        assert (report.presence, report.secret_accepted) == (Presence.ENABLED, True)
        assert report.attributes["holder"] == samples.HOLDER.id
        assert report.attributes["unit"] == samples.UNIT.name

    def test_of_a_new_account_leaves_nothing(self, directory: LocalDirectory) -> None:
        receipt = directory.account_create(samples.create())
        assert receipt.undo is not None

        receipt.undo()

        assert directory.account_probe(samples.probe()).presence is Presence.ABSENT


class TestFile:
    """The file itself."""

    def test_that_cannot_be_used_is_an_outage(self, tmp_path: Path) -> None:
        directory = LocalDirectory(tmp_path / "none/directory.sqlite")

        with pytest.raises(UnavailableError, match="cannot be used"):
            directory.target_check()

    def test_of_an_earlier_version_keeps_working(self, directory: LocalDirectory, tmp_path: Path) -> None:
        """Its accounts have no names yet; a comparison finds that, and an update writes them."""
        directory.account_create(samples.create())
        with closing(sqlite3.connect(tmp_path / "directory.sqlite", isolation_level=None)) as other:
            other.execute("ALTER TABLE entries DROP COLUMN attributes")

        assert directory.account_probe(samples.probe(samples.SECRET)).secret_accepted is True
        [page, _] = directory.account_list()
        [listed] = page.accounts
        request = CompareAccount(listed=listed, account=samples.ACCOUNT, unit=samples.UNIT, holder=samples.HOLDER)
        assert {change.name for change in directory.account_compare(request).changes} == {"unit", "name"}
        assert directory.account_update(samples.update()).outcome is Outcome.APPLIED

    def test_that_somebody_else_holds_is_waited_for(self, directory: LocalDirectory, tmp_path: Path) -> None:
        directory.account_create(samples.create())
        with closing(sqlite3.connect(tmp_path / "directory.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with ThreadPoolExecutor(1) as pool:
                closing_it = pool.submit(directory.account_close, samples.close())
                other.execute("ROLLBACK")

                assert closing_it.result().outcome is Outcome.APPLIED
