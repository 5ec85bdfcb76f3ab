"""A server that cannot prove who it is gets no log-in, and the message says what to do."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from provisioner.core.api.errors import MisconfiguredError
from provisioner.core.model.secret import Secret
from provisioner_ldap.connections import LdapClient
from provisioner_ldap.settings import LdapSettings
from tests.plugins.ldap.conftest import numbered

SECRET = "the password of the service account"

#: What a server answers that starts TLS, and one that knows no such operation: operations, without their number.
STARTTLS, NO_STARTTLS = bytes.fromhex("78070a010004000400"), bytes.fromhex("78070a010204000400")


@attrs.frozen
class Authority:
    """Signs certificates."""

    key: ec.EllipticCurvePrivateKey = attrs.field(factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    name: str = "Test CA"

    @property
    def certificate(self) -> x509.Certificate:
        return self.signed(self.name, self.key, is_authority=True)

    def signed(
        self, name: str, key: ec.EllipticCurvePrivateKey, *, days: int = 7, is_authority: bool = False
    ) -> x509.Certificate:
        begin = datetime.now(UTC) + timedelta(days=min(days, 0) - 2)
        return (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(self.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begin)
            .not_valid_after(datetime.now(UTC) + timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .sign(self.key, hashes.SHA256())
        )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Recorder:
    """Listens on loopback, speaks TLS as it is told, and keeps all that reaches it, decrypted."""

    def __init__(self, context: ssl.SSLContext | None, greeting: bytes) -> None:
        self._context, self._greeting = context, greeting
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.received = b""
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        with suppress(OSError):  # it may be closed twice
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with suppress(OSError), connection:
                    self._record(connection)

    def _record(self, connection: socket.socket) -> None:
        if self._greeting:
            self.received += (request := connection.recv(4096))
            connection.sendall(numbered(request, self._greeting))
        wrapped = self._context.wrap_socket(connection, server_side=True) if self._context else connection
        wrapped.settimeout(2)
        with wrapped:
            while data := wrapped.recv(4096):
                self.received += data


@attrs.frozen
class Case:
    """A certificate that is refused."""

    words: str
    cure: str
    make: Callable[[Authority, ec.EllipticCurvePrivateKey], x509.Certificate]


CASES = {
    "wrong name": Case("name mismatch", "in urls", lambda ca, key: ca.signed("other.example", key)),
    "expired": Case("has expired", "renew", lambda ca, key: ca.signed("localhost", key, days=-1)),
    "self-signed": Case(
        "is self-signed", "ca_file", lambda _, key: Authority(key, "localhost").signed("localhost", key)
    ),
    "unknown authority": Case(
        "authority is unknown", "ca_file", lambda _, key: Authority(name="Strange CA").signed("localhost", key)
    ),
}

MakeRecorder = Callable[[ssl.SSLContext | None, bytes], Recorder]


@pytest.fixture(name="record")
def _record() -> Iterator[MakeRecorder]:
    with ExitStack() as stack:

        def record(context: ssl.SSLContext | None, greeting: bytes) -> Recorder:
            recorder = Recorder(context, greeting)
            stack.callback(recorder.close)
            return recorder

        yield record


def connect(url: str, ca_file: Path) -> None:
    settings = LdapSettings(
        urls=(url,), bind_dn="cn=a,dc=test", bind_password=Secret(SECRET), base_dn="dc=test", ca_file=ca_file
    )
    LdapClient(settings).connect_service(url).close()


def context_of(folder: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> ssl.SSLContext:
    pem = serialization.Encoding.PEM
    clear = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(certificate.public_bytes(pem) + clear)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context


@pytest.mark.parametrize("scheme", ["ldaps", "ldap"])
@pytest.mark.parametrize("kind", CASES)
def test_a_refused_certificate_is_explained_and_nothing_is_said_to_the_server(
    record: MakeRecorder, tmp_path: Path, kind: str, scheme: str
) -> None:
    case, authority = CASES[kind], Authority()
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "ca.pem").write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    context = context_of(tmp_path, case.make(authority, key), key)
    recorder = record(context, STARTTLS if scheme == "ldap" else b"")

    with pytest.raises(MisconfiguredError, match=f"certificate verification failed.*{case.words}") as caught:
        connect(f"{scheme}://localhost:{recorder.port}", tmp_path / "ca.pem")

    recorder.close()
    assert case.cure in str(caught.value.cure)
    assert SECRET.encode() not in recorder.received
    assert b"cn=a,dc=test" not in recorder.received


def test_a_good_certificate_is_taken_and_the_log_in_goes_out(record: MakeRecorder, tmp_path: Path) -> None:
    """Otherwise the recorder would record nothing, whatever was sent."""
    authority, key = Authority(), ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "ca.pem").write_bytes(authority.certificate.public_bytes(serialization.Encoding.PEM))
    recorder = record(context_of(tmp_path, authority.signed("localhost", key), key), b"")
    settings = LdapSettings(
        urls=(f"ldaps://localhost:{recorder.port}",),
        bind_dn="cn=a,dc=test",
        bind_password=Secret(SECRET),
        base_dn="dc=test",
        ca_file=tmp_path / "ca.pem",
        timeout=1,
    )

    with pytest.raises(Exception, match="does not answer"):
        LdapClient(settings).connect_service(settings.urls[0])

    recorder.close()
    assert SECRET.encode() in recorder.received


def test_a_server_that_refuses_starttls_is_explained_and_gets_no_log_in(record: MakeRecorder, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(Authority().certificate.public_bytes(serialization.Encoding.PEM))
    recorder = record(None, NO_STARTTLS)

    with pytest.raises(MisconfiguredError, match="does not start TLS") as caught:
        connect(f"ldap://localhost:{recorder.port}", tmp_path / "ca.pem")

    recorder.close()
    assert "ldaps://" in str(caught.value.cure)
    assert SECRET.encode() not in recorder.received
