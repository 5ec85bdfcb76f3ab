"""Where the entries of accounts are, what they are called, and what they hold, as the settings say."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

import attrs

from provisioner.core.api.errors import ItemMisconfiguredError
from provisioner.core.model import Account, Person, Unit
from provisioner_ldap.entry import OBJECT_CLASS, Attributes
from provisioner_ldap.names import entry_dn, escaped
from provisioner_ldap.settings import LdapSettings
from provisioner_ldap.templates import NUMBER, filled, level_templates, names_in, placeholders, rendered

#: The naming attributes whose value is the mail address, and not the login.
_OF_ADDRESSES = frozenset({"mail", "rfc822mailbox"})


@attrs.frozen
class Subject:
    """An account with everything that templates are filled with."""

    account: Account
    unit: Unit
    #: The holder, if it is known.
    holder: Person | None = None
    #: The unit above the unit, if there is one and it is known.
    parent: Unit | None = None

    @property
    def places(self) -> dict[str, str]:
        """The values of placeholders."""
        return placeholders(self.account, self.unit, self.holder, self.parent)


@attrs.frozen
class ContainerLevel:
    """One container, and those above it."""

    dn: str
    attribute: str
    value: str


@attrs.frozen
class Layout:
    """The layout of one directory."""

    settings: LdapSettings

    @property
    def has_containers(self) -> bool:
        """Whether accounts are in containers below their base."""
        return self.settings.container is not None

    def name(self, account: Account) -> str:
        """Return the value of the naming attribute of an account."""
        return account.mail if self._is_named_by_address else account.login

    def login(self, name: str) -> str:
        """Return the login that a value of the naming attribute stands for."""
        return name.partition("@")[0] if self._is_named_by_address else name

    def dn(self, subject: Subject) -> str:
        """Return the name that an entry shall have.

        Raises:

            ItemMisconfiguredError: The unit above the unit is not known, and the container depends on it.
        """
        container = self.container(subject)
        if container is None:
            raise ItemMisconfiguredError(
                "the container of {login} depends on the unit above {unit}, which is not known",
                cure="import the unit {parent}, or correct the parent of {unit}",
                login=subject.account.login,
                unit=subject.unit.code,
                parent=subject.unit.parent or "",
            )
        return entry_dn(self.settings.rdn, self.name(subject.account), container)

    def below_base(self, account: Account) -> str:
        """Return the name of an entry that is in no container."""
        return entry_dn(self.settings.rdn, self.name(account), self.settings.base(account.kind))

    def container(self, subject: Subject) -> str | None:
        """Return the name of the entry that an account shall be below; ``None`` if it depends on something unknown."""
        levels = self.levels(subject)
        if levels is None:
            return None
        return levels[-1].dn if levels else self.settings.base(subject.account.kind)

    def levels(self, subject: Subject) -> Sequence[ContainerLevel] | None:
        """Return the containers between the base and an account, the topmost first.

        If a value in a template is blank, there is none: an account without a district is right below the base.
        ``None`` if it depends on something unknown.
        """
        template = self.settings.container or ""
        if not names_in(template) <= subject.places.keys():
            return None
        named = [(name, _tidy(filled(value, subject.places))) for name, value in level_templates(template)]
        if not all(value for _, value in named):
            return ()
        return tuple(_levels(named, self.settings.base(subject.account.kind)))

    def wanted(self, subject: Subject, number: str | None = None) -> Attributes:
        """Return what an entry shall hold, its name aside. Without a holder, what is made from one is left out.

        Args:

            subject: The account.

            number: Its POSIX number. Without one, what is made from it is left out.
        """
        classes = tuple(name.encode() for name in self.settings.object_classes)
        places = subject.places
        if number:
            places[NUMBER] = number
        return {OBJECT_CLASS: classes, **rendered(self.settings.templates, places)}

    def unmarked(self, wanted: Attributes) -> Attributes:
        """Return what an entry that is there shall hold, whether it is open or closed."""
        return {name: values for name, values in wanted.items() if name not in self.settings.closed}

    @property
    def number_attributes(self) -> Sequence[str]:
        """The attributes that have the POSIX number."""
        return [name for name, values in self.settings.templates.items() if values == (f"{{{NUMBER}}}",)]

    @property
    def own_attributes(self) -> Sequence[str]:
        """The attributes whose values are made from the login."""
        templates = self.settings.templates.items()
        return [name for name, values in templates if any({"login", "mail"} & names_in(value) for value in values)]

    @property
    def log_in_attributes(self) -> Sequence[str]:
        """The attributes whose values log in: the naming attribute, and those made from the login that are no paths."""
        templates = self.settings.templates
        return [self.settings.rdn, *(name for name in self.own_attributes if "/" not in "".join(templates[name]))]

    @property
    def _is_named_by_address(self) -> bool:
        return self.settings.rdn.lower() in _OF_ADDRESSES


def _levels(named: Sequence[tuple[str, str]], base: str) -> Iterator[ContainerLevel]:
    dn = base
    for name, value in named:
        dn = f"{name}={escaped(value)},{dn}"
        yield ContainerLevel(dn, name, value)


def _tidy(value: str) -> str:
    """Return a value of a name as directories compare it: spaces at its ends and between words count once."""
    return " ".join(unicodedata.normalize("NFC", value).split())
