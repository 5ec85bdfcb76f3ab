"""Generates ``docs/reference/openapi.json``, the description of the API of the console."""

from __future__ import annotations

from provisioner.console.api.openapi import description


def page() -> str:
    """Return the whole description."""
    return f"{description().decode()}\n"
