"""One request of one person: what pages read of it, and how they answer."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import quote

import attrs
from litestar.di import NamedDependency
from litestar.enums import MediaType
from litestar.params import SkipValidation
from litestar.response import Response

from provisioner import templates
from provisioner.catalogue import Catalogue
from provisioner.config.early import LANGUAGES
from provisioner.console import assets
from provisioner.console.background import Background
from provisioner.console.begun import BegunComparison, BegunForecast, LastOfPersons
from provisioner.console.cures import as_on_pages, on_page
from provisioner.console.incoming import Incoming
from provisioner.console.lists import Lists
from provisioner.console.live import BY_ITSELF, LONGEST_SILENCE, Streams
from provisioner.console.sessions import ConsoleSession, ConsoleSessions
from provisioner.console.single_sign_on import SingleSignOn
from provisioner.console.site import LIVE_POLICY, Site
from provisioner.console.uploads import Upload
from provisioner.core.api.errors import InputError, Problem, StoreError
from provisioner.core.governance.log_ins import LoggedIn
from provisioner.core.model import mobile
from provisioner.core.model.log_ins import LogInWay
from provisioner.core.model.text import Text
from provisioner.oidc.tokens import ProviderIdentity
from provisioner.phrasing import Phrasing
from provisioner.services.application import Application

PACKAGE = "provisioner.console"

#: The cookies: the session, what the form of the log-in is bound to, what a log-in at the provider is bound to, and the
#: language.
SESSION, BEFORE, LANGUAGE = "provisioner-session", "provisioner-before", "provisioner-language"
AT_PROVIDER = "provisioner-at-provider"

_A_YEAR = 365 * 24 * 3600

#: The longest address of the console that a log-in leads back to.
_LONGEST_PATH = 500

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class SessionEndedError(Exception):
    """The session of the person has ended while a page was made."""


@attrs.frozen(kw_only=True)
class PagePhrasing(Phrasing):
    """Says messages to people who have no command line."""

    def said(self, text: Text) -> str:
        """Return a message as a page says it; see :meth:`Phrasing.said`."""
        return super().said(as_on_pages(text))


@attrs.define(eq=False, kw_only=True)
class Console:
    """What all requests share."""

    app: Application
    site: Site
    sessions: ConsoleSessions
    #: The messages, by language.
    catalogues: Mapping[str, Catalogue]
    #: The log-in at an OpenID provider; ``None`` if people log in in another way.
    single_sign_on: SingleSignOn | None = None
    #: Carries out what takes long.
    background: Background = attrs.field(factory=Background)
    #: The last comparison of each person, and the last forecast.
    comparisons: LastOfPersons[BegunComparison] = attrs.field(factory=LastOfPersons)
    forecasts: LastOfPersons[BegunForecast] = attrs.field(factory=LastOfPersons)
    #: Tell open pages how far long work has come.
    streams: Streams = attrs.field(factory=Streams)
    #: The lists that people have uploaded.
    lists: Lists = attrs.field(default=attrs.Factory(lambda self: Lists(now=self.app.now), takes_self=True))
    #: Binds the form of the log-in to a browser that has no session yet.
    key: bytes = attrs.field(factory=lambda: secrets.token_bytes(32), repr=False)


@attrs.define(eq=False, kw_only=True, slots=False)
class Visit:
    """One request, and the answer to it."""

    console: Console
    incoming: Incoming
    #: The network address of the person's computer.
    address: str
    #: The session; ``None`` if nobody is logged in.
    session: ConsoleSession | None
    form: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    #: The file that came with the form; ``None`` if there is none.
    upload: Upload | None = None
    #: The headers with the cookies that the answer sets.
    set_cookies: list[str] = attrs.field(factory=list, repr=False)
    #: The name of the person, as far as it is known.
    person_name: str = attrs.field(default="", repr=False)

    @property
    def app(self) -> Application:
        """The services."""
        return self.console.app

    @property
    def person(self) -> str:
        """The ID of the person. Only pages behind the log-in have one."""
        return self._known_session.person

    @property
    def language(self) -> str:
        """The language of the page: the one that the person has chosen, or else the configured one."""
        chosen = self.session.language if self.session else ""
        chosen = chosen or self.incoming.cookies.get(self.console.site.cookie_name(LANGUAGE), "")
        return chosen if chosen in LANGUAGES else self.app.config.content.language

    @cached_property
    def phrasing(self) -> Phrasing:
        """Says messages in the language of the page."""
        return PagePhrasing(catalogue=self.console.catalogues[self.language], time=self.time)

    def time(self, time: datetime | None) -> str:
        """Return a time, to the minute, as people write it where they are."""
        return f"{self.day(time)} {self._local(time):%H:%M}" if time else ""

    def day(self, time: datetime | None) -> str:
        """Return the day of a time, as people write it where they are."""
        if time is None:
            return ""
        local = self._local(time)
        if self.language == "tr":
            return f"{local:%d.%m.%Y}"
        return f"{local.day} {_MONTHS[local.month - 1]} {local.year}"

    @cached_property
    def csrf(self) -> str:
        """What every form of this browser contains."""
        return self.session.csrf if self.session else self._csrf_before_log_in()

    def text(self, name: str, *, longest: int = 500) -> str:
        """Return what a person wrote into a field of a form, without spaces around it.

        Raises:

            InputError: It is too long.
        """
        value = self.form.get(name, "").strip()
        if len(value) > longest:
            message = Text("it is longer than {count} characters", {"count": longest})
            raise InputError([Problem(field=name, message=message)])
        return value

    def page(self, template: str, *, status: int = 200, **values: object) -> Response[str]:
        """Return a page.

        Args:

            template: The name of the file.

            status: The status of the answer.

            values: What the template shows.
        """
        return Response(self.html(template, **values), media_type=MediaType.HTML, status_code=status)

    def html(self, template: str, **values: object) -> str:
        """Return the HTML of a page; see :meth:`page`."""
        notice = self.session.notice if self.session else None
        if self.session:
            self.session.notice = None
        return self.part(template, notice=self.phrasing.said(notice) if notice else "", **values)

    def part(self, template: str, **values: object) -> str:
        """Return the HTML of a part of a page. What the next page begins with stays for that page."""
        common = {
            "say": self.phrasing.text,
            "word": self.phrasing.word,
            "on_page": on_page,
            "time": self.time,
            "day": self.day,
            "masked_number": mobile.masked,
            "language": self.language,
            "csrf": self.csrf,
            "session": self.session,
            "person_name": self.person_name,
            "path": self.incoming.path,
            "asset": assets.address,
            "is_confirmed": self.is_confirmed,
            "is_by_itself": BY_ITSELF in self.incoming.query,
            "longest_silence": LONGEST_SILENCE,
            "is_demo": not self.console.site.is_secure,
        }
        return templates.render(PACKAGE, template, **common, **values)

    def live_page(self, html: str, *, is_live: bool, status: int = 200) -> Response[str]:
        """Return a page that shows how far long work has come.

        Args:

            html: The page.

            is_live: Whether the page updates itself, with the only script of the console.

            status: The status of the answer.
        """
        headers = {"content-security-policy": LIVE_POLICY} if is_live else {}
        return Response(html, media_type=MediaType.HTML, status_code=status, headers=headers)

    def redirect(self, path: str) -> Response[Any]:
        """Return an answer that leads to another page of the console."""
        location = quote(own_path(path), safe="/?=&%")
        return Response(None, media_type=MediaType.TEXT, status_code=303, headers={"location": location})

    @property
    def one_at_a_time(self) -> AbstractContextManager[object]:
        """A block that only one request of the session works in at a time."""
        return self._known_session.one_at_a_time

    def tell(self, notice: Text) -> None:
        """Let the next page of this session begin with a message."""
        self._known_session.notice = notice

    def is_confirmed(self, path: str) -> bool:
        """Whether the person has confirmed at the OpenID provider what is changed on a page of the console."""
        return self.session is not None and self.session.is_confirmed(path, self.app.now())

    def begin(self, log_in: LoggedIn, identity: ProviderIdentity | None = None) -> None:
        """Begin a session after a log-in. A session that the browser had before ends.

        Args:

            log_in: The log-in.

            identity: Who the person is at the OpenID provider; ``None`` without one.
        """
        self.end()
        token = self.console.sessions.begin(log_in, language=self.language, identity=identity)
        self.session = self.console.sessions.find(token)
        self.set_cookies.append(self.console.site.cookie(SESSION, token))
        self.set_cookies.append(self.console.site.cookie(BEFORE, "", longest=0))

    def end(self) -> None:
        """End the session of this browser."""
        if self.session:
            self.console.sessions.drop(self.session)
            self.person_name = ""
        if token := self.incoming.cookies.get(self.console.site.cookie_name(SESSION)):
            self.console.sessions.end(token)
            self.set_cookies.append(self.console.site.cookie(SESSION, "", longest=0))
        self.session = None

    def choose_language(self, language: str) -> None:
        """Let this browser get pages in a language from now on. Unknown languages change nothing."""
        if language in LANGUAGES:
            if self.session:
                self.session.language = language
            self.set_cookies.append(self.console.site.cookie(LANGUAGE, language, longest=_A_YEAR))

    def has_lost_account(self) -> bool:
        """Whether the account with which the person logged in was closed, handed over or given a new password."""
        session = self.session
        if session is None or not session.login:
            return False
        return not self.app.log_ins.still_holds(session.login, session.person, proved_at=session.proved_at)

    def has_ended(self) -> bool:
        """Whether the session has ended since the request came."""
        token = self.incoming.cookies.get(self.console.site.cookie_name(SESSION), "")
        return self.session is None or self.console.sessions.find(token, is_used=False) is not self.session

    def look_up_name(self) -> None:
        """Look up the name of the person, before the page is made: this can wait for the personnel system."""
        if self.session is None:
            return
        person = self.session.person
        try:
            self.person_name = self.app.persons.names([person]).get(person, person)
        except StoreError:  # the page may be the one that says so
            self.person_name = person

    def proxy_person(self) -> str:
        """Return whom the reverse proxy names; nobody if log-ins are not its matter."""
        settings = self.app.config.content.console
        if settings.log_in is not LogInWay.PROXY:
            return ""
        return self.incoming.headers.get(settings.person_header.lower(), "")

    @property
    def _known_session(self) -> ConsoleSession:
        if self.session is None:
            msg = "nobody is logged in"
            raise ValueError(msg)
        return self.session

    def _local(self, time: datetime) -> datetime:
        return time.astimezone(self.app.config.content.time_zone)

    def _csrf_before_log_in(self) -> str:
        site = self.console.site
        bound = self.incoming.cookies.get(site.cookie_name(BEFORE), "")
        if not bound:
            bound = secrets.token_urlsafe(32)
            self.set_cookies.append(site.cookie(BEFORE, bound))
        return hmac.digest(self.console.key, bound.encode(errors="replace"), "sha256").hex()


def required(value: str, field: str, missing: Text) -> str:
    """Return what a person wrote into a field that must not be empty.

    Args:

        value: It, as :meth:`Visit.text` returns it.

        field: The name of the field.

        missing: Says what is missing.

    Raises:

        InputError: It is empty.
    """
    if not value:
        raise InputError([Problem(field=field, message=missing)])
    return value


#: How a page declares that it wants the visit.
Visiting = NamedDependency[SkipValidation[Visit]]


def own_path(path: str) -> str:
    """Return an address of the console, and the start page for every other one.

    Args:

        path: A path with or without a query, for example from a form.
    """
    is_own = path.startswith("/") and not path.startswith(("//", "/\\")) and len(path) <= _LONGEST_PATH
    return path if is_own and path.isprintable() and "\\" not in path else "/"
