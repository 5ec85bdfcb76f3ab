"""The proof: a new log-in over TLS, and what is made of one that doesn't succeed."""

from __future__ import annotations

import imaplib
import socket
import ssl
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest

from provisioner.core.api.errors import MisconfiguredError, TargetError, TransientError, UnavailableError
from provisioner.core.model import Account
from provisioner.core.model.secret import Secret
from provisioner.net.tls import trusting
from provisioner.testing import samples
from provisioner.testing.dovecot import Dovecot
from provisioner.testing.ports import free_ports
from provisioner.testing.private import make_certificate
from provisioner.testing.slapd import Slapd
from provisioner_ldap.plugin import Ldap
from provisioner_mail.imap import ImapServer
from tests.plugins.mail.conftest import doveadm_of, imap_of

#: Everything that IMAP has a meaning for, and letters that it has none for.
PASSWORD = Secret('p(a)s*s "w\\o%r{d} İşığ')


@pytest.mark.slow
@pytest.mark.server("slapd")
@pytest.mark.server("dovecot")
class TestOnDovecot:
    """A real server."""

    def test_any_password_opens(self, dovecot: Dovecot, directory: Ldap, account: Account) -> None:
        directory.account_create(samples.create(account, PASSWORD))
        doveadm_of(dovecot).empty_cache()

        with imap_of(dovecot).logged_in(account.login, PASSWORD):
            assert len(doveadm_of(dovecot).sessions(account.login)) == 1

    def test_a_wrong_one_may_be_right_later(self, dovecot: Dovecot, opened: Account) -> None:
        with pytest.raises(TransientError, match=f"refuses the new password of {opened.login}") as caught:
            _log_in(imap_of(dovecot), opened.login, Secret("canary-Zt7!q"))

        assert not isinstance(caught.value, UnavailableError)
        assert "canary" not in _everything(caught.value)

    def test_a_server_that_cannot_ask_its_directory_did_not_answer(self, opened: Account) -> None:
        with Slapd() as slapd, Dovecot(directory=slapd) as dovecot:
            slapd.kill()

            with pytest.raises(UnavailableError) as caught:
                _log_in(imap_of(dovecot), opened.login, samples.SECRET)

        assert dovecot.addresses["imap"].removeprefix("imaps://") in str(caught.value)

    def test_a_refused_log_in_of_others_does_not_make_a_right_one_late(self, slapd: Slapd, opened: Account) -> None:
        """Dovecot delays all log-ins from an address after refused ones: the limit must be above the delay."""
        with Dovecot(directory=slapd, penalty=True) as dovecot:
            for _ in range(2):
                assert not dovecot.logs_in("nobody", "wrong")

            with pytest.raises(UnavailableError, match="timed out"):
                _log_in(imap_of(dovecot, timeout=1), opened.login, samples.SECRET)
            _log_in(imap_of(dovecot), opened.login, samples.SECRET)

    def test_its_certificate_is_verified(self, dovecot: Dovecot, tmp_path: Path) -> None:
        expires = imap_of(dovecot).check()
        assert timedelta(days=5) < expires - datetime.now(UTC) < timedelta(days=8)

        make_certificate(tmp_path / "other.pem", tmp_path / "other.key")
        other = ImapServer.at(dovecot.addresses["imap"], timeout=60, trust=trusting(tmp_path / "other.pem"))
        with pytest.raises(MisconfiguredError, match=r"certificate of .* is not trusted"):
            other.check()

    def test_a_port_without_tls_is_not_trusted_with_anything(self, dovecot: Dovecot) -> None:
        plain = ImapServer.at(f"imaps://127.0.0.1:{dovecot.port}", timeout=60, trust=trusting(dovecot.ca_file))

        with pytest.raises(UnavailableError):
            plain.check()

    def test_a_server_that_is_down_is_named(self, dovecot: Dovecot) -> None:
        [port] = free_ports(1)

        with pytest.raises(UnavailableError, match=f"127.0.0.1:{port}"):
            ImapServer.at(f"imaps://127.0.0.1:{port}", timeout=60, trust=trusting(dovecot.ca_file)).check()


