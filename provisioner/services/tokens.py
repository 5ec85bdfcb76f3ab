"""Tokens for the API: created, listed, revoked, and checked with every request."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from datetime import datetime, timedelta

import attrs

from provisioner.config.settings import ConsoleSettings
from provisioner.core.api.errors import DeniedError, InputError, Problem
from provisioner.core.engine.plan import POLICY_ACTOR, SERVICE_ACTOR, is_service
from provisioner.core.engine.ports import Recorder
from provisioner.core.governance.authority import Authority
from provisioner.core.governance.roles import Role
from provisioner.core.governance.tokens import (
    ApiToken,
    TokenCreated,
    TokenRefusal,
    TokenRefused,
    TokenRevoked,
    TokenState,
)
from provisioner.core.model import AccountState
from provisioner.core.model.identifiers import code_objection, name_objection
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import Text, marked
from provisioner.core.model.tokens import TokenAccess
from provisioner.net.addresses import line_of
from provisioner.services.ids import find_id
from provisioner.services.parts import Clock
from provisioner.services.throttles import TokenThrottles
from provisioner.store import Store
from provisioner.store.ids import Named

#: The longest time for which a token can be used.
LONGEST = timedelta(days=366)

#: The longest name of a token.
_LONGEST_NAME = 100

_PREFIX = "prv"
_TOKEN = re.compile(rf"{_PREFIX}_([0-9a-f]{{16}})_[A-Za-z0-9_-]{{43}}")

#: What a token is compared with if there is none with its ID, so that the answer takes as long.
_NO_HASH = "0" * 64

_REFUSALS = {TokenState.EXPIRED: TokenRefusal.EXPIRED, TokenState.REVOKED: TokenRefusal.REVOKED}


class TooManyRequestsError(DeniedError):
    """A client has to wait.

    Args:

        message: Why.

        free_at: Until when, in UTC.
    """

    def __init__(self, message: str, *, free_at: datetime) -> None:
        super().__init__(message, cure=marked("try again after {time}"), time=free_at)
        self.free_at = free_at


@attrs.frozen(kw_only=True)
class NewToken:
    """A token that was created. Its secret is known only here."""

    token: ApiToken
    #: The whole token; ``None`` in a dry run.
    secret: Secret | None


@attrs.frozen(kw_only=True)
class Tokens:
    """Creates, lists, revokes and checks tokens.

    Args:

        store: The stored data.

        authority: Decides who may do it.

        settings: How people log in to the console.

        throttles: What limits their use.

        record: Writes events into the audit log, and tells the observers.

        now: The clock.
    """

    store: Store
    authority: Authority
    settings: ConsoleSettings
    throttles: TokenThrottles
    record: Recorder
    now: Clock

    def create(
        self,
        name: str,
        *,
        service: str | None = None,
        access: TokenAccess = TokenAccess.WRITE,
        lifetime: timedelta,
        actor: str,
        dry_run: bool = False,
    ) -> NewToken:
        """Create a token for the actor, or for a service.

        Args:

            name: What the token is for.

            service: The name of the service; ``None`` for the actor.

            access: What the token allows, within the rights of its owner.

            lifetime: For how long it can be used from now on.

            actor: Who creates it.

            dry_run: Only check whether it can be done.

        Returns:

            The token with its secret, which nothing else knows.

        Raises:

            DeniedError: The actor is not an administrator, and the token is for a service.

            InputError: The name can't be used, the time is too long or over, or the actor can't have a token.
        """
        owner = self._owner(service, actor)
        if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
            message = Text("it must have 1 to {longest} printable characters", {"longest": _LONGEST_NAME})
            raise InputError([Problem(field="name", message=message)])
        if not timedelta(0) < lifetime <= LONGEST:
            message = Text("a token can be used for 1 to {days} days", {"days": LONGEST.days})
            raise InputError([Problem(field="days", message=message)])
        token_id, at = secrets.token_hex(8), self.now()
        clear = f"{_PREFIX}_{token_id}_{secrets.token_urlsafe(32)}"
        token = ApiToken(
            id=token_id,
            hash=_hash(clear),
            name=name.strip(),
            owner=owner,
            access=access,
            created_by=actor,
            created_at=at,
            expires_at=at + lifetime,
        )
        if dry_run:
            return NewToken(token=token, secret=None)
        self.record(TokenCreated(at=at, actor=actor, token=token))
        return NewToken(token=token, secret=Secret(clear, passing=True))

    def listed(self, *, viewer: str) -> list[ApiToken]:
        """Return the tokens that a person may read, the latest first: all, or those of the person.

        Args:

            viewer: Who reads them. Administrators and auditors read all.
        """
        reads_all = not self.authority.enforced or self.authority.has_any(viewer, {Role.AUDITOR})
        return [token for token in self.store.tokens.all() if reads_all or viewer in {token.owner, token.created_by}]

    def revoke(self, token_id: str, *, actor: str, dry_run: bool = False) -> ApiToken:
        """Revoke a token. One that is revoked is returned as it is.

        Args:

            token_id: The ID, or the first characters of it.

            actor: Who revokes it.

            dry_run: Only check whether it can be done.

        Raises:

            DeniedError: The token is neither the actor's nor is the actor an administrator.

            InputError: There is no such token.
        """
        token = self.store.tokens.get(find_id(self.store, Named.TOKEN, token_id))
        if token is None:
            message = Text("there is no token {id}", {"id": token_id})
            raise InputError([Problem(field="id", message=message)])
        if actor != token.owner:
            self.authority.require_own(actor, Role.ADMINISTRATOR)
        if token.revoked_at is not None:
            return token
        revoked = attrs.evolve(token, revoked_by=actor, revoked_at=self.now())
        if not dry_run:
            self.record(TokenRevoked(at=self.now(), actor=actor, token=revoked))
        return revoked

    def authenticate(self, given: str, *, address: str) -> ApiToken | None:
        """Return the token that a request contains; ``None`` if it can't be used.

        The answer doesn't tell why. The audit log does.

        Args:

            given: What the request contains.

            address: The network address from which it came.

        Raises:

            TooManyRequestsError: Too many tokens from this address were refused, or the token is used too often.
        """
        line, at = line_of(address), self.now()
        free_at = self.throttles.refused.free_at(line, at)
        if free_at:
            if self.throttles.noted.try_at(line, at):
                self._refuse(None, TokenRefusal.THROTTLED, address)
            raise TooManyRequestsError(marked("too many tokens were refused"), free_at=free_at)
        token, refusal = self._checked(given)
        if token and refusal is None:
            self._require_room(token, at)
            return token
        self.throttles.refused.try_at(line, at)
        self._refuse(token, refusal or TokenRefusal.UNKNOWN, address)
        return None

    def require_write(self, token: ApiToken, *, address: str) -> None:
        """Check that a token allows changes.

        Args:

            token: The token.

            address: The network address from which the request came.

        Raises:

            DeniedError: It allows only reading.
        """
        if token.access is not TokenAccess.WRITE:
            self._refuse(token, TokenRefusal.READ_ONLY, address)
            raise DeniedError("the token allows only reading", cure="use a token that allows changes")

    def _require_room(self, token: ApiToken, at: datetime) -> None:
        if not self.throttles.requests.try_at(token.id, at):
            free_at = self.throttles.requests.free_at(token.id, at) or at
            raise TooManyRequestsError(marked("the token is used too often"), free_at=free_at)

    def _owner(self, service: str | None, actor: str) -> str:
        """Return the owner of a new token.

        Raises:

            DeniedError: The actor is not an administrator, and the token is for a service.

            InputError: The name of the service can't be used, or the actor can't have a token.
        """
        if service is not None:
            self.authority.require_own(actor, Role.ADMINISTRATOR)
            objection = code_objection(service) or name_objection(f"{SERVICE_ACTOR}{service}")
            if objection:
                raise InputError([Problem(field="service", message=objection)])
            return f"{SERVICE_ACTOR}{service}"
        if actor.startswith((POLICY_ACTOR, SERVICE_ACTOR)) or not self._is_present(actor):
            message = Text("{person} holds no open account, and can't log in to the console", {"person": actor})
            raise InputError([Problem(field="actor", message=message)])
        return actor

    def _is_present(self, owner: str) -> bool:
        """Whether an owner could log in to the console, as far as the store knows it. Services can't leave."""
        if is_service(owner) or not self.settings.needs_account:
            return True
        return any(account.state is AccountState.OPEN for account in self.store.accounts.of_holder(owner))

    def _checked(self, given: str) -> tuple[ApiToken | None, TokenRefusal | None]:
        """Return the token that was given if it is one, and why it can't be used."""
        found = _TOKEN.fullmatch(given)
        token = self.store.tokens.get(found[1]) if found else None
        if not hmac.compare_digest(_hash(given), token.hash if token else _NO_HASH) or token is None:
            return None, TokenRefusal.UNKNOWN
        if refusal := _REFUSALS.get(token.state(self.now())):
            return token, refusal
        return token, None if self._is_present(token.owner) else TokenRefusal.OWNER

    def _refuse(self, token: ApiToken | None, reason: TokenRefusal, address: str) -> None:
        owner, token_id = (token.owner, token.id) if token else ("", "")
        self.record(TokenRefused(at=self.now(), actor=owner, token=token_id, reason=reason, address=address))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
