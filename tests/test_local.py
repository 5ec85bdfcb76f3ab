"""The directory in a file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from provisioner.core.api.errors import MissingError, SecretRefusedError, UnavailableError
from provisioner.core.api.messages import Presence, Receipt
from provisioner.core.model import Outcome
from provisioner.core.model.secret import Secret
from provisioner.local import LocalDirectory
from provisioner.testing import samples


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

    def test_that_somebody_else_holds_is_waited_for(self, directory: LocalDirectory, tmp_path: Path) -> None:
        directory.account_create(samples.create())
        with closing(sqlite3.connect(tmp_path / "directory.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with ThreadPoolExecutor(1) as pool:
                closing_it = pool.submit(directory.account_close, samples.close())
                other.execute("ROLLBACK")

                assert closing_it.result().outcome is Outcome.APPLIED
