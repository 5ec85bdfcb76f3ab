"""Programs with tokens, for tests of the API."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from datetime import timedelta

import attrs
import httpx
import pytest

from provisioner.core.model.tokens import TokenAccess
from tests.console_office import ADMINISTRATOR, Browser, Office

_KEYS = itertools.count()


@attrs.define(eq=False)
class Program:
    """Asks the API with a token."""

    browser: Browser
    token: str

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.browser.send("GET", f"/api/v1{path}", headers=self._headers(headers))

    def post(self, path: str, body: object = None, *, key: str = "", **headers: str) -> httpx.Response:
        given = self._headers({"idempotency-key": key or f"key-{next(_KEYS):08}", **headers})
        return self.browser.send("POST", f"/api/v1{path}", headers=given, json=body)

    def _headers(self, more: Mapping[str, str]) -> dict[str, str]:
        named = {name.replace("_", "-"): value for name, value in more.items()}
        return {"authorization": f"Bearer {self.token}", "accept-language": "en", **named}


@pytest.fixture(name="program")
def _program(office: Office) -> Callable[..., Program]:
    """Return a function that makes a program of a person, or of a service."""

    def make(owner: str, access: TokenAccess = TokenAccess.WRITE) -> Program:
        service = owner.removeprefix("service:") if owner.startswith("service:") else None
        new = office.harness.app.tokens.create(
            "test",
            service=service,
            access=access,
            lifetime=timedelta(days=30),
            actor=ADMINISTRATOR if service else owner,
        )
        assert new.secret
        return Program(office.browser(), new.secret.reveal())

    return make
