"""The calendar of a simulation, as a page that a manager can look at: the darker a day, the more happens on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import attrs

from provisioner import templates
from provisioner.cli.session import Session
from provisioner.core.api.rules import Action
from provisioner.core.model.text import Text
from provisioner.core.policy.simulation import Day

#: How many shades there are besides white.
SHADES = 5


@attrs.frozen
class CalendarDay:
    """One day of one action."""

    date: date
    #: To how many accounts it happens; ``None`` outside the simulation.
    count: int | None
    #: The count of the day on which most happens.
    _most: int

    @property
    def shade(self) -> int:
        """How dark the day is, from 0 to :data:`SHADES`."""
        return -(-SHADES * (self.count or 0) // self._most)


def page(days: Sequence[Day], session: Session) -> str:
    """Return a page with one calendar for each action that occurs."""
    output = session.output
    actions = [action for action in Action if any(day.count(action) for day in days)]
    return templates.render(
        __package__,
        "heatmap.html",
        language=session.language,
        title=output.text("What the rules would do from {first} to {last}", first=days[0].date, last=days[-1].date),
        weekdays=[output.said(name) for name in _WEEKDAYS],
        calendars=[
            {
                "action": output.word(action),
                "total": sum(day.count(action) for day in days),
                "weeks": _weeks(action, days),
            }
            for action in actions
        ],
        note=output.text("nothing was changed"),
    )


def _weeks(action: Action, days: Sequence[Day]) -> Iterator[list[CalendarDay]]:
    """Yield the weeks from Monday to Sunday that contain these days."""
    counts = {day.date: day.count(action) for day in days}
    most = max(counts.values())
    monday = days[0].date - timedelta(days=days[0].date.weekday())
    while monday <= days[-1].date:
        dates = [monday + timedelta(days=number) for number in range(7)]
        yield [CalendarDay(day, counts.get(day), most) for day in dates]
        monday += timedelta(weeks=1)


_WEEKDAYS = (Text("Mon"), Text("Tue"), Text("Wed"), Text("Thu"), Text("Fri"), Text("Sat"), Text("Sun"))
