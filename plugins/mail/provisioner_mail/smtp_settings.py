"""The settings in the table ``[channels.NAME]`` of this plug-in. Settings that cannot work are refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import attrs
from attrs.validators import ge, le

from provisioner.core.api.bounds import is_timeout
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model.secret import Secret
from provisioner.net import addresses

#: An address that needs no quoting, and no characters that end a header or start another address.
ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")

#: Where the staff number stands in the pattern of addresses.
ID = "{id}"


class Security(StrEnum):
    """How the connection is protected."""

    #: It begins without TLS and continues with it. The server must offer that.
    STARTTLS = "starttls"
    #: It uses TLS from its beginning, usually on port 465.
    TLS = "tls"
    #: It is not protected. Only for a server on this machine.
    NONE = "none"


def _is_address(_: object, attribute: attrs.Attribute[Any], value: str) -> None:
    if not ADDRESS.fullmatch(value):
        raise ConfigurationError("{key}: expected a mail address such as notices@example.gov.tr", key=attribute.name)


def _is_pattern(_: object, attribute: attrs.Attribute[Any], value: str) -> None:
    if value and (ID not in value or not ADDRESS.fullmatch(value.replace(ID, "1001"))):
        raise ConfigurationError(
            "{key}: expected a mail address with the place {id} for the staff number", key=attribute.name, id=ID
        )


def _are_addresses(_: object, attribute: attrs.Attribute[Any], value: Mapping[str, str]) -> None:
    for person, address in value.items():
        if not ADDRESS.fullmatch(address):
            raise ConfigurationError("{key}.{person}: expected a mail address", key=attribute.name, person=person)


def _is_one_line(_: object, attribute: attrs.Attribute[Any], value: str) -> None:
    if not value.isprintable():
        raise ConfigurationError("{key}: expected one line of text", key=attribute.name)


@attrs.frozen(kw_only=True)
class SmtpSettings:
    """A mail server that takes notices. It gets no passwords of accounts."""

    #: The host name of the mail server.
    host: str
    #: Its port.
    port: int = attrs.field(default=587, validator=[ge(1), le(65535)])
    #: How the connection is protected: ``starttls``, ``tls``, or ``none`` for a server on this machine only.
    security: Security = Security.STARTTLS
    #: The user with which the product logs in; without one it doesn't log in.
    username: str | None = None
    #: The password of that user.
    password: Secret | None = None
    #: The address from which notices come.
    sender: str = attrs.field(validator=_is_address)
    #: The subject of notices; by default, one in the language of messages.
    subject: str = attrs.field(default="", validator=_is_one_line)
    #: The addresses of persons by their staff number: ``{id}@personel.example.gov.tr``.
    address: str = attrs.field(default="", validator=_is_pattern)
    #: The addresses of single persons, by staff number.
    addresses: Mapping[str, str] = attrs.field(factory=dict, validator=_are_addresses)
    #: The seconds that sending one notice may take.
    timeout: float = attrs.field(default=20.0, validator=is_timeout)
    #: Certificates to trust instead of the system's.
    ca_file: Path | None = None

    def __attrs_post_init__(self) -> None:
        if self.security is Security.NONE and not addresses.is_loopback(self.host):
            raise ConfigurationError("security: only a server on this machine may be used without TLS")
        if (self.username is None) != (self.password is None):
            raise ConfigurationError("username and password must be set together")
        if not self.address and not self.addresses:
            raise ConfigurationError("set address or addresses, or nobody gets a notice")

    def address_of(self, person_id: str) -> str | None:
        """Return the mail address of a person; ``None`` if there is none that can be used."""
        address = self.addresses.get(person_id) or self.address.replace(ID, person_id)
        return address if ADDRESS.fullmatch(address) else None
