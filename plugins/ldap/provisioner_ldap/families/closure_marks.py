"""What a closed account has in addition to the lock of its directory, for programs that read it instead of logging in.

It never replaces the lock: a directory accepts the password of an account whose only mark is an attribute of a mail
server.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, cast

from provisioner_ldap.entry import Attributes, Entry
from provisioner_ldap.families.base import Family


class ClosureMarks(Family):
    """A family whose closed accounts have further attributes. Mixed in before the family of a directory."""

    #: The attributes of a closed account.
    marks: ClassVar[Mapping[str, str]]
    #: The same attributes of an open one.
    cleared: ClassVar[Attributes]

    def lock(self, entry: Entry, now: datetime) -> str:
        """See the lock of the directory, and then a mark, which another program may have set as well."""
        marked = (f"{name}={value}" for name, value in self.marks.items() if value in entry.texts(name))
        return super().lock(entry, now) or next(marked, "")  # type: ignore[safe-super] # the family behind has it

    def disabling(self, entry: Entry, now: datetime) -> Attributes:
        """Lock the account, and set the marks."""
        marks = {name: (value.encode(),) for name, value in self.marks.items() if entry.texts(name) != [value]}
        return {**super().disabling(entry, now), **marks}  # type: ignore[safe-super] # the family behind has it

    def enabling(self, entry: Entry) -> Attributes:
        """Remove the locks, and the marks."""
        cleared = {name: values for name, values in self.cleared.items() if entry[name] != values}
        return {**super().enabling(entry), **cleared}  # type: ignore[safe-super] # the family behind has it


def with_marks(family: Family, marks: Mapping[str, str], cleared: Attributes) -> Family:
    """Return a family whose closed accounts have marks; the same family if there are none.

    Args:

        family: The family of the directory.

        marks: The attributes of a closed account.

        cleared: The same attributes of an open one.
    """
    if not marks:
        return family
    kind = type(family)
    locks = tuple(dict.fromkeys([*kind.locks, *marks]))
    members = {"marks": marks, "cleared": cleared, "locks": locks}
    return cast("Family", type(f"Marked{kind.__name__}", (ClosureMarks, kind), members)())
