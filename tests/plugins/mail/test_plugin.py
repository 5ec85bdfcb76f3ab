"""Nothing stays open behind the cache of a real mail server, and what cannot be shown is not said."""

from __future__ import annotations

import logging
import os
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import attrs
import pytest

from provisioner.config.structure import structure
from provisioner.core.api.errors import MisconfiguredError, TargetError, TransientError, UnavailableError
from provisioner.core.api.messages import CheckTarget, EndSessions
from provisioner.core.model import Account, OperationKind, Outcome
from provisioner.core.model.secret import Secret
from provisioner.testing import samples
from provisioner.testing.dovecot import Dovecot
from provisioner.testing.slapd import Slapd
from provisioner_ldap.plugin import Ldap
from provisioner_mail.plugin import MailTarget
from provisioner_mail.server import MailServer
from provisioner_mail.settings import MailSettings
from tests.plugins.mail.conftest import doveadm_of
from tests.raw_http import MakeServer, answering

pytestmark = [pytest.mark.slow, pytest.mark.server("slapd"), pytest.mark.server("dovecot")]

OLD, NEW = samples.SECRET, samples.OTHER_SECRET

MakeMail = Callable[..., MailTarget]


@pytest.fixture(name="make_mail")
def _make_mail() -> Iterator[MakeMail]:
    """Make a target of servers, with other settings than usual."""
    with ExitStack() as stack:

        def make(*servers: Dovecot, **settings: Any) -> MailTarget:
            table = servers[0].config | {"servers": [server.addresses for server in servers], "timeout": 30} | settings
            if len(servers) > 1:
                table |= _common(servers)
            mail = MailTarget(
                name="mail", settings=structure(table, MailSettings, "mail", file=servers[0].folder / "p.toml")
            )
            stack.callback(mail.close)
            return mail

        yield make


@pytest.fixture(name="mail")
def _mail(make_mail: MakeMail, dovecot: Dovecot) -> MailTarget:
    return make_mail(dovecot)


def end(account: Account, after: OperationKind, secret: Secret | None = None) -> EndSessions:
    """Return a request to end the sessions of an account."""
    spellings = (account.login, account.mail)
    return attrs.evolve(samples.end_sessions(after, secret), account=account, spellings=spellings)


