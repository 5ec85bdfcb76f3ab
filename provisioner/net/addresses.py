"""Addresses in settings: what is in them, and which of them no network can read."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit


def parts(url: str) -> SplitResult | None:
    """Return the parts of *url*, or ``None`` if it is not a URL, or has an invalid port."""
    try:
        found = urlsplit(url)
        _ = found.port  # raises for an invalid one
    except ValueError:
        return None
    return found


def is_loopback(host: str) -> bool:
    """Return whether *host* is this machine, by a name or address that no network can change."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
