"""A real browser, as Debian packages it."""

from __future__ import annotations

import shutil

#: What it is started with: without a sandbox, which containers lack, and without calls to the network of its maker.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def program() -> str | None:
    """Return the path of the browser; ``None`` if it isn't installed."""
    return shutil.which("chromium")


def missing_packages() -> tuple[str, ...]:
    """Return the Debian packages without which no browser can be started here."""
    return () if program() else ("chromium",)
