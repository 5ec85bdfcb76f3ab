"""Log-ins at an OpenID provider: what people come back with, and what the provider tells the console itself."""

from __future__ import annotations

import json
import secrets
from typing import Any

from litestar.enums import MediaType
from litestar.exceptions import NotFoundException
from litestar.response import Response

from provisioner.console.attempts import LONGEST, LogInAttempt
from provisioner.console.routing import changes, reads
from provisioner.console.sessions import Confirmation, ConsoleSession
from provisioner.console.single_sign_on import BACK_CHANNEL, CALLBACK, CONFIRM, LOGGED_OUT, SingleSignOn
from provisioner.console.visit import AT_PROVIDER, Visit, Visiting, own_path
from provisioner.core.api.errors import DeniedError, TargetError
from provisioner.core.api.logs import Logger
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import Text
from provisioner.oidc.client import OidcClient
from provisioner.oidc.documents import error_code
from provisioner.oidc.tokens import ProviderIdentity, refused

log = Logger(__name__)

#: The longest code that is passed on.
_LONGEST_CODE = 2048


@reads(CALLBACK)
def come_back(visit: Visiting) -> Response[Any]:
    """Let a person in who comes back from the provider, or take the confirmation of a change."""
    way, query = _way(visit), visit.incoming.query
    browser = visit.incoming.cookies.get(visit.console.site.cookie_name(AT_PROVIDER), "")
    attempt = way.attempts.end(query.get("state", ""), browser)
    if attempt is None:
        raise DeniedError(
            "this log-in did not begin in this browser, is over, or took longer than {minutes} minutes",
            cure="log in again; the browser must accept cookies",
            minutes=int(LONGEST.total_seconds()) // 60,
        )
    try:
        with way.asking() as client:
            identity = _identity(visit, client, attempt)
    except DeniedError:
        visit.app.log_ins.refuse_answer(visit.address)
        raise
    if attempt.session:
        _require_same_session(visit, attempt.session, identity.subject)
    log_in = visit.app.log_ins.by_provider(identity.named_by(way.settings.person_claim), address=visit.address)
    if attempt.session:
        attempt.session.confirmation = Confirmation(page=attempt.wanted.partition("?")[0], at=visit.app.now())
        return visit.redirect(attempt.wanted)
    visit.begin(log_in, identity)
    if way.log_outs.has_ended(identity.session):
        visit.end()
        raise refused(Text("you have logged out there in the meantime"))
    return visit.redirect(attempt.wanted)


@reads(CONFIRM)
def confirm(visit: Visiting) -> Response[Any]:
    """Send a person to the provider, to give the password again before a change."""
    return leave_for_provider(visit, own_path(visit.incoming.query.get("next", "/")), session=visit.session)


@reads(LOGGED_OUT)
def logged_out(visit: Visiting) -> Response[Any]:
    """Tell a person who comes back from the log-out at the provider that it is done."""
    _way(visit)
    return visit.redirect("/") if visit.session else visit.page("logged_out.html", everywhere=False, at_provider="")


@changes(BACK_CHANNEL)
def end_sessions(visit: Visiting) -> Response[Any]:
    """End the sessions of which the provider says that their people have logged out there."""
    way = _way(visit)
    try:
        with way.asking() as client:
            ended = client.ended(visit.form.get("logout_token", ""))
        if not way.log_outs.is_new(ended):
            raise refused(Text("the token was used before"))
    except DeniedError as error:
        log.warning("logout_token_refused", reason=str(error.text.values["reason"]))
        body = json.dumps({"error": "invalid_request"})
        return Response(body, media_type=MediaType.JSON, status_code=400)
    count = visit.console.sessions.end_at_provider(ended)
    log.info("sessions_ended_by_provider", count=count)
    return Response(None, media_type=MediaType.TEXT, status_code=200)


def leave_for_provider(visit: Visit, wanted: str, *, session: ConsoleSession | None = None) -> Response[Any]:
    """Return an answer that leads to the log-in at the provider.

    Args:

        visit: The request.

        wanted: The page of the console that is shown afterwards.

        session: The session whose person confirms a change; ``None`` for a log-in.

    Raises:

        TargetError: The provider doesn't answer.
    """
    way, site = _way(visit), visit.console.site
    browser = visit.incoming.cookies.get(site.cookie_name(AT_PROVIDER), "") or secrets.token_urlsafe(32)
    challenge = way.attempts.begin(browser, address=visit.address, wanted=wanted, session=session)
    with way.asking() as client:
        address = client.address_for(challenge)
    visit.set_cookies.append(site.cookie(AT_PROVIDER, browser, longest=int(LONGEST.total_seconds())))
    return Response(None, media_type=MediaType.TEXT, status_code=303, headers={"location": address})


def log_out_address(visit: Visit) -> str:
    """Return where a person logs out at the provider; an empty text if there is none, or it is not known.

    A provider that does not answer must not keep anybody from logging out here.
    """
    way = visit.console.single_sign_on
    if way is None:
        return ""
    try:
        with way.asking() as client:
            return client.log_out_address(way.logged_out_address)
    except TargetError as error:
        log.warning("provider_log_out_not_known", error=type(error).__name__)
        return ""


def _way(visit: Visit) -> SingleSignOn:
    if visit.console.single_sign_on is None:
        raise NotFoundException
    return visit.console.single_sign_on


def _identity(visit: Visit, client: OidcClient, attempt: LogInAttempt) -> ProviderIdentity:
    """Return who has logged in.

    Raises:

        DeniedError: The answer of the provider is not accepted, or the person did not log in.

        TargetError: The provider doesn't answer, or refuses the code.
    """
    query = visit.incoming.query
    client.require_provider(query)
    if "error" in query:
        raise DeniedError(
            "the log-in of your organisation did not let you in: {code}",
            cure="log in again; if it happens again, tell the administrators",
            code=error_code(query["error"]) or "error",
        )
    code = query.get("code", "")
    if not code or len(code) > _LONGEST_CODE:
        raise refused(Text("it has no code"))
    return client.identity(Secret(code, passing=True), attempt.challenge)


def _require_same_session(visit: Visit, session: ConsoleSession, subject: str) -> None:
    """Check that the person who confirms a change is the one who is logged in, in the same browser.

    Raises:

        DeniedError: It is another one, or the session has ended.
    """
    if visit.session is not session or subject != session.subject:
        raise DeniedError(
            "the change was confirmed by another person, or your session has ended",
            cure="log in again as the person who makes the change",
        )


HANDLERS = (come_back, confirm, logged_out, end_sessions)