@attrs.frozen
class Scripted:
    """What a server says to the log-in of a client."""

    capabilities: bytes = b"IMAP4rev1 AUTH=PLAIN"
    answer: bytes = b"OK done"


@pytest.fixture(name="certificate", scope="module")
def _certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    make_certificate(folder / "server.pem", folder / "server.key")
    return folder / "server.pem"


@contextmanager
def scripted(script: Scripted, certificate: Path) -> Iterator[ImapServer]:
    """Serve one client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_serve, args=(listener, context, script))
        thread.start()
        port = listener.getsockname()[1]
        try:
            yield ImapServer.at(f"imaps://127.0.0.1:{port}", timeout=60, trust=trusting(certificate))
        finally:
            thread.join()


def _serve(listener: socket.socket, context: ssl.SSLContext, script: Scripted) -> None:
    with suppress(OSError, ValueError):
        connection, _ = listener.accept()
        with context.wrap_socket(connection, server_side=True) as wrapped, wrapped.makefile("rwb") as stream:
            stream.write(b"* OK ready\r\n")
            stream.flush()
            while line := stream.readline():
                tag, command = line.split()[:2]
                if command == b"CAPABILITY":
                    stream.write(b"* CAPABILITY " + script.capabilities + b"\r\n" + tag + b" OK done\r\n")
                elif command == b"AUTHENTICATE" and script.answer:
                    stream.write(b"+ \r\n")
                    stream.flush()
                    stream.readline()
                    stream.write(script.answer.replace(b"TAG", tag) + b"\r\n")
                else:
                    return
                stream.flush()


REFUSALS: dict[str, tuple[bytes, type[TargetError]]] = {
    "a wrong password": (b"TAG NO [AUTHENTICATIONFAILED] canary-Zt7!q is wrong", TransientError),
    "an expired one": (b"TAG NO [EXPIRED] canary-Zt7!q", TransientError),
    "a failure": (b"TAG NO [UNAVAILABLE] canary-Zt7!q", UnavailableError),
    "a refusal without a reason": (b"TAG NO canary-Zt7!q", UnavailableError),
    "no such mechanism": (b"TAG BAD canary-Zt7!q", MisconfiguredError),
    "no log-in without TLS": (b"TAG NO [PRIVACYREQUIRED] canary-Zt7!q", MisconfiguredError),
    "a farewell": (b"* BYE canary-Zt7!q", UnavailableError),
    "what is no IMAP": (b"canary-Zt7!q", UnavailableError),
    "silence": (b"", UnavailableError),
}


@pytest.mark.parametrize(("answer", "error"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_tells_nothing_of_what_was_sent(certificate: Path, answer: bytes, error: type[TargetError]) -> None:
    with scripted(Scripted(answer=answer), certificate) as imap, pytest.raises(TargetError) as caught:
        _log_in(imap, "ab46", Secret("canary-Zt7!q"))

    assert type(caught.value) is error
    assert imap.server in str(caught.value)
    assert "canary" not in _everything(caught.value)


def test_a_server_without_passwords_is_a_misconfiguration(certificate: Path) -> None:
    with (
        scripted(Scripted(capabilities=b"IMAP4rev1 AUTH=GSSAPI"), certificate) as imap,
        pytest.raises(MisconfiguredError, match="offers no log-in with a password"),
    ):
        imap.check()


def test_the_library_s_own_log_shows_no_password(
    certificate: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(imaplib, "Debug", 5)

    with scripted(Scripted(answer=b"TAG OK done"), certificate) as imap:
        _log_in(imap, "ab46", Secret("canary-Zt7!q"))

    captured = capfd.readouterr()
    assert "AUTHENTICATE" in captured.err
    assert "canary" not in captured.err
    assert "Y2FuYXJ5" not in captured.err


def _log_in(imap: ImapServer, name: str, password: Secret) -> None:
    with imap.logged_in(name, password):
        pass


def _everything(error: BaseException) -> str:
    """Return the traceback of an error with the variables of all frames that it leads to."""
    lines = traceback.TracebackException.from_exception(error, capture_locals=True).format()
    return "".join(line for line in lines if "tests/" not in line)
