"""Who gets notices over which channel."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import attrs

from provisioner.core.model import Person, Unit
from provisioner.core.model.scope import Scope


@attrs.frozen(kw_only=True)
class Audience:
    """The persons who get notices over a channel: these, and those who work in these units."""

    #: Their IDs.
    persons: frozenset[str] = frozenset()
    #: The units; ``None`` for none.
    units: Scope | None = None


@attrs.frozen(kw_only=True)
class Audiences:
    """Who gets notices over which channel. Channels that also deliver passwords reach everybody, unless restricted.

    Args:

        by_channel: The persons who were chosen for a channel, by its name.

        open_to_all: The names of the channels that reach everybody if nobody was chosen.

        units: Returns the units with these codes, by code.

        path_of: Returns the codes from the unit with this code up to the top.
    """

    by_channel: Mapping[str, Audience]
    open_to_all: Collection[str]
    units: Callable[[Iterable[str]], Mapping[str, Unit]]
    path_of: Callable[[str], Sequence[str]]

    def include(self, channel: str, person: Person) -> bool:
        """Whether a person gets notices over a channel.

        Args:

            channel: The name of the channel.

            person: The person.
        """
        chosen = self.by_channel.get(channel)
        if chosen is None:
            return channel in self.open_to_all
        return person.id in chosen.persons or (chosen.units is not None and self._works_in(person, chosen.units))

    def _works_in(self, person: Person, scope: Scope) -> bool:
        unit = self.units([person.unit]).get(person.unit) if person.unit else None
        return unit is not None and scope.specificity(unit.kind, self.path_of(unit.code)) is not None
