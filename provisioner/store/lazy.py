"""Attributes of the store that are imported when they are first used: each import takes time."""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from typing import Any


def lazy_part(location: str) -> cached_property[Any]:
    """Return an attribute of the store that is made of its database when it is first used.

    Args:

        location: Where its class is, as ``module:Class`` below ``provisioner.store``.
    """
    module, _, name = location.partition(":")
    return cached_property(lambda store: getattr(import_module(f"provisioner.store.{module}"), name)(store.database))
