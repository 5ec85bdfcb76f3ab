"""How PYS is spoken to. This file is the only one that knows its paths and the shape of its documents.

Every change is one request, sent once: whether it is sent again is the engine's decision. Passwords and the API key
travel in bodies and headers and never in an address, which ends up in logs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Self, TypeVar
from urllib.parse import quote

import attrs

from provisioner.core.api.errors import MisconfiguredError, MissingError
from provisioner.core.model import Person
from provisioner.core.model.secret import Secret
from provisioner.net.http import HttpClient, Response
from provisioner_pys.errors import from_answer, lost

ValueT = TypeVar("ValueT")

#: The path of what is about no account and no person.
STATUS = "/status"


@attrs.frozen(kw_only=True)
class PysStatus:
    """What PYS says of itself."""

    service: str
    version: str
    #: Whether it can take changes back.
    undo: bool


@attrs.frozen(kw_only=True)
class PysAccount:
    """An account as PYS has it."""

    login: str
    unit: str
    holder: str | None
    enabled: bool
    #: When the password was last set.
    changed_at: str


@attrs.frozen(kw_only=True)
class PysChange:
    """What a change did."""

    #: Whether the account is another one than before.
    changed: bool
    #: What to give to :meth:`PysClient.undo`; it says nothing to anybody but PYS. ``None`` if there is no way back.
    undo_token: str | None


@attrs.define(eq=False)
class PysClient:
    """One PYS. Any number of threads may use it at once. Every method raises the errors of :mod:`.errors`."""

    _url: str
    _api_key: Secret
    _http: HttpClient

    @classmethod
    def connect(cls, url: str, api_key: Secret, *, timeout: float, ca_file: Path | None = None) -> Self:
        """Return a client for the PYS at *url*. Nothing is sent yet.

        Raises:

            MisconfiguredError: *ca_file* cannot be read.
        """
        return cls(url.rstrip("/"), api_key, HttpClient.open(timeout=timeout, ca_file=ca_file))

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def status(self) -> PysStatus:
        """Ask PYS how it is; this also shows whether our key is good."""
        answer = self._ask("GET", STATUS)
        return PysStatus(
            service=answer.take("service", str), version=answer.take("version", str), undo=answer.take("undo", bool)
        )

    def person(self, person_id: str) -> Person | None:
        """Return the person with this staff number, or ``None`` if PYS does not know it."""
        try:
            answer = self._ask("GET", f"/persons/{_segment(person_id)}")
        except MissingError:
            return None
        return Person(
            id=answer.take_same("id", person_id),
            name=answer.take("name", str),
            unit=answer.take_if_any("unit"),
            title=answer.take_if_any("title") or "",
            mobile=answer.take_if_any("mobile"),
            supervisor=answer.take_if_any("supervisor"),
        )

    def account(self, login: str) -> PysAccount | None:
        """Return the account, or ``None`` if there is none."""
        try:
            answer = self._ask("GET", _account(login))
        except MissingError:
            return None
        answer.take_same("login", login)
        return _read(answer)

    def accounts(self) -> Iterator[tuple[list[PysAccount], bool]]:
        """Yield all accounts in parts, each with whether it is the last one."""
        after, complete = "", False
        while not complete:
            answer = self._ask("POST", "/accounts", after=after)
            found, complete = list(map(_read, answer.take_all("accounts"))), answer.take("complete", bool)
            last = found[-1].login if found else ""
            if not complete and last <= after:
                raise lost("a part of the accounts that leads nowhere", writing=False)
            yield found, complete
            after = last

    def log_in(self, login: str, password: Secret) -> bool:
        """Return whether PYS lets this login in with this password, like its log-in page does."""
        return self._ask("POST", "/login", login=login, password=password).take("accepted", bool)

    def put_account(self, login: str, *, unit: str, holder: str | None, password: Secret, operation: str) -> PysChange:
        """Make or update the account, set its password and enable it, all in one."""
        return self._change("PUT", _account(login), unit=unit, holder=holder, operation=operation, password=password)

    def set_password(self, login: str, *, password: Secret, operation: str) -> PysChange:
        """Set the password and nothing else."""
        return self._change("PUT", f"{_account(login)}/password", operation=operation, password=password)

    def set_holder(self, login: str, *, holder: str, password: Secret, operation: str) -> PysChange:
        """Set the holder and the password, both or neither."""
        return self._change("PUT", f"{_account(login)}/holder", holder=holder, operation=operation, password=password)

    def update(self, login: str, *, unit: str, holder: str | None, operation: str) -> PysChange:
        """Set the unit, and the holder if one is given. The password and the state stay."""
        return self._change("PATCH", _account(login), unit=unit, holder=holder, operation=operation)

    def disable(self, login: str, *, operation: str) -> PysChange:
        """Let nobody log in to the account."""
        return self._change("POST", f"{_account(login)}/disable", operation=operation)

    def delete(self, login: str) -> PysChange:
        """Forget the account. There is no way back."""
        return self._change("DELETE", _account(login))

    def undo(self, login: str, token: str) -> None:
        """Put the account back to where it was before the change that gave out *token*."""
        self._change("POST", f"{_account(login)}/undo", token=token)

    def _ask(self, method: str, path: str, **body: object) -> _Document:
        return self._send(method, path, body, writing=False)

    def _change(self, method: str, path: str, *, password: Secret | None = None, **body: object) -> PysChange:
        if password is not None:
            body["password"] = password
        answer = self._send(method, path, body, writing=True)
        return PysChange(changed=answer.take("changed", bool), undo_token=answer.take_if_any("undo_token"))

    def _send(self, method: str, path: str, body: dict[str, object], *, writing: bool) -> _Document:
        """Send one request, once."""
        answer = self._http.call(
            method,
            f"{self._url}{path}",
            headers={"Authorization": self._authorization(), "Content-Type": "application/json"},
            content=_written(body) if body else None,
            harmless=not writing,
        )
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return _Document.read(answer, writing=writing)
        raise from_answer(answer, writing=writing, about_us=path == STATUS)

    def _authorization(self) -> Secret:
        if not _is_sendable(self._api_key):
            raise MisconfiguredError(
                "the API key contains characters that cannot be sent",
                cure="check that 'api_key' refers to the key only, without quotes, accents or line breaks",
            )
        return Secret.around(f"Bearer {self._api_key.reveal()}")


@attrs.frozen(kw_only=True)
class _Document:
    """The document of a successful answer. What does not fit is as good as no answer."""

    _document: dict[str, object]
    _writing: bool

    @classmethod
    def read(cls, answer: Response, *, writing: bool) -> Self:
        try:
            document = json.loads(answer.body)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise lost("not a JSON object", writing=writing)
        return cls(document=document, writing=writing)

    def take(self, key: str, kind: type[ValueT]) -> ValueT:
        value = self._document.get(key)
        if not isinstance(value, kind):
            raise lost(f"no proper {key}", writing=self._writing)
        return value

    def take_all(self, key: str) -> Iterator[_Document]:
        for document in self.take(key, list):
            if not isinstance(document, dict):
                raise lost(f"no proper {key}", writing=self._writing)
            yield _Document(document=document, writing=self._writing)

    def take_if_any(self, key: str) -> str | None:
        return self.take(key, str) or None if self._document.get(key) is not None else None

    def take_same(self, key: str, expected: str) -> str:
        """Guard against an answer to somebody else's question, as a confused cache gives."""
        if self.take(key, str) != expected:
            raise lost(f"another {key}", writing=self._writing)
        return expected


def _read(document: _Document) -> PysAccount:
    return PysAccount(
        login=document.take("login", str),
        unit=document.take("unit", str),
        holder=document.take_if_any("holder"),
        enabled=document.take("enabled", bool),
        changed_at=document.take("changed_at", str),
    )


def _written(body: Mapping[str, object]) -> Secret:
    """Return the document of a request. Its secrets are clear text here alone: tracebacks show other frames."""
    return Secret.around(json.dumps(body, default=_revealed))


def _revealed(value: object) -> str:
    if not isinstance(value, Secret):
        raise TypeError(type(value).__name__)
    return value.reveal()


def _is_sendable(secret: Secret) -> bool:
    clear = secret.reveal()
    return clear.isascii() and clear.isprintable()


def _account(login: str) -> str:
    return f"/accounts/{_segment(login)}"


def _segment(text: str) -> str:
    """Return *text* as one segment of a path, whatever is in it; ``.`` and ``..`` would move about in it."""
    return {".": "%2E", "..": "%2E%2E"}.get(text) or quote(text, safe="")
