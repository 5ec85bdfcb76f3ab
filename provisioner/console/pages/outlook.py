"""How old passwords are, and what the rules do in the days to come."""

from __future__ import annotations

from typing import Any

from litestar.response import Response

from provisioner.console.begun import BegunForecast
from provisioner.console.live import LiveProgress
from provisioner.console.routing import reads, watches
from provisioner.console.visit import Visit, Visiting
from provisioner.core.api.rules import Action
from provisioner.core.model.text import Text
from provisioner.services.password_ages import LAST_DAYS
from provisioner.services.policy import Forecast

#: How many days the calendar has, and how many accounts it names for each action of a day.
_DAYS, _MOST = 35, 50

#: How many shades a table has besides white.
_SHADES = 5

#: How long an answer waits for a forecast, in seconds.
_PATIENCE = 2

#: How long a forecast may take, in seconds. Others wait for it.
_LONGEST_FORECAST = 120

#: The longest code of a unit.
_LONGEST = 100

_WEEKDAYS = (Text("Mon"), Text("Tue"), Text("Wed"), Text("Thu"), Text("Fri"), Text("Sat"), Text("Sun"))


@reads("/ages")
def ages(visit: Visiting) -> Response[str]:
    """Show how old the passwords are, by unit."""
    unit = visit.incoming.query.get("unit", "").strip()[:_LONGEST] or None
    overview = visit.app.password_ages.of(viewer=visit.person, unit=unit)
    firsts = [0, *(last + 1 for last in LAST_DAYS)]
    spans = [*zip(firsts, LAST_DAYS, strict=False), (firsts[-1], None)]
    return visit.page("ages.html", overview=overview, spans=spans, shade=lambda percent: _shade(percent, 100))


@reads("/calendar")
def calendar(visit: Visiting) -> Response[str]:
    """Show what the rules do on each of the next days."""
    begun = _forecast(visit)
    try:
        forecast: Forecast | None = begun.under_way.result(timeout=_PATIENCE)
    except TimeoutError:
        forecast = None
    days = forecast.days if forecast else ()
    actions = [action for action in Action if any(day.count(action) for day in days)]
    most = {action: max(day.count(action) for day in days) for action in actions}
    html = visit.html(
        "calendar.html",
        forecast=forecast,
        length=_DAYS,
        actions=actions,
        rows=[(day, visit.phrasing.text(_WEEKDAYS[day.date.weekday()]), _cells(day, actions, most)) for day in days],
        totals=[sum(day.count(action) for day in days) for action in actions],
        most=_MOST,
        at=begun.began_at,
    )
    return visit.live_page(html, is_live=forecast is None)


@watches("calendar")
def watch(visit: Visiting) -> LiveProgress:
    """Tell when the forecast of the person has ended."""
    begun = visit.console.forecasts.of(visit.person)
    return LiveProgress(is_over=begun is None or begun.under_way.done())


def _forecast(visit: Visit) -> BegunForecast:
    """Return the forecast of today for a person, which is begun if there is none."""
    console, person, now = visit.console, visit.person, visit.app.now()
    today = now.astimezone(visit.app.config.content.time_zone).date()
    roles = frozenset(grant.id for grant in visit.app.store.role_assignments.of(person) if grant.holds(now))
    with visit.one_at_a_time:
        known = console.forecasts.of(person)
        if known is None or (known.day, known.roles) != (today, roles) or _is_to_be_made_again(visit, known):
            deadlines, pace = visit.app.deadlines, console.background.pace(_LONGEST_FORECAST)
            under_way = console.background.look(lambda: deadlines.calendar(days=_DAYS, viewer=person, pace=pace))
            known = BegunForecast(began_at=now, day=today, roles=roles, under_way=under_way)
            console.forecasts.keep(person, known)
    return known


def _is_to_be_made_again(visit: Visit, known: BegunForecast) -> bool:
    """Whether the person wants a new forecast, or the known one failed."""
    return known.under_way.done() and ("again" in visit.incoming.query or known.under_way.exception() is not None)


def _cells(day: Any, actions: list[Action], most: dict[Action, int]) -> list[tuple[Action, list[str], int]]:
    """Return what happens on a day: for each action, the logins, and how dark it is shown."""
    found = []
    for action in actions:
        logins = [happening.login for happening in day.happenings if happening.deadline.action is action]
        found.append((action, logins, _shade(len(logins), most[action])))
    return found


def _shade(value: int, most: int) -> int:
    """Return how dark a value is shown, from 0 to 5."""
    return -(-_SHADES * value // most) if most else 0


HANDLERS = (ages, calendar, watch)
