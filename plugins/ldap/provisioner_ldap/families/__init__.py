"""The kinds of directories there are: those of this plug-in, and those that other packages bring.

Another package registers a :class:`~provisioner_ldap.families.base.Family` under the entry point group :data:`GROUP`.
Nothing heavy is imported before a family is needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from provisioner.core.api.errors import MisconfiguredError

if TYPE_CHECKING:
    from provisioner_ldap.entry import Entry
    from provisioner_ldap.families.base import Family

#: The group of entry points in which packages register further families.
GROUP = "provisioner_ldap.families"

#: What is read of the root DSE: enough to recognise a directory, and to name it.
ROOT = (
    "vendorName",
    "vendorVersion",
    "supportedExtension",
    "supportedControl",
    "supportedCapabilities",
    "defaultNamingContext",
    "currentTime",
)

_OWN: Mapping[str, str] = {
    "active-directory": "provisioner_ldap.families.active_directory:ActiveDirectory",
    "389ds": "provisioner_ldap.families.dirsrv389:Dirsrv389",
    "openldap": "provisioner_ldap.families.openldap:OpenLdap",
}


def known() -> Mapping[str, EntryPoint]:
    """Return every family by its name. One of another package replaces ours of the same name."""
    own = {name: EntryPoint(name, place, GROUP) for name, place in _OWN.items()}
    return {**own, **{found.name: found for found in entry_points(group=GROUP)}}


def load(name: str) -> Family:
    """Return the family of this name.

    Raises:

        MisconfiguredError: It cannot be imported.
    """
    try:
        family: Family = known()[name].load()()
    except Exception as error:
        raise MisconfiguredError(
            "the directory family {name} cannot be loaded: {reason}",
            cure="install the package that brings the family, or correct family",
            name=name,
            reason=type(error).__name__,
        ) from error
    return family


def recognised(root: Entry, server: str) -> Family:
    """Return the family of a server, as its root DSE shows it. Those of other packages are asked first.

    Raises:

        MisconfiguredError: None takes it for its own.
    """
    others_first = sorted(known(), key=_OWN.__contains__)
    for family in map(load, others_first):
        if family.recognises(root):
            return family
    raise MisconfiguredError(
        "{server} does not show which kind of directory it is",
        cure="set family, or let the service account read the root DSE",
        server=server,
    )
