"""Encrypts letters to public keys: with age, or as CMS (RFC 5652) to certificates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol, Self

import attrs

from provisioner.core.api.errors import RefusedError

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

#: The smallest size of an RSA key, in bits.
SMALLEST_RSA = 2048


class Seal(Protocol):
    """Encrypts letters to one or several keys."""

    @property
    def suffix(self) -> str:
        """The suffix of an encrypted file."""

    @property
    def expires_at(self) -> datetime | None:
        """When the first key expires; ``None`` if keys of this kind don't."""

    def sealed(self, content: bytes) -> bytes:
        """Return the encrypted content."""


@attrs.frozen
class AgeSeal:
    """Encrypts to age recipients."""

    suffix: ClassVar[str] = "age"
    expires_at: ClassVar[datetime | None] = None

    recipients: Sequence[str]

    @classmethod
    def of(cls, text: str) -> Self:
        """Read a file as ``age -R`` does: one recipient in each line, and comments.

        Raises:

            RefusedError: It holds no recipient, or something else.
        """
        import pyrage

        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        try:
            for line in lines:
                pyrage.x25519.Recipient.from_str(line)
        except pyrage.RecipientError:
            raise RefusedError("it contains a line that is no public key of age") from None
        if not lines:
            raise RefusedError("it contains no public key")
        return cls(lines)

    def sealed(self, content: bytes) -> bytes:
        """Return the encrypted content."""
        import pyrage

        encrypted: bytes = pyrage.encrypt(
            content, [pyrage.x25519.Recipient.from_str(recipient) for recipient in self.recipients]
        )
        return encrypted


@attrs.frozen
class CmsSeal:
    """Encrypts to certificates with RSA keys."""

    suffix: ClassVar[str] = "p7m"

    certificates: Sequence[Certificate]

    @classmethod
    def of(cls, text: str, now: datetime) -> Self:
        """Read certificates in PEM form.

        Raises:

            RefusedError: There is none, or one of them can't be used now.
        """
        from cryptography.x509 import load_pem_x509_certificates

        try:
            certificates = load_pem_x509_certificates(text.encode())
        except ValueError:
            raise RefusedError("it contains no certificate in PEM form") from None
        for certificate in certificates:
            _require_valid(certificate, now)
            _require_encryption(certificate)
        return cls(certificates)

    @property
    def expires_at(self) -> datetime:
        """When the first certificate expires."""
        return min(certificate.not_valid_after_utc for certificate in self.certificates)

    def sealed(self, content: bytes) -> bytes:
        """Return the encrypted content, in DER form."""
        from cryptography.hazmat.primitives.ciphers.algorithms import AES256
        from cryptography.hazmat.primitives.serialization import Encoding
        from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7EnvelopeBuilder, PKCS7Options

        builder = PKCS7EnvelopeBuilder().set_data(content).set_content_encryption_algorithm(AES256)
        for certificate in self.certificates:
            builder = builder.add_recipient(certificate)
        return builder.encrypt(Encoding.DER, [PKCS7Options.Binary])


def read(file: Path, now: datetime) -> Seal:
    """Return what encrypts to the keys in a file: ``.pub`` has age recipients, ``.pem`` has certificates.

    Raises:

        RefusedError: The file can't be read, or a key in it can't be used now.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise RefusedError("the file can't be read") from None
    return CmsSeal.of(text, now) if file.suffix == ".pem" else AgeSeal.of(text)


def _require_valid(certificate: Certificate, now: datetime) -> None:
    if now >= certificate.not_valid_after_utc:
        raise RefusedError("the certificate expired on {end}", end=certificate.not_valid_after_utc.date())
    if now < certificate.not_valid_before_utc:
        raise RefusedError("the certificate is valid from {start}", start=certificate.not_valid_before_utc.date())


def _require_encryption(certificate: Certificate) -> None:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.x509 import ExtensionNotFound, KeyUsage

    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey):
        raise RefusedError("the certificate has no RSA key")
    if key.key_size < SMALLEST_RSA:
        raise RefusedError(
            "the RSA key has {bits} bits; at least {least} are needed", bits=key.key_size, least=SMALLEST_RSA
        )
    try:
        usage = certificate.extensions.get_extension_for_class(KeyUsage).value
    except ExtensionNotFound:
        return
    if not usage.key_encipherment:
        raise RefusedError("the certificate is not for encryption (keyEncipherment)")
