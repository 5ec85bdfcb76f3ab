"""Pages for people to print or to look at."""

from __future__ import annotations

from pathlib import Path

from provisioner import files
from provisioner.core.api.errors import InputError, Problem
from provisioner.core.model.text import Text


def write_page(file: str, text: str) -> None:
    """Write a page, for its owner to read.

    Raises:

        InputError: The file cannot be written.
    """
    try:
        files.write(Path(file), text)
    except OSError as error:
        message = Text("{file} cannot be written: {reason}", {"file": file, "reason": error.strerror})
        raise InputError([Problem(field="html", message=message)]) from None