class TestSessionsEnd:
    """``sessions_end``."""

    @pytest.mark.parametrize("kind", [OperationKind.CLOSE, OperationKind.DELETE])
    def test_a_closed_account_is_out_by_every_name(
        self, dovecot: Dovecot, directory: Ldap, opened: Account, mail: MailTarget, kind: OperationKind
    ) -> None:
        with dovecot.session(opened.login, OLD) as one, dovecot.session(opened.mail, OLD) as other:
            directory.account_close(samples.close(opened))
            assert one.is_open()
            assert dovecot.logs_in(opened.login, OLD)
            assert dovecot.logs_in(opened.mail.upper(), OLD)

            receipt = mail.sessions_end(end(opened, kind))

            assert receipt.outcome is Outcome.APPLIED
            assert receipt.proved
            assert not one.is_open()
            assert not other.is_open()
        assert not dovecot.logs_in(opened.login, OLD)
        assert not dovecot.logs_in(opened.mail, OLD)

    def test_nobody_to_end_is_success(self, directory: Ldap, opened: Account, mail: MailTarget) -> None:
        directory.account_close(samples.close(opened))

        assert mail.sessions_end(end(opened, OperationKind.CLOSE)).outcome is Outcome.UNCHANGED

    @pytest.mark.parametrize("kind", [OperationKind.ROTATE, OperationKind.HANDOVER])
    def test_an_old_password_is_void_although_it_was_remembered_under_both_names(
        self, dovecot: Dovecot, directory: Ldap, opened: Account, mail: MailTarget, kind: OperationKind
    ) -> None:
        with dovecot.session(opened.login, OLD) as session, dovecot.session(opened.mail, OLD):
            directory.account_rotate(samples.rotate(opened))
            assert dovecot.logs_in(opened.login, OLD)
            assert dovecot.logs_in(opened.mail, OLD)

            mail.sessions_end(end(opened, kind, NEW))

            assert not session.is_open()
        assert not dovecot.logs_in(opened.login, OLD)
        assert not dovecot.logs_in(opened.mail, OLD)
        assert dovecot.logs_in(opened.mail, NEW)

    def test_an_account_opens_at_once_although_it_was_remembered_as_unknown(
        self, dovecot: Dovecot, directory: Ldap, account: Account, mail: MailTarget
    ) -> None:
        assert not dovecot.logs_in(account.login, OLD)
        assert not dovecot.logs_in(account.mail, OLD)
        directory.account_create(samples.create(account))

        mail.sessions_end(end(account, OperationKind.CREATE, OLD))

        assert dovecot.logs_in(account.login, OLD)
        assert dovecot.logs_in(account.mail, OLD)

    @pytest.mark.parametrize("log_in_as", ["login", "mail"])
    def test_a_new_password_that_does_not_open_is_an_error(
        self, opened: Account, make_mail: MakeMail, dovecot: Dovecot, log_in_as: str
    ) -> None:
        mail = make_mail(dovecot, log_in_as=log_in_as)

        with pytest.raises(TransientError, match=f"refuses the new password of {getattr(opened, log_in_as)}$"):
            mail.sessions_end(end(opened, OperationKind.ROTATE, NEW))

    def test_the_proof_leaves_no_session(self, dovecot: Dovecot, opened: Account, mail: MailTarget) -> None:
        mail.sessions_end(end(opened, OperationKind.CREATE, OLD))

        assert mail.sessions_end(end(opened, OperationKind.CLOSE)).outcome is Outcome.UNCHANGED

    def test_sessions_under_another_name_are_found_before_they_are_missed(
        self, slapd: Slapd, opened: Account, make_mail: MakeMail
    ) -> None:
        """Otherwise, nobody would be ended after a closure, and the list of sessions would be empty."""
        with (
            Dovecot(directory=slapd, named_after="entryUUID") as dovecot,
            pytest.raises(MisconfiguredError, match="calls the user by none of the names"),
        ):
            make_mail(dovecot).sessions_end(end(opened, OperationKind.CREATE, OLD))

    @pytest.mark.parametrize("kind", [OperationKind.CLOSE, OperationKind.ROTATE])
    def test_a_process_that_does_not_end_is_not_called_ended(
        self, dovecot: Dovecot, opened: Account, mail: MailTarget, kind: OperationKind
    ) -> None:
        with dovecot.session(opened.login, OLD):
            [stuck] = doveadm_of(dovecot).sessions(opened.login)
            os.kill(int(stuck.process), signal.SIGSTOP)
            try:
                with pytest.raises(TransientError, match=rf"sessions of {opened.login} are still open \(imap\)"):
                    mail.sessions_end(end(opened, kind))
            finally:
                os.kill(int(stuck.process), signal.SIGCONT)

        assert mail.sessions_end(end(opened, kind)).outcome is Outcome.UNCHANGED

    def test_a_password_that_was_refused_is_not_called_proved_when_it_is_no_longer_known(
        self, dovecot: Dovecot, opened: Account, mail: MailTarget
    ) -> None:
        """A later attempt has no password, so it cannot repeat the log-in that failed."""
        with pytest.raises(TransientError, match="refuses the new password"):
            mail.sessions_end(end(opened, OperationKind.ROTATE, NEW))

        assert not mail.sessions_end(end(opened, OperationKind.ROTATE)).proved

    @pytest.mark.parametrize("kind", [OperationKind.CLOSE, OperationKind.DELETE, OperationKind.WITHDRAW])
    def test_a_closure_is_proved_without_a_password(
        self, directory: Ldap, opened: Account, mail: MailTarget, kind: OperationKind
    ) -> None:
        directory.account_close(samples.close(opened))

        assert mail.sessions_end(end(opened, kind)).proved

    @pytest.mark.parametrize("mask", ["*", "*-?", "127.0.0.1", "127.1", "127.0.0.0/8"])
    def test_a_spelling_that_doveadm_reads_as_a_mask_ends_nobody_else(
        self, dovecot: Dovecot, directory: Ldap, opened: Account, mail: MailTarget, mask: str
    ) -> None:
        other = attrs.evolve(opened, login=f"{opened.login}-1")
        directory.account_create(samples.create(other))
        directory.account_close(samples.close(opened))
        request = end(opened, OperationKind.CLOSE)

        with dovecot.session(other.login, OLD) as session:
            receipt = mail.sessions_end(attrs.evolve(request, spellings=(*request.spellings, mask)))

            assert receipt.outcome is Outcome.UNCHANGED
            assert receipt.proved
            assert session.is_open()

    def test_a_session_of_a_login_that_doveadm_reads_as_an_address_is_not_called_ended(
        self, dovecot: Dovecot, directory: Ldap, account: Account, mail: MailTarget
    ) -> None:
        numbered = attrs.evolve(account, login="12.34")
        directory.account_create(samples.create(numbered))

        with dovecot.session(numbered.login, OLD):
            directory.account_close(samples.close(numbered))

            with pytest.raises(TransientError, match=rf"sessions of {numbered.login} are still open \(imap\)"):
                mail.sessions_end(end(numbered, OperationKind.CLOSE))

        assert mail.sessions_end(end(numbered, OperationKind.CLOSE)).proved

    def test_a_session_that_began_in_the_last_moment_keeps_the_account_from_being_closed(
        self, dovecot: Dovecot, opened: Account, mail: MailTarget, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(MailServer, "end_sessions", lambda *_: frozenset())

        with dovecot.session(opened.login, OLD), pytest.raises(TransientError, match="still open"):
            mail.sessions_end(end(opened, OperationKind.CLOSE))


class TestOutages:
    """Servers that cannot be reached."""

    def test_a_server_that_is_down_is_named_and_done_later(
        self, slapd: Slapd, directory: Ldap, opened: Account, make_mail: MakeMail
    ) -> None:
        with Dovecot(directory=slapd, cached=True) as dovecot:
            mail = make_mail(dovecot)
            assert dovecot.logs_in(opened.login, OLD)
            directory.account_close(samples.close(opened))
            dovecot.kill()
            with pytest.raises(UnavailableError, match=f"127.0.0.1:{dovecot.api_port}: 127.0.0.1 cannot be reached"):
                mail.sessions_end(end(opened, OperationKind.CLOSE))

            dovecot.start()

            mail.sessions_end(end(opened, OperationKind.CLOSE))
            assert not dovecot.logs_in(opened.login, OLD)

    def test_a_server_that_hangs_is_done_later(
        self, slapd: Slapd, directory: Ldap, opened: Account, make_mail: MakeMail
    ) -> None:
        with Dovecot(directory=slapd, cached=True) as dovecot, dovecot.session(opened.login, OLD) as session:
            mail = make_mail(dovecot, timeout=1)
            directory.account_close(samples.close(opened))
            with _paused(dovecot), pytest.raises(UnavailableError):
                mail.sessions_end(end(opened, OperationKind.CLOSE))
            assert session.is_open()

            mail.sessions_end(end(opened, OperationKind.CLOSE))

            assert not session.is_open()
            assert not dovecot.logs_in(opened.login, OLD)

    def test_one_of_two_that_is_down_does_not_spare_the_other(
        self, slapd: Slapd, dovecot: Dovecot, directory: Ldap, opened: Account, make_mail: MakeMail
    ) -> None:
        with Dovecot(directory=slapd, cached=True, api_key=dovecot.api_key) as other:
            mail = make_mail(other, dovecot)
            with dovecot.session(opened.login, OLD) as session, other.session(opened.login, OLD):
                directory.account_close(samples.close(opened))
                other.kill()

                with pytest.raises(UnavailableError) as caught:
                    mail.sessions_end(end(opened, OperationKind.CLOSE))

                assert str(other.api_port) in str(caught.value)
                assert not session.is_open()
            assert not dovecot.logs_in(opened.login, OLD)
            other.start()
            assert other.logs_in(opened.login, OLD) is False  # its memory died with it
            mail.sessions_end(end(opened, OperationKind.CLOSE))


class TestTargetCheck:
    """``target_check``."""

    def test_a_server_that_works_tells_when_its_certificate_expires(self, mail: MailTarget, dovecot: Dovecot) -> None:
        report = mail.target_check(CheckTarget())

        assert report.warnings == ()
        assert report.certificates.keys() == {dovecot.addresses["imap"].removeprefix("imaps://")}

    def test_it_ends_no_session_and_keeps_the_cache(
        self, mail: MailTarget, dovecot: Dovecot, directory: Ldap, opened: Account
    ) -> None:
        with dovecot.session(opened.login, OLD) as session:
            mail.target_check(CheckTarget())

            assert session.is_open()
        directory.account_rotate(samples.rotate(opened))
        assert dovecot.logs_in(opened.login, OLD)

    def test_a_wrong_key_is_a_misconfiguration(self, make_mail: MakeMail, dovecot: Dovecot) -> None:
        with pytest.raises(MisconfiguredError, match="refuses the API key"):
            make_mail(dovecot, api_key="plain:canary-key").target_check(CheckTarget())

    def test_a_server_on_which_the_key_reads_every_file_is_warned_of(self, slapd: Slapd, make_mail: MakeMail) -> None:
        with Dovecot(directory=slapd, allowed="") as dovecot:
            [warning] = make_mail(dovecot).target_check(CheckTarget()).warnings

        assert f"127.0.0.1:{dovecot.api_port} allows every command of doveadm" in str(warning)

    def test_a_server_that_allows_too_little_is_a_misconfiguration(self, slapd: Slapd, make_mail: MakeMail) -> None:
        with (
            Dovecot(directory=slapd, allowed="kick,who") as dovecot,
            pytest.raises(MisconfiguredError, match="does not allow the doveadm command authCacheFlush"),
        ):
            make_mail(dovecot).target_check(CheckTarget())

    def test_an_unknown_authority_is_a_misconfiguration(self, make_mail: MakeMail, dovecot: Dovecot) -> None:
        settings = structure(
            {"servers": [dovecot.addresses], "api_key": "plain:x"}, MailSettings, "mail", file=dovecot.folder / "p.toml"
        )

        with pytest.raises(MisconfiguredError, match="is not trusted"):
            MailTarget(name="mail", settings=settings).target_check(CheckTarget())

    def test_a_key_that_others_can_read_on_the_way_is_warned_of(
        self, make_mail: MakeMail, dovecot: Dovecot, server: MakeServer
    ) -> None:
        url = server(answering(200, '[["doveadmResponse",[],""]]')).url.removesuffix("/sms")
        addresses = dovecot.addresses | {"api": url.replace("127.0.0.1", "0.0.0.0")}  # noqa: S104 - it is this machine

        warnings = make_mail(dovecot, servers=[addresses], insecure=True).target_check(CheckTarget()).warnings

        assert "the key of doveadm crosses the network unencrypted" in str(warnings[0])


@contextmanager
def _paused(dovecot: Dovecot) -> Iterator[None]:
    dovecot.pause()
    try:
        yield
    finally:
        dovecot.resume()


def _common(servers: Sequence[Dovecot]) -> dict[str, object]:
    """Return settings with the certificates of all servers."""
    ca_file = servers[0].folder / "all.pem"
    ca_file.write_text("".join(server.ca_file.read_text() for server in servers), encoding="utf-8")
    return {"ca_file": str(ca_file)}


@pytest.mark.parametrize("wrong", ["key", "password"])
def test_no_key_and_no_password_is_in_a_log_or_an_error(
    dovecot: Dovecot, opened: Account, make_mail: MakeMail, caplog: pytest.LogCaptureFixture, wrong: str
) -> None:
    caplog.set_level(logging.DEBUG)
    key, password = "canary-key-55aa", Secret("canary-password-55aa")
    mail = make_mail(dovecot, **({"api_key": f"plain:{key}"} if wrong == "key" else {}))

    with pytest.raises(TargetError) as caught:
        mail.sessions_end(end(opened, OperationKind.ROTATE, password))
    with suppress(TargetError):
        mail.target_check(CheckTarget())

    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    told = "".join(line for line in frames if "/tests/" not in line) + caplog.text + dovecot.log() + repr(mail)
    clear = [key, password.reveal(), dovecot.api_key.reveal()]
    assert [text for text in clear if text in told] == []
