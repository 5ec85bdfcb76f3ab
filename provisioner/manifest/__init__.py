"""Reads lists of units and of staff from files, CSV, TOML or Excel, and reports all that is wrong together."""

from provisioner.manifest.manifest import Manifest
from provisioner.manifest.persons import read_persons
from provisioner.manifest.rows import ENDINGS
from provisioner.manifest.units import read_units

__all__ = ["ENDINGS", "Manifest", "read_persons", "read_units"]
