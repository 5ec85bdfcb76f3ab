"""Where the console is: its address, the proxies before it, and what browsers are told with every answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Self
from urllib.parse import urlsplit

import attrs

from provisioner.config.settings import ConsoleSettings
from provisioner.console.incoming import Incoming, UnusableRequestError
from provisioner.core.api.errors import ConfigurationError
from provisioner.net.addresses import network_address

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

#: No script, no frame, nothing from elsewhere. With ``no-referrer``, browsers would hide from which site a form comes.
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: That of a page that updates itself, with one script of the console and a stream from it.
LIVE_POLICY = f"{_POLICY}; script-src 'self'; connect-src 'self'"

_HEADERS = (
    ("content-security-policy", _POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
)
_STRICT_TRANSPORT = ("strict-transport-security", "max-age=31536000")


@attrs.frozen(kw_only=True)
class Site:
    """The console's place in the network."""

    #: The address that people use, without a path.
    url: str
    #: The origins from which its forms are sent.
    origins: Collection[str]
    #: The values of the header ``Host``.
    hosts: Collection[str]
    #: Whether browsers reach it over TLS.
    is_secure: bool
    #: The proxies; ``None`` if connections come from this machine, without one.
    proxies: Sequence[IPv4Network | IPv6Network] | None

    @classmethod
    def behind_proxy(cls, settings: ConsoleSettings) -> Self:
        """Return the place of a console behind a reverse proxy.

        Raises:

            ConfigurationError: The address or the proxies are missing.
        """
        if not settings.url or not settings.proxies:
            raise ConfigurationError(
                "the console needs a reverse proxy with TLS: console.url or console.proxies is missing",
                cure="write both into [console]; or use --demo to try the console on this machine only",
            )
        return cls(
            url=settings.url,
            origins=frozenset({settings.url}),
            hosts=frozenset({urlsplit(settings.url).netloc}),
            is_secure=True,
            proxies=tuple(map(ip_network, settings.proxies)),
        )

    @classmethod
    def on_this_machine(cls, port: int) -> Self:
        """Return the place of a console that is only tried out, on a port of this machine."""
        hosts = frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]"))
        origins = frozenset(f"http://{name}" for name in hosts)
        return cls(url=f"http://127.0.0.1:{port}", origins=origins, hosts=hosts, is_secure=False, proxies=None)

    @staticmethod
    def require_this_machine(host: str) -> None:
        """Check that no other machine could reach an address.

        Raises:

            ConfigurationError: One could.
        """
        if host not in _LOOPBACK:
            raise ConfigurationError("--demo serves this machine only, not {host}", cure="leave --host out", host=host)

    @property
    def headers(self) -> Sequence[tuple[str, str]]:
        """The headers of every answer."""
        return (*_HEADERS, _STRICT_TRANSPORT) if self.is_secure else _HEADERS

    def cookie_name(self, name: str) -> str:
        """Return the name under which a cookie is set. Browsers accept ``__Host-`` from this host and over TLS only."""
        return f"__Host-{name}" if self.is_secure else name

    def cookie(self, name: str, value: str, *, longest: int | None = None) -> str:
        """Return the header that sets a cookie.

        Args:

            name: Its name, without the prefix.

            value: Its value, which consists of letters, digits, ``-`` and ``_``.

            longest: For how many seconds; until the browser ends if it is not given.
        """
        limits = "" if longest is None else f"; Max-Age={longest}"
        secure = "; Secure" if self.is_secure else ""
        return f"{self.cookie_name(name)}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{limits}"

    def require_connection(self, incoming: Incoming) -> None:
        """Check that a request is for this host and, if proxies are configured, comes from one of them.

        Raises:

            UnusableRequestError: It doesn't, or isn't.
        """
        if self.proxies is not None and not self._is_proxy(incoming.peer):
            raise UnusableRequestError(403)
        if incoming.headers.get("host", "").lower() not in self.hosts:
            raise UnusableRequestError(421)

    def address_of(self, incoming: Incoming) -> str:
        """Return the address of the person's computer: the last one that no proxy of ours has.

        If the proxies wrote something else there, it is the address of the nearest one.
        """
        if self.proxies is None:
            return incoming.peer
        forwarded = [part.strip() for part in incoming.headers.get("x-forwarded-for", "").split(",")]
        found = next((part for part in reversed(forwarded) if part and not self._is_proxy(part)), incoming.peer)
        return found if network_address(found) else incoming.peer

    def sends_itself(self, headers: Mapping[str, str]) -> bool:
        """Whether a form comes from a page of the console, as the browser says."""
        origin, fetch_site = headers.get("origin"), headers.get("sec-fetch-site")
        if origin is None and fetch_site is None:
            return False
        return (origin is None or origin in self.origins) and fetch_site in {None, "same-origin"}

    def _is_proxy(self, address: str) -> bool:
        found = network_address(address)
        return found is not None and any(found in network for network in self.proxies or ())
