"""Logging in and out, and the language."""

from __future__ import annotations

from typing import Any

from litestar.response import Response

from provisioner.console.failures import Failure, failure_of
from provisioner.console.pages.provider import leave_for_provider, log_out_address
from provisioner.console.routing import changes, reads
from provisioner.console.visit import SessionEndedError, Visit, Visiting, own_path
from provisioner.core.api.errors import DeniedError, TargetError
from provisioner.core.model.log_ins import LogInWay
from provisioner.core.model.secret import Secret

#: The longest password that is passed on.
_LONGEST = 1024


@reads("/login")
def form(visit: Visiting) -> Response[Any]:
    """Show the form, let a person in whom the reverse proxy names, or send one to the OpenID provider."""
    wanted = own_path(visit.incoming.query.get("next", "/"))
    if visit.session:
        return visit.redirect(wanted)
    if visit.app.config.content.console.log_in is LogInWay.PROXY:
        visit.begin(visit.app.log_ins.by_proxy(visit.proxy_person(), address=visit.address))
        return visit.redirect(wanted)
    if visit.console.single_sign_on:
        return leave_for_provider(visit, wanted)
    return _form(visit, wanted)


@changes("/login")
def log_in(visit: Visiting) -> Response[Any]:
    """Log a person in with a login and a password."""
    wanted = own_path(visit.form.get("next", "/"))
    login = visit.text("login", longest=100)
    try:
        visit.begin(visit.app.log_ins.with_password(login, password_of(visit), address=visit.address))
    except (DeniedError, TargetError) as error:
        return _form(visit, wanted, login=login, failure=failure_of(error))
    return visit.redirect(wanted)


@reads("/me")
def show_session(visit: Visiting) -> Response[str]:
    """Show the session, and how to end it."""
    return visit.page("me.html")


@changes("/logout")
def log_out(visit: Visiting) -> Response[Any]:
    """End this session, or all sessions of the person."""
    person, everywhere = visit.person, bool(visit.form.get("everywhere"))
    if everywhere:
        visit.console.sessions.end_all(person)
    visit.end()
    visit.app.log_ins.log_out(person, everywhere=everywhere)
    address = log_out_address(visit)
    page = visit.page("logged_out.html", everywhere=everywhere, at_provider=address)
    if address:
        page.headers["refresh"] = f"0;url={address}"
    return page


@changes("/language")
def choose_language(visit: Visiting) -> Response[Any]:
    """Show the pages in another language from now on."""
    visit.choose_language(visit.form.get("language", ""))
    return visit.redirect(visit.form.get("next", "/"))


def password_of(visit: Visit) -> Secret:
    """Return the password that a person typed.

    Raises:

        DeniedError: There is none, or it is too long to be one.
    """
    typed = visit.form.get("password", "")
    if not typed or len(typed) > _LONGEST:
        raise DeniedError("the password is missing")
    return Secret(typed, passing=True)


def _form(visit: Visit, wanted: str, *, login: str = "", failure: Failure | None = None) -> Response[str]:
    status = failure.status if failure else 200
    return visit.page("log_in.html", status=status, next=wanted, login=login, failure=failure)


def require_proof(visit: Visit) -> None:
    """Check that the person who confirms a change is the one who is logged in.

    A person who logged in with a password gives it again. A person whom the proxy names was named in this request too.
    A person who logged in at the OpenID provider has logged in there again, for this page.

    Raises:

        DeniedError: The password is wrong, or the person has not logged in again.

        SessionEndedError: The account has another holder by now.

        TargetError: The target can't answer.
    """
    session = visit.session
    if session is None or session.way is LogInWay.PROXY:
        return
    if session.way is LogInWay.OIDC:
        if not visit.is_confirmed(visit.incoming.path):
            raise DeniedError(
                "you have not confirmed the change", cure="choose 'Confirm that it is you' on this page, then try again"
            )
        return
    log_in = visit.app.log_ins.with_password(session.login, password_of(visit), address=visit.address)
    if log_in.actor != session.person:
        visit.end()
        raise SessionEndedError


HANDLERS = (form, log_in, show_session, log_out, choose_language)
