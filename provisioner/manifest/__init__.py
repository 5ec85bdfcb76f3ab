"""Reads lists of units and of staff from CSV or TOML files, and reports all that is wrong with them together."""

from provisioner.manifest.manifest import Manifest
from provisioner.manifest.persons import read_persons
from provisioner.manifest.units import read_units

__all__ = ["Manifest", "read_persons", "read_units"]
