"""OpenLDAP without a password policy: an access rule keeps closed accounts out.

A family of the plug-in ``ldap`` for directories that mark closed accounts with ``employeeType: closed`` and have this
access rule in front of all others::

    olcAccess: to dn.subtree="ou=units,dc=example,dc=org" filter=(employeeType=closed) attrs=userPassword
      by dn.exact="cn=provisioner,dc=example,dc=org" write by * none
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from provisioner.core.api.errors import MisconfiguredError
from provisioner_ldap.entry import Attributes, Entry
from provisioner_ldap.families.base import Family
from provisioner_ldap.ppolicy import PASSWORD_MODIFY

#: The value of the switch that closes an account. Other values belong to others.
CLOSED = b"closed"


class AclFamily(Family):
    """Directories in which an access rule refuses the log-ins of marked accounts."""

    switch: ClassVar[str] = "employeeType"
    locks: ClassVar[tuple[str, ...]] = ("employeeType",)

    def recognises(self, root: Entry) -> bool:
        """Never: the root DSE shows no access rules. The configuration says ``family = "openldap-acl"``."""
        return False

    def lock(self, entry: Entry, now: datetime) -> str:
        """See whether the account is marked."""
        return "employeeType=closed" if CLOSED in entry[self.switch] else ""

    def disabling(self, entry: Entry, now: datetime) -> Attributes:
        """Mark the account."""
        return {} if self.lock(entry, now) else {self.switch: (*entry[self.switch], CLOSED)}

    def enabling(self, entry: Entry) -> Attributes:
        """Remove the mark, and keep what else the attribute says."""
        kept = tuple(value for value in entry[self.switch] if value != CLOSED)
        return {self.switch: kept} if kept != entry[self.switch] else {}

    def expect_support(self, root: Entry, server: str) -> None:
        """Check that passwords can be set."""
        if PASSWORD_MODIFY.encode() not in root["supportedExtension"]:
            raise MisconfiguredError("{server} cannot set passwords", server=server)
