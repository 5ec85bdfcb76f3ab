"""Logins and mail addresses: how they are formed, and which are valid."""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

from provisioner.core.model.accounts import Unit

#: A user name: one word of letters and digits (000 m.4/f), with the three characters that mailboxes can contain inside
#: it.
LOGIN = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")


@attrs.frozen(kw_only=True)
class Naming:
    """How mail addresses are formed.

    Args:

        domain: The domain after the login of an account.

        domain_of_kind: The same for units of certain kinds, if they have their own domain.
    """

    domain: str
    domain_of_kind: Mapping[str, str] = attrs.field(factory=dict)

    def domain_for(self, unit: Unit) -> str:
        """Return the mail domain of the accounts of *unit*."""
        return self.domain_of_kind.get(unit.kind, self.domain)

    def login(self, text: str) -> str:
        """Return the login in *text*, which may end with one of the domains, in lower case.

        Raises:

            ValueError: It is not a valid login.
        """
        login, _, domain = text.strip().lower().partition("@")
        if domain and domain not in {self.domain, *self.domain_of_kind.values()}:
            raise ValueError(domain)
        if not LOGIN.fullmatch(login):
            raise ValueError(login)
        return login
