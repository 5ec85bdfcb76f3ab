"""Finding accounts, one account, and what is due soon."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from litestar.params import FromPath
from litestar.response import Response

from provisioner.console.routing import changes, reads
from provisioner.console.visit import Visit, Visiting
from provisioner.services.account_overview import AccountOverview
from provisioner.services.search import SHORTEST

#: The days of the page with what is due, and how many accounts it shows.
_DAYS, _MOST = 7, 200

#: The longest text that is searched for.
_LONGEST = 100


@reads("/")
def search(visit: Visiting) -> Response[str]:
    """Search for accounts; without words, show those of the person."""
    words = visit.incoming.query.get("q", "").strip()[:_LONGEST]
    service = visit.app.search
    found = service.find(words, viewer=visit.person) if words else service.held_by(visit.person)
    return visit.page("search.html", words=words, found=found, is_short=bool(words) and len(words) < SHORTEST)


@reads("/accounts/{login:str}")
def show(visit: Visiting, login: FromPath[str]) -> Response[str]:
    """Show one account."""
    return _shown(visit, login)


@changes("/accounts/{login:str}/number")
def show_number(visit: Visiting, login: FromPath[str]) -> Response[str]:
    """Show the whole mobile number of the holder, once."""
    person = visit.app.account_overviews.number_of_holder(login, viewer=visit.person)
    return _shown(visit, login, number=person.mobile or "")


@reads("/due")
def due(visit: Visiting) -> Response[str]:
    """Show what is due soon."""
    accounts = visit.app.deadlines.within(timedelta(days=_DAYS), viewer=visit.person, limit=_MOST + 1)
    found = visit.app.search.named(accounts[:_MOST])
    return visit.page("due.html", items=found, days=_DAYS, now=visit.app.now(), is_complete=len(accounts) <= _MOST)


def _shown(visit: Visit, login: str, *, number: str | None = None) -> Response[Any]:
    overview = visit.app.account_overviews.of(login, viewer=visit.person)
    return visit.page("account.html", one=overview, number=number, names=visit.app.persons.names(_persons(overview)))


def _persons(overview: AccountOverview) -> list[str | None]:
    return [
        overview.account.holder,
        *(delivery.person for delivery in overview.deliveries),
        *(person for operation in overview.operations for person in (operation.actor, operation.holder)),
        *(request.requester for request in overview.requests),
    ]


HANDLERS = (search, show, show_number, due)
