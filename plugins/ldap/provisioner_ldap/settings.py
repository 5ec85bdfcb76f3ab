"""What the table ``[targets.NAME]`` of this plug-in may hold."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

import attrs
from attrs.validators import ge, le

from provisioner.core.api.bounds import LONGEST_TIMEOUT
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model import AccountKind
from provisioner.core.model.secret import Secret
from provisioner.net import addresses
from provisioner_ldap.entry import OBJECT_CLASS
from provisioner_ldap.families import known
from provisioner_ldap.templates import NUMBER, OF_HOLDER, PLACEHOLDERS, level_templates, names_in, verify

#: What the name of an attribute or object class looks like (RFC 4512, section 1.4), with options.
NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*(;[A-Za-z0-9-]+)*")

#: What the name of the entry begins with that keeps the next number: it is a device, which is named by its cn.
_COUNTER = re.compile(r"cn=[^,+]+,.", re.IGNORECASE)


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

#: The object class of a new container, by the attribute that names it.
CONTAINER_CLASSES: Mapping[str, str] = {"ou": "organizationalUnit", "o": "organization", "l": "locality"}

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
class NumberSettings:
    """The POSIX numbers that accounts get."""

    #: The lowest and the highest number.
    first: int = attrs.field(validator=ge(1))
    last: int = attrs.field(validator=[ge(1), le(2**31 - 1)])
    #: The name of the entry that keeps the next number. It is created with the first account.
    counter_dn: str
    #: The entry below which no other entry may have the number; ``base_dn`` if it is not given.
    unique_below: str | None = None

    def verify(self, place: str) -> None:
        """See what the types do not show.

        Args:

            place: The path of the table, for messages.

        Raises:

            ConfigurationError: Something is wrong.
        """
        if self.last < self.first:
            raise ConfigurationError("{place}: it must not be less than first", place=f"{place}.last")
        if not _COUNTER.match(self.counter_dn):
            raise ConfigurationError(
                "{place}: expected the name of an entry that begins with cn=", place=f"{place}.counter_dn"
            )


@attrs.frozen(kw_only=True)
class LdapSettings:
    """One directory."""

    #: The servers in the order in which they are tried: ``ldaps://HOST[:PORT]``, ``ldap://HOST[:PORT]``, or, on this
    #: machine, ``ldapi://PATH``.
    urls: tuple[str, ...]
    #: Further servers of the same directory, which take no changes. They are asked by ``provisioner check``, and with
    #: ``prove_at = "all"`` whether a change has arrived.
    replicas: tuple[str, ...] = ()
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
    #: The attribute that names an entry. Its value is the login; the mail address if it is ``mail``.
    rdn: str = "uid"
    #: The object classes of a new entry.
    object_classes: tuple[str, ...] = ("inetOrgPerson",)
    #: The container of an account below its base, as a template of one or more levels, for example
    #: ``ou={parent_name}``.
    container: str | None = None
    #: Whether missing containers are created.
    create_containers: bool = False
    #: The attributes of an entry, each with the template of its value, or a list of templates.
    attributes: Mapping[str, str | tuple[str, ...]] = attrs.field(factory=lambda: dict(MAILBOX))
    #: What a closed account has in addition to the lock of the directory. ``attributes`` has the values of an open one.
    closed: Mapping[str, str] = attrs.field(factory=dict)
    #: The POSIX numbers of accounts, if they have any.
    numbers: NumberSettings | None = None
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

    @cached_property
    def templates(self) -> Mapping[str, tuple[str, ...]]:
        """The templates of the values of each attribute."""
        return {name: (value,) if isinstance(value, str) else value for name, value in self.attributes.items()}

    @property
    def servers(self) -> tuple[str, ...]:
        """All servers, each once, with those that take no changes."""
        return tuple(dict.fromkeys([*self.urls, *self.replicas]))

    @property
    def opened(self) -> Mapping[str, tuple[bytes, ...]]:
        """What an open account has where a closed one has a mark."""
        return {name: tuple(value.encode() for value in self.templates.get(name, ())) for name in self.closed}

    @property
    def proves_everywhere(self) -> bool:
        """Whether a change is verified at every server, also at those that take no changes."""
        return self.prove_at is ProveAt.ALL

    @property
    def bases(self) -> tuple[str, ...]:
        """All entries below which accounts are, each once."""
        return tuple(dict.fromkeys(self.base(kind) for kind in AccountKind))

    @property
    def container_classes(self) -> tuple[str, ...]:
        """The object classes of the containers that are created right below a base."""
        return tuple(CONTAINER_CLASSES[name.lower()] for name, _ in [*level_templates(self.container or "")][:1])

    @property
    def listed_bases(self) -> tuple[str, ...]:
        """The entries whose accounts are listed. One below another one is listed with it, if there are containers."""
        above = self.bases if self.container is not None else ()
        return tuple(base for base in self.bases if not any(base.endswith(f",{other}") for other in above))

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
        for name in (self.rdn, *self.object_classes, *self.attributes, *self.closed):
            if not NAME.fullmatch(name):
                raise ConfigurationError(
                    "{place}: {name} is not the name of an attribute or object class", place=place, name=repr(name)
                )
        if self.family is not None and self.family not in known():
            raise ConfigurationError(
                "{place}: expected one of {names}", place=f"{place}.family", names=", ".join(sorted(known()))
            )
        if self.numbers:
            self.numbers.verify(f"{place}.numbers")
        for name in self.attributes:
            self._verify_attribute(f"{place}.attributes.{name}", name)
        for name in self.closed:
            self._verify_mark(f"{place}.closed.{name}", name)
        if self.container is not None:
            self._verify_container(f"{place}.container", self.container)

    def _verify_urls(self, place: str) -> None:
        if not self.urls:
            raise ConfigurationError("{place}: it must not be empty", place=f"{place}.urls")
        servers = {"urls": self.urls, "replicas": self.replicas}
        for key, number, url in [(key, *item) for key, urls in servers.items() for item in enumerate(urls)]:
            if not _is_server(url):
                raise ConfigurationError(
                    "{place}: expected ldaps://HOST or ldap://HOST, with :PORT if it is not the usual one, or ldapi://PATH"
                    " with %2F for each slash",
                    cure="leave out paths, filters and credentials; bases and the service account have their own keys",
                    place=f"{place}.{key}[{number}]",
                )

    def _verify_service_account(self, place: str) -> None:
        """Check that the service account can log in to every server: by a password, a certificate, or who we are."""
        if self.bind_dn and self.bind_password is None:
            raise ConfigurationError("{place}: it must not be empty", place=f"{place}.bind_password")
        remote = [url for url in self.servers if not is_local(url)]
        if not self.bind_dn and remote and (self.client_certificate is None or self.tls is TlsMode.NONE):
            raise ConfigurationError(
                "{place}: it must not be empty",
                cure="set bind_dn and bind_password, or client_certificate with encrypted servers",
                place=f"{place}.bind_dn",
            )

    def _verify_attribute(self, place: str, name: str) -> None:
        if name.lower() in {self.rdn.lower(), *NOT_FOR_TEMPLATES}:
            raise ConfigurationError("{place}: this attribute is not set by a template", place=place)
        if not self.templates[name]:
            raise ConfigurationError("{place}: it must not be empty", place=place)
        for template in self.templates[name]:
            verify(template, place, PLACEHOLDERS | ({NUMBER} if self.numbers else set()))

    def _verify_mark(self, place: str, name: str) -> None:
        """Check that a mark of closed accounts is no lock of the directory, and that open ones have always the same."""
        if name.lower() in {self.rdn.lower(), *NOT_FOR_TEMPLATES}:
            raise ConfigurationError("{place}: this attribute is not set by a template", place=place)
        if any(names_in(template) for template in self.templates.get(name, ())):
            raise ConfigurationError(
                "{place}: the value of an open account must have no placeholder",
                cure="write the value itself in attributes, or nothing if an open account has none",
                place=place,
            )

    def _verify_container(self, place: str, template: str) -> None:
        if not template:
            raise ConfigurationError("{place}: it must not be empty", place=place)
        for name, value in level_templates(template):
            if not NAME.fullmatch(name) or not value:
                raise ConfigurationError(
                    "{place}: expected ATTRIBUTE=VALUE, and a comma between levels",
                    cure="write the lowest container first, for example ou={{parent_name}}",
                    place=place,
                )
            if self.create_containers and name.lower() not in CONTAINER_CLASSES:
                raise ConfigurationError(
                    "{place}: containers that are named by {name} cannot be created",
                    cure="name them by one of {known}, or create them yourself and remove create_containers",
                    place=place,
                    name=name,
                    known=", ".join(CONTAINER_CLASSES),
                )
            verify(value, place, PLACEHOLDERS - OF_HOLDER)


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
