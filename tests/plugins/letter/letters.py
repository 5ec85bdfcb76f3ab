"""Makes keys, and opens letters as their owners do."""

from __future__ import annotations

import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

import attrs
import pyrage
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from pypdf import PdfReader

from provisioner.config.structure import structure
from provisioner.core.api.registration import PluginSettings, Section
from provisioner_letter.outbox import Outbox
from provisioner_letter.plugin import LetterChannel

ChannelT = TypeVar("ChannelT", bound=LetterChannel)

NOW = datetime.now(UTC)

#: What a certificate is not used for here.
OTHER_USES = (
    "content_commitment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def section(folder: Path, **table: Any) -> Section:
    """The table ``[channels.letter]`` of a configuration in a folder."""
    return Section(
        name="letter",
        place="channels.letter",
        folder=folder,
        table={"outbox": "outbox", "help_desk": "0344 000 00 00", **table},
        structure=partial(structure, file=folder / "provisioner.toml"),
    )


def made_as(cls: type[ChannelT], folder: Path, *, language: str = "tr", **table: Any) -> ChannelT:
    """What the product makes of a table of its configuration."""
    return cls.configured(section(folder, **table), PluginSettings(plugin="letter", language=language))


def made(folder: Path, *, language: str = "tr", **table: Any) -> LetterChannel:
    return made_as(LetterChannel, folder, language=language, **table)


def pdf_text(content: bytes) -> str:
    return PdfReader(BytesIO(content)).pages[0].extract_text()


class Reader(Protocol):
    """Has a private key."""

    suffix: str

    def write(self, file: Path) -> None:
        """Write the public key, with the suffix that it has."""

    def opened(self, content: bytes) -> bytes:
        """Decrypt."""

    def text(self, outbox: Outbox, delivery_id: str) -> str:
        """Return what a letter says."""
        [file] = outbox._found(delivery_id)
        return pdf_text(self.opened(file.read_bytes()))


@attrs.define
class AgeReader(Reader):
    suffix: str = "age"
    identity: Any = attrs.field(factory=pyrage.x25519.Identity.generate)

    def write(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.with_name(f"{file.name}.pub").write_text(f"# a comment\n{self.identity.to_public()}\n")

    def opened(self, content: bytes) -> bytes:
        return bytes(pyrage.decrypt(content, [self.identity]))


@attrs.define
class CertificateReader(Reader):
    key: rsa.RSAPrivateKey
    certificate: x509.Certificate
    suffix: str = "p7m"

    @classmethod
    def make(cls, *, bits: int = 2048, end: datetime = NOW + timedelta(days=365), encrypts: bool = True) -> Self:
        key = rsa.generate_private_key(65537, bits)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Zarf Yazıcısı")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - timedelta(days=400))
            .not_valid_after(end)
            .add_extension(
                x509.KeyUsage(digital_signature=True, key_encipherment=encrypts, **dict.fromkeys(OTHER_USES, False)),
                critical=True,
            )
            .sign(key, hashes.SHA256())
        )
        return cls(key, certificate)

    def write(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        pem = self.certificate.public_bytes(serialization.Encoding.PEM)
        file.with_name(f"{file.name}.pem").write_bytes(pem)

    def opened(self, content: bytes) -> bytes:
        """Decrypt with OpenSSL, as a printer would."""
        private = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with tempfile.NamedTemporaryFile() as key:
            key.write(private)
            key.flush()
            command = ["openssl", "cms", "-decrypt", "-inform", "DER", "-inkey", key.name]
            return subprocess.run(command, input=content, capture_output=True, check=True).stdout
