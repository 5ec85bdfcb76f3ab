"""Where the provincial unit list is: beside this module if it was installed, in ``examples`` in a working copy."""

from __future__ import annotations

from pathlib import Path

from provisioner.core.api.errors import ConfigurationError

_FOLDERS = (Path(__file__).parent / "kahramanmaras", Path(__file__).parents[2] / "examples" / "kahramanmaras")


def example(name: str) -> Path:
    """Return a file of the example.

    Raises:

        ConfigurationError: It is in neither place.
    """
    for folder in _FOLDERS:
        if (folder / name).is_file():
            return folder / name
    raise ConfigurationError("the example's file {name} is not installed", cure="install the product again", name=name)
