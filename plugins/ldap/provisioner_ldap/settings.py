"""What the table ``[targets.NAME]`` of this plug-in may hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from urllib.parse import unquote

import attrs
from attrs.validators import ge, le

from provisioner.core.api.bounds import LONGEST_TIMEOUT
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model import AccountKind
from provisioner.core.model.secret import Secret
from provisioner.net import addresses
from provisioner_ldap.entry import OBJECT_CLASS, unknown_places
from provisioner_ldap.families import known

#: What the name of an attribute or object class looks like (RFC 4512, section 1.4), with options.
NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*(;[A-Za-z0-9-]+)*")


class TlsMode(StrEnum):
    """Whether connections are encrypted."""

    #: ``ldaps://`` servers from the first byte, ``ldap://`` servers with StartTLS before anything else is sent.
    REQUIRED = "required"
    #: ``ldap://`` servers in clear text, passwords included.
    NONE = "none"


class ProveAt(StrEnum):
    """At which servers a new password, a closure or a deletion is verified."""

    #: At one server that takes changes.
    WRITER = "writer"
    #: At every server that can be reached.
    ALL = "all"


#: What no template may fill, in lower case: passwords, and what closes accounts.
NOT_FOR_TEMPLATES = frozenset(
    {OBJECT_CLASS.lower(), "userpassword", "unicodepwd", "useraccountcontrol", "nsaccountlock", "pwdendtime"}
)

#: The attributes of a mailbox, for the object class inetOrgPerson.
MAILBOX: Mapping[str, str] = {
    "cn": "{unit_name}",
    "sn": "{login}",
    "mail": "{mail}",
    "departmentNumber": "{unit_code}",
    "displayName": "{holder_name}",
    "employeeNumber": "{holder_id}",
    "title": "{holder_title}",
}


@attrs.frozen(kw_only=True)
class LdapSettings:
    """One directory."""

    #: The servers in the order in which they are tried: ``ldaps://HOST[:PORT]``, ``ldap://HOST[:PORT]``, or, on this
    #: machine, ``ldapi://PATH``.
    urls: tuple[str, ...]
    #: The name of the service account.
    bind_dn: str = ""
    #: The password of the service account.
    bind_password: Secret | None = None
    #: A certificate that is shown to servers, in PEM. Without ``bind_dn``, the service account logs in with it.
    client_certificate: Path | None = None
    #: Its private key, if that is in a file of its own.
    client_key: Path | None = None
    #: The entry below which the accounts are.
    base_dn: str
    #: Another such entry for accounts of one kind, ``unit`` or ``personal``.
    base_of_kind: Mapping[AccountKind, str] = attrs.field(factory=dict)
    #: Which kind of directory it is, if it does not show it itself.
    family: str | None = None
    #: Whether connections are encrypted.
    tls: TlsMode = TlsMode.REQUIRED
    #: The certificates that servers are verified with; the system's own if it is not given.
    ca_file: Path | None = None
    #: The attribute that names an entry. Its value is the login.
    rdn: str = "uid"
    #: The object classes of a new entry.
    object_classes: tuple[str, ...] = ("inetOrgPerson",)
    #: The attributes of an entry, each with the template of its value.
    attributes: Mapping[str, str] = attrs.field(factory=lambda: dict(MAILBOX))
    #: The entry of the password policy that holds for the accounts, if ``provisioner check`` shall look at it.
    policy_dn: str | None = None
    #: The seconds in which a connection must be open, and as many again in which it must be encrypted.
    connect_timeout: int = attrs.field(default=5, validator=[ge(1), le(LONGEST_TIMEOUT)])
    #: The seconds in which an answer must have come as a whole.
    timeout: int = attrs.field(default=10, validator=[ge(1), le(LONGEST_TIMEOUT)])
    #: At which servers a new password, a closure or a deletion is verified: ``writer`` for one that takes changes, or
    #: ``all`` for every server that can be reached.
    prove_at: ProveAt = ProveAt.WRITER
    #: The seconds that a change may take to arrive at the other servers.
    replication_patience: int = attrs.field(default=10, validator=[ge(1), le(LONGEST_TIMEOUT)])
    #: How many connections may be open at once, and as many again for trying passwords and for lists.
    connections: int = attrs.field(default=8, validator=[ge(1), le(256)])

    def base(self, kind: AccountKind) -> str:
        """Return the entry below which accounts of this kind are."""
        return self.base_of_kind.get(kind, self.base_dn)

    @property
    def proves_everywhere(self) -> bool:
        """Whether a change is verified at every server, also at those that take no changes."""
        return self.prove_at is ProveAt.ALL

    @property
    def bases(self) -> tuple[str, ...]:
        """All entries below which accounts are, each once."""
        return tuple(dict.fromkeys(self.base(kind) for kind in AccountKind))

    def base_of(self, dn: str) -> str:
        """Return the entry below which the entry of this name is."""
        return next((base for base in self.bases if dn.endswith(f",{base}")), self.base_dn)

    def verify(self, place: str) -> None:
        """See what the types do not show.

        Args:

            place: The path of the table, for messages.

        Raises:

            ConfigurationError: Something is wrong.
        """
        self._verify_urls(place)
        self._verify_service_account(place)
        for field in ("base_dn", "rdn", "object_classes"):
            if not getattr(self, field):
                raise ConfigurationError("{place}: it must not be empty", place=f"{place}.{field}")
        for name in (self.rdn, *self.object_classes, *self.attributes):
            if not NAME.fullmatch(name):
                raise ConfigurationError(
                    "{place}: {name} is not the name of an attribute or object class", place=place, name=repr(name)
                )
        if self.family is not None and self.family not in known():
            raise ConfigurationError(
                "{place}: expected one of {names}", place=f"{place}.family", names=", ".join(sorted(known()))
            )
        for name, template in self.attributes.items():
            self._verify_template(f"{place}.attributes.{name}", name, template)

    def _verify_urls(self, place: str) -> None:
        if not self.urls:
            raise ConfigurationError("{place}: it must not be empty", place=f"{place}.urls")
        for number, url in enumerate(self.urls):
            if not _is_server(url):
                raise ConfigurationError(
                    "{place}: expected ldaps://HOST or ldap://HOST, with :PORT if it is not the usual one, or ldapi://PATH"
                    " with %2F for each slash",
                    cure="leave out paths, filters and credentials; bases and the service account have their own keys",
                    place=f"{place}.urls[{number}]",
                )

    def _verify_service_account(self, place: str) -> None:
        """Check that the service account can log in to every server: by a password, a certificate, or who we are."""
        if self.bind_dn and self.bind_password is None:
            raise ConfigurationError("{place}: it must not be empty", place=f"{place}.bind_password")
        remote = [url for url in self.urls if not is_local(url)]
        if not self.bind_dn and remote and (self.client_certificate is None or self.tls is TlsMode.NONE):
            raise ConfigurationError(
                "{place}: it must not be empty",
                cure="set bind_dn and bind_password, or client_certificate with encrypted servers",
                place=f"{place}.bind_dn",
            )

    def _verify_template(self, place: str, name: str, template: str) -> None:
        if name.lower() in {self.rdn.lower(), *NOT_FOR_TEMPLATES}:
            raise ConfigurationError("{place}: this attribute is not set by a template", place=place)
        try:
            unknown = unknown_places(template)
        except ValueError:
            raise ConfigurationError("{place}: the braces of the template do not match", place=place) from None
        if unknown:
            raise ConfigurationError(
                "{place}: the template has the unknown placeholder {unknown}",
                cure="use the placeholders that the README of the plug-in lists, each by its name in braces",
                place=place,
                unknown="{" + unknown[0] + "}",
            )


def is_local(url: str) -> bool:
    """Return whether a server is spoken to through a socket of this machine."""
    return url.startswith("ldapi://")


def _is_server(url: str) -> bool:
    if is_local(url):
        path = url.removeprefix("ldapi://")
        return "/" not in path and unquote(path).startswith("/")
    parts = addresses.parts(url)
    if parts is None:
        return False
    more = parts.path.strip("/") or parts.query or parts.fragment or parts.username or parts.password
    return parts.scheme in {"ldap", "ldaps"} and bool(parts.hostname) and parts.port != 0 and not more
