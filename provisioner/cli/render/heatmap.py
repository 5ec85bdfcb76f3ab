"""The calendar of a simulation, as a page that a manager can look at: the darker a day, the more happens on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from provisioner.cli.render.pages import filled, tag
from provisioner.cli.session import Session
from provisioner.core.api.rules import Action
from provisioner.core.model.text import Text
from provisioner.core.policy.simulation import Day

#: How many shades there are besides white.
SHADES = 5


def page(days: Sequence[Day], session: Session) -> str:
    """Return a page with one calendar for each action that occurs."""
    text = session.output.text
    actions = [action for action in Action if any(day.count(action) for day in days)]
    return filled(
        "heatmap.html",
        language=session.language,
        title=tag("h1", text("What the rules would do from {first} to {last}", first=days[0].date, last=days[-1].date)),
        calendars="\n".join(_calendar(action, days, session) for action in actions),
        note=tag("p", text("nothing was changed")),
    )


def _calendar(action: Action, days: Sequence[Day], session: Session) -> str:
    counts = {day.date: day.count(action) for day in days}
    most, total = max(counts.values()), sum(counts.values())
    weekdays = "".join(tag("th", session.output.said(name), scope="col") for name in _WEEKDAYS)
    rows = "\n".join(
        f"<tr>{tag('th', week[0].isoformat(), scope='row')}{''.join(_cell(day, counts, most) for day in week)}</tr>"
        for week in _weeks(days[0].date, days[-1].date)
    )
    heading = tag("h2", f"{session.output.word(action)}: {total}")
    return f"<section>{heading}<table><tr><th></th>{weekdays}</tr>\n{rows}</table></section>"


def _cell(day: date, counts: dict[date, int], most: int) -> str:
    if day not in counts:
        return "<td></td>"
    count = counts[day]
    shade = -(-SHADES * count // most)
    return tag("td", count or "·", class_=f"shade{shade}", title=day.isoformat())


def _weeks(first: date, last: date) -> Iterator[list[date]]:
    """Yield the weeks from Monday to Sunday that hold these days."""
    monday = first - timedelta(days=first.weekday())
    while monday <= last:
        yield [monday + timedelta(days=number) for number in range(7)]
        monday += timedelta(weeks=1)


_WEEKDAYS = (Text("Mon"), Text("Tue"), Text("Wed"), Text("Thu"), Text("Fri"), Text("Sat"), Text("Sun"))
