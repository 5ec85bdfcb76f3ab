"""The containers of accounts, such as one for each district."""

from __future__ import annotations

from collections.abc import Sequence

from provisioner.core.api.errors import ItemMisconfiguredError
from provisioner_ldap.client import LdapSession
from provisioner_ldap.entry import OBJECT_CLASS
from provisioner_ldap.layout import ContainerLevel
from provisioner_ldap.settings import CONTAINER_CLASSES


def provide(session: LdapSession, levels: Sequence[ContainerLevel], *, create: bool) -> None:
    """Create the containers that are missing.

    Args:

        session: The session of the service account.

        levels: The containers, the topmost first.

        create: Whether the settings allow it.

    Raises:

        ItemMisconfiguredError: They don't.
    """
    for level in levels:
        if session.read(level.dn, ()).exists:
            continue
        if not create:
            raise ItemMisconfiguredError(
                "{server} has no container {dn}",
                cure="create it, or set create_containers = true",
                server=session.server,
                dn=level.dn,
            )
        classes = (CONTAINER_CLASSES[level.attribute.lower()].encode(),)
        session.add(level.dn, {OBJECT_CLASS: classes, level.attribute: (level.value.encode(),)})
