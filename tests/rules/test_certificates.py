from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from provisioner.core.api.errors import ConfigurationError, MisconfiguredError, UnavailableError, UnsupportedError
from provisioner.core.api.messages import TargetReport
from provisioner.core.api.rules import Action, Observation
from provisioner.rules import x509 as reading
from provisioner.rules.certificates import Certificates

ISTANBUL = ZoneInfo("Europe/Istanbul")
#: In the past, so that a certificate that has run out is seen too.
UNTIL = datetime(2026, 3, 1, 21, 30, tzinfo=UTC)

Issue = Callable[[str, datetime], Path]


@pytest.fixture(name="issue", scope="module")
def _issue(tmp_path_factory: pytest.TempPathFactory) -> Issue:
    """Make a certificate that is good until some time, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "posta.example")])
    folder = tmp_path_factory.mktemp("certificates")

    def make(file: str, until: datetime = UNTIL) -> Path:
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(until - timedelta(days=90))
            .not_valid_after(until)
            .sign(key, hashes.SHA256())
        )
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / file).write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
        return folder / file

    return make


def no_reports(target: str) -> TargetReport:
    raise AssertionError(target)


def see(watch: Certificates, reports: Callable[[str], TargetReport] = no_reports) -> list[Observation]:
    return list(watch.look(reports, ISTANBUL))


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """Run a server that treats every connection like this."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, suppress(OSError):
                        serve(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextmanager
def tls_server(certificate: Path) -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(1)

    with listening(serve) as address:
        yield address


class TestFiles:
    """Certificates in files."""

    def test_warns_before_it_runs_out_and_when_it_has(self, issue: Issue) -> None:
        """004 m.12/d."""
        file = issue("posta.pem", UNTIL)

        [observation] = see(Certificates(files=(file,), tell="1001"))

        assert (observation.subject, observation.tell, observation.error) == (f"certificate:{file}", "1001", None)
        assert str(observation.message) == "valid until 02.03.2026"
        assert [UNTIL - deadline.at for deadline in observation.deadlines] == [
            timedelta(days=days) for days in (30, 14, 7, 1, 0)
        ]
        assert {(deadline.action, deadline.source) for deadline in observation.deadlines} == {
            (Action.WARN, "004 m.12/d")
        }
        assert str(observation.deadlines[-2].reason) == (
            f"please renew the certificate of {file}: it expires on 02.03.2026"
        )

    def test_of_a_chain_the_first_that_runs_out_counts(self, issue: Issue, tmp_path: Path) -> None:
        chain = tmp_path / "chain.pem"
        days = (300, 10, 100)
        files = [issue(f"{n}.pem", UNTIL + timedelta(days=n)) for n in days]
        chain.write_bytes(b"".join(file.read_bytes() for file in files))

        [observation] = see(Certificates(files=(chain,)))

        assert observation.deadlines[-1].at == UNTIL + timedelta(days=10)

    def test_keeps_its_name_when_it_is_renewed(self, issue: Issue) -> None:
        """Otherwise what was met of the old one would be forgotten, or taken for the new one's."""
        [before] = see(Certificates(files=(issue("renewed.pem", UNTIL),)))
        [after] = see(Certificates(files=(issue("renewed.pem", UNTIL + timedelta(days=365)),)))

        assert before.subject == after.subject
        assert before.deadlines[-1].at < after.deadlines[0].at

    def test_that_never_run_out_do_not_keep_others_from_being_seen(self, issue: Issue) -> None:
        """The end of time is the next year in Istanbul (RFC 5280, section 4.1.2.5)."""
        endless = issue("endless.pem", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))

        [forever, good] = see(Certificates(files=(endless, issue("good.pem", UNTIL))))

        assert str(forever.message) == "valid until 31.12.9999"
        assert (forever.error, good.error) == (None, None)

    @pytest.mark.parametrize("content", [None, b"", b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"])
    def test_that_cannot_be_read_do_not_keep_others_from_being_seen(
        self, issue: Issue, tmp_path: Path, content: bytes | None
    ) -> None:
        broken = tmp_path / "broken.pem"
        if content is not None:
            broken.write_bytes(content)

        [bad, good] = see(Certificates(files=(broken, issue("good.pem", UNTIL))))

        assert isinstance(bad.error, MisconfiguredError)
        assert str(broken) in str(bad.message)
        assert (bad.deadlines, good.error) == ((), None)


class TestServers:
    """Certificates that servers show."""

    def test_are_seen_also_if_nobody_trusts_them_and_they_have_run_out(self, issue: Issue) -> None:
        with tls_server(issue("server.pem", UNTIL)) as address:
            [observation] = see(Certificates(servers=(address,)))

        assert observation.error is None
        assert (observation.subject, observation.deadlines[-1].at) == (f"certificate:{address}", UNTIL)

    def test_that_refuse_connections_are_named(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]

        [observation] = see(Certificates(servers=(f"127.0.0.1:{port}",)))

        assert isinstance(observation.error, UnavailableError)
        assert f"127.0.0.1:{port} shows no certificate: Connection refused" in str(observation.message)

    def test_that_speak_something_else_are_named(self) -> None:
        with listening(lambda connection: connection.sendall(b"220 posta.example ESMTP\r\n")) as address:
            [observation] = see(Certificates(servers=(address,)))

        assert isinstance(observation.error, UnavailableError)

    def test_that_talk_slowly_are_hung_up_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A byte now and then must not hold a sweep up for ever."""
        monkeypatch.setattr(reading, "PATIENCE", 0.4)

        def drip(connection: socket.socket) -> None:
            connection.sendall(b"\x16\x03\x03\x40\x00")
            while True:
                time.sleep(0.1)
                connection.sendall(b"\x00")

        with listening(drip) as address:
            start = time.monotonic()
            [observation] = see(Certificates(servers=(address,)))
            assert time.monotonic() - start < 30

        assert isinstance(observation.error, UnavailableError)


class TestTargets:
    """Certificates that targets tell of."""

    def test_each_server_of_a_target_has_its_own(self) -> None:
        report = TargetReport(certificates={"ldap2": UNTIL + timedelta(days=1), "ldap1": UNTIL})

        seen = see(Certificates(targets=("directory",)), lambda _: report)

        assert [(one.subject, one.deadlines[-1].at) for one in seen] == [
            ("certificate:directory (ldap1)", UNTIL),
            ("certificate:directory (ldap2)", UNTIL + timedelta(days=1)),
        ]

    def test_that_cannot_be_reached_are_named(self) -> None:
        def refuse(_: str) -> TargetReport:
            raise UnavailableError("no way")

        [observation] = see(Certificates(targets=("directory",)), refuse)

        assert str(observation.error) == "no way"

    def test_that_tell_of_none_are_named(self) -> None:
        """Silence is not good news."""
        [observation] = see(Certificates(targets=("directory",)), lambda _: TargetReport())

        assert isinstance(observation.error, UnsupportedError)


class TestSettings:
    """What is refused."""

    def test_no_certificate(self) -> None:
        with pytest.raises(ConfigurationError, match="no certificate is configured"):
            Certificates()

    @pytest.mark.parametrize(
        "server", ["mail.example", "mail.example:", ":993", "a b:993", "https://mail.example:443", "m:65536"]
    )
    def test_a_server_without_a_port(self, server: str) -> None:
        with pytest.raises(ConfigurationError, match="a server is not in the form HOST:PORT"):
            Certificates(servers=(server,))

    @pytest.mark.parametrize("server", ["mail.example:993", "[::1]:636", "127.0.0.1:443"])
    def test_not_a_server_with_one(self, server: str) -> None:
        assert Certificates(servers=(server,)).servers == (server,)


def test_the_library_is_imported_when_it_is_needed() -> None:
    code = "import sys, provisioner.rules.plugin; print('cryptography' in sys.modules, 'ssl' in sys.modules)"

    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["False", "False"]
