"""Many accounts, put onto a system without a plug-in."""

from __future__ import annotations

from collections.abc import Iterable

#: So many that every plug-in lists them in several pages.
LOGINS = [f"kalabalik{number:05}" for number in range(10_000)]

_ENTRY = """\
dn: uid={login},{base}
objectClass: inetOrgPerson
uid: {login}
cn: {login}
sn: {login}
mail: {login}@meb.gov.tr

"""


def ldif(base: str, logins: Iterable[str]) -> str:
    """Return the entries of a directory."""
    return "".join(_ENTRY.format(login=login, base=base) for login in logins)
