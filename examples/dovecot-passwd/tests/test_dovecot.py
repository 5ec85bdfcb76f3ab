"""What the contract cannot know: what Dovecot makes of the file, and what else stands in it."""

from __future__ import annotations

import os
from pathlib import Path

import attrs
import pytest

from provisioner import Secret
from provisioner.core.api.errors import ConfigurationError, UnavailableError
from provisioner.testing import samples
from provisioner.testing.dovecot import Dovecot as Server
from provisioner_dovecot import passwd
from provisioner_dovecot.passwd import Entry, PasswdFile
from provisioner_dovecot.plugin import Dovecot
from provisioner_dovecot.settings import DovecotSettings, Scheme

LOGIN = samples.ACCOUNT.login


@pytest.fixture
def target(settings: DovecotSettings) -> Dovecot:
    """The plug-in's object."""
    return Dovecot(settings)


def test_a_change_has_been_seen_by_the_server_when_it_returns(target: Dovecot, mail: Server) -> None:
    """The server rereads the file once a second, and takes one of the same size and second for the same."""
    target.account_create(samples.create())
    former = samples.SECRET
    for number in range(3):
        assert mail.logs_in(LOGIN, former)

        target.account_rotate(samples.rotate(secret=Secret(f"{number}-Kx7!mPq2?vRt")))

        assert not mail.logs_in(LOGIN, former)
        former = Secret(f"{number}-Kx7!mPq2?vRt")


@pytest.mark.parametrize("scheme", Scheme)
def test_the_server_verifies_each_scheme(mail: Server, settings: DovecotSettings, file: Path, scheme: Scheme) -> None:
    target = Dovecot(attrs.evolve(settings, scheme=scheme))

    target.account_create(samples.create())

    assert f"{LOGIN}:{{{scheme}}}" in file.read_text()
    assert mail.logs_in(LOGIN, samples.SECRET)


def test_a_closed_account_has_no_password_that_anybody_knows(target: Dovecot, mail: Server, file: Path) -> None:
    """``nologin`` keeps people from their mailbox; to Postfix, which asks Dovecot too, it means nothing."""
    target.account_create(samples.create())
    target.account_close(samples.close())
    closed = file.read_text()

    file.write_text(closed.replace("nologin", ""))
    passwd.next_second()

    assert closed.rstrip().endswith("nologin")
    assert not mail.logs_in(LOGIN, samples.SECRET)


class TestFile:
    """The file, without a server."""

    @pytest.fixture
    def file(self, tmp_path: Path) -> PasswdFile:
        """One that somebody else writes to as well."""
        path = tmp_path / "users"
        path.write_text("# ours\nroot:{PLAIN}x:0:0::/root::quota=1 nologin\n\nab46:{PLAIN}y\n")
        path.chmod(0o640)
        return PasswdFile(path)

    def test_other_lines_and_fields_stay_as_they_are(self, file: PasswdFile) -> None:
        file.change("root", lambda former: former and former.having(hash="{PLAIN}z", enabled=True))
        file.change("ab46", lambda _: None)

        assert file.path.read_text() == "# ours\n\nroot:{PLAIN}z:0:0::/root::quota=1\n"

    def test_its_mode_stays_as_it_is(self, file: PasswdFile) -> None:
        """Dovecot could not read it otherwise, or everybody could."""
        file.change("new", lambda _: Entry("new"))

        assert file.path.stat().st_mode & 0o777 == 0o640

    def test_each_change_is_in_a_second_of_its_own(self, file: PasswdFile, monkeypatch: pytest.MonkeyPatch) -> None:
        """The server tells two files of the same size by that alone."""
        monkeypatch.setattr(passwd, "next_second", lambda: None)
        seconds = []
        for number in range(3):
            file.change("ab46", lambda _, number=number: Entry("ab46", str(number)))  # type: ignore[misc]
            seconds.append(int(file.path.stat().st_mtime))

        assert len(set(seconds)) == 3

    def test_a_crash_while_it_is_written_leaves_the_former_one(
        self, file: PasswdFile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = file.path.read_bytes()

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(UnavailableError, match="No space left on device"):
            file.change("new", lambda _: Entry("new"))

        assert file.path.read_bytes() == before

    def test_a_lock_that_is_never_let_go_ends_in_an_error(
        self, file: PasswdFile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(passwd, "PATIENCE", 0.05)

        def within(_: Entry | None) -> Entry | None:
            with pytest.raises(UnavailableError, match="another program keeps"):
                file.change("new", lambda _: Entry("new"))
            return Entry("other")

        file.change("other", within)

        assert file.find("new") is None


def test_passwords_leave_the_machine_encrypted_only(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="unencrypted"):
        DovecotSettings(file=file, host="mail.example", tls=False)
