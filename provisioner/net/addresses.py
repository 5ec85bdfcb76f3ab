"""Addresses in settings and requests: what is in them, and which of them no network can read."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
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
    found = network_address(host)
    return found.is_loopback if found else host == "localhost"


def network_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the network address in a text, or ``None`` if the text is something else."""
    try:
        return ip_address(text)
    except ValueError:
        return None


def line_of(address: str) -> str:
    """Return what stands for one line to the network: of IPv6, a line has all addresses with the same first 64 bits."""
    found = network_address(address)
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else address
