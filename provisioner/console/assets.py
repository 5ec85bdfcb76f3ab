"""The files beside the pages, each under an address with its hash, so that browsers can keep it."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources

import attrs

_TYPES = {
    "console.css": "text/css; charset=utf-8",
    "favicon.svg": "image/svg+xml",
    "live.js": "text/javascript; charset=utf-8",
}


@attrs.frozen
class Asset:
    """One file."""

    content: bytes
    media_type: str
    #: The beginning of its SHA-256.
    version: str


def address(name: str) -> str:
    """Return the address of a file."""
    return f"/static/{find(name).version}/{name}"


@cache
def find(name: str) -> Asset:
    """Return a file.

    Raises:

        KeyError: There is no such file.
    """
    media_type = _TYPES[name]
    content = resources.files("provisioner.console").joinpath("static", name).read_bytes()
    return Asset(content, media_type, hashlib.sha256(content).hexdigest()[:12])
