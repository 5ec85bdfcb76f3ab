"""Accounts: search, one account, what is due, and closing one in an emergency."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from litestar.params import JSONBody, QueryParameter
from litestar.response import Response

from provisioner.console.api.call import PAGE, Calling
from provisioner.console.api.problems import looked_up
from provisioner.console.api.resources.parts import Limit, Login, Offset, run_answer
from provisioner.console.api.routing import changes, reads
from provisioner.console.api.shapes import (
    AccountAnswer,
    AccountItems,
    FoundItems,
    ReasonBody,
    RunAnswer,
    TokenAnswer,
)
from provisioner.core.engine.plan import Initiator
from provisioner.documents import account_document, delivery_document, token_document
from provisioner.services.account_details import account_details

Words = Annotated[
    str, QueryParameter(name="q", min_length=1, max_length=100, description="What people know of an account.")
]
Days = Annotated[int, QueryParameter(ge=0, le=366, description="The number of days from now.")]


@reads("/token")
def show_token(call: Calling) -> Response[TokenAnswer]:
    """Show the token of this request, without its secret part."""
    return call.answer(token_document(call.token))


@reads("/accounts")
def search(call: Calling, words: Words) -> Response[FoundItems]:
    """Search for accounts that the owner of the token may read.

    The words are the beginning of a login, a part of the name of a unit or of a holder, the code of a unit, the ID of
    a holder, or the last four digits of the holder's mobile number. At most 50 accounts are found.
    """
    found = call.app.search.find(words, viewer=call.actor)
    details = account_details(call.app.store, [item.account for item in found.items])
    return call.answer({"items": [account_document(account) for account in details], "is_complete": found.is_complete})


@reads("/accounts/{login:str}")
def show(call: Calling, login: Login) -> Response[AccountAnswer]:
    """Show an account, with its state on each target and its last message with a password."""
    with looked_up():
        overview = call.app.account_overviews.of(login, viewer=call.actor)
    delivery = next(iter(overview.deliveries), None)
    document = account_document(overview.details, overview.last_seen)
    return call.answer({**document, "delivery": delivery_document(delivery)})


@reads("/due")
def due(call: Calling, days: Days = 7, limit: Limit = PAGE, offset: Offset = 0) -> Response[AccountItems]:
    """List accounts with a deadline in the next days, the most urgent first."""
    accounts = call.app.deadlines.within(timedelta(days=days), viewer=call.actor, limit=offset + limit + 1)
    items = [account_document(details) for details in account_details(call.app.store, accounts)]
    return call.page(items, limit=limit, offset=offset)


@changes("/accounts/{login:str}/close")
def close(call: Calling, login: Login, data: JSONBody[ReasonBody]) -> Response[RunAnswer]:
    """Close an account now, on every target that can be reached; the others follow."""
    with looked_up():
        call.app.accounts.find([login])
    initiator = Initiator(actor=call.actor, reason=data.reason)
    return run_answer(call, call.app.runs.start(call.app.accounts.plan_closing([login], initiator, again=True)))


HANDLERS = (show_token, search, show, due, close)
