"""How people log in to the console."""

from __future__ import annotations

from enum import StrEnum


class LogInWay(StrEnum):
    """How a person logs in to the console."""

    #: With the login and the password of an account of the product, which a target tests.
    PASSWORD = "password"  # noqa: S105 - the name of a way
    #: The reverse proxy has authenticated the person, and names the person in a header.
    PROXY = "proxy"
    #: An OpenID provider has authenticated the person, and names the person in a signed token.
    OIDC = "oidc"

    @property
    def names_person(self) -> bool:
        """Whether every request names the person."""
        return self is LogInWay.PROXY
