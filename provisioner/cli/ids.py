"""Ids on the command line; see :mod:`provisioner.services.ids`."""

from provisioner.services.ids import find_id

__all__ = ["find_id"]
