"""The settings in the table ``[targets.NAME]`` of this plug-in. Settings that cannot work are refused."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Any

import attrs

from provisioner.core.api.bounds import LONGEST_TIMEOUT, is_timeout
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model.secret import Secret
from provisioner.net import addresses

#: The setting of Dovecot that allows the commands that we need and no others.
ALLOWED = "doveadm_allowed_commands = kick,who,auth cache flush"

#: For how long Dovecot delays a log-in after refused ones from the same address, in seconds.
LONGEST_PENALTY = 17


class LoginName(StrEnum):
    """What people type as their name in the mail program."""

    #: ``temelegitim46``
    LOGIN = "login"
    #: ``temelegitim46@meb.gov.tr``
    MAIL = "mail"


def _is_address_of(*schemes: str) -> Any:
    """Return a validator of addresses with nothing but a scheme, a host and perhaps a port."""

    def check(_: object, attribute: attrs.Attribute[Any], value: str) -> None:
        parts = addresses.parts(value)
        if parts is None or parts.scheme not in schemes or not parts.hostname:
            raise ConfigurationError(
                "{key}: expected an address that begins with {scheme}://",
                cure="write it as {scheme}://HOST:PORT",
                key=attribute.name,
                scheme=schemes[0],
            )
        if "@" in parts.netloc or parts.path.strip("/") or parts.query or parts.fragment:
            raise ConfigurationError(
                "{key}: expected only a host and a port after {scheme}://",
                cure="write it as {scheme}://HOST:PORT",
                key=attribute.name,
                scheme=schemes[0],
            )

    return check


def _outlasts_the_penalty(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if not LONGEST_PENALTY < value <= LONGEST_TIMEOUT:
        raise ConfigurationError(
            "{key}: expected more than {least} and at most {most} seconds; "
            "Dovecot delays a log-in by up to {least} seconds after refused ones",
            key=attribute.name,
            least=LONGEST_PENALTY,
            most=LONGEST_TIMEOUT,
        )


def _are_different(_: object, attribute: attrs.Attribute[Any], value: tuple[MailServerSettings, ...]) -> None:
    if not value:
        raise ConfigurationError(
            "{key}: name at least one server", cure="add its addresses 'api' and 'imap'", key=attribute.name
        )
    for key in ("api", "imap"):
        [(address, count)] = Counter(getattr(server, key) for server in value).most_common(1)
        if count > 1:
            raise ConfigurationError(
                "{key}: {address} is listed twice",
                cure="list each server once, with its own addresses",
                key=attribute.name,
                address=address,
            )


@attrs.frozen(kw_only=True)
class MailServerSettings:
    """One Dovecot."""

    #: Where doveadm's HTTP API is, for example ``https://mail1.example.gov.tr:8080``.
    api: str = attrs.field(validator=_is_address_of("https", "http"))
    #: Where IMAP is spoken over TLS, for example ``imaps://mail1.example.gov.tr``.
    imap: str = attrs.field(validator=_is_address_of("imaps"))

    @property
    def in_the_clear(self) -> bool:
        """Whether the key crosses a network unencrypted."""
        parts = addresses.parts(self.api)
        return parts is not None and parts.scheme == "http" and not addresses.is_loopback(parts.hostname or "")


@attrs.frozen(kw_only=True)
class MailSettings:
    """The mail servers that ask one directory."""

    #: All servers on which people log in.
    servers: tuple[MailServerSettings, ...] = attrs.field(validator=_are_different)
    #: The key of doveadm's HTTP API, the same on all servers.
    api_key: Secret
    #: The name that proves a new password: the login or the mail address.
    log_in_as: LoginName = LoginName.LOGIN
    #: How many seconds one request to the API may take.
    timeout: float = attrs.field(default=10.0, validator=is_timeout)
    #: How many seconds an IMAP log-in may take.
    login_timeout: float = attrs.field(default=30.0, validator=_outlasts_the_penalty)
    #: The certificates that may have signed the servers', in PEM form, instead of the public ones.
    ca_file: Path | None = None
    #: Whether the key may cross a network unencrypted, that is, whether ``http://`` to another machine is allowed.
    insecure: bool = False

    @property
    def in_the_clear(self) -> bool:
        """Whether the key crosses a network unencrypted."""
        return any(server.in_the_clear for server in self.servers)

    @property
    def longest_call(self) -> float:
        """The most seconds that one request may take."""
        return max(self.timeout, self.login_timeout)

    def __attrs_post_init__(self) -> None:
        if self.in_the_clear and not self.insecure:
            raise ConfigurationError(
                "servers: the key would leave this machine unencrypted",
                cure="use https:// for 'api', or set insecure = true if the connection is protected in another way",
            )
