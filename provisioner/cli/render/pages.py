"""Pages for people to print or to look at."""

from __future__ import annotations

import html
from importlib import resources
from pathlib import Path
from string import Template

from provisioner import files
from provisioner.core.api.errors import InputError, Problem
from provisioner.core.model.text import Text, visible


def filled(template: str, **places: str) -> str:
    """Return the page of this file beside this module, with its ``$places`` filled in. They must be HTML already."""
    text = resources.files(__package__).joinpath(template).read_text(encoding="utf-8")
    return Template(text).substitute(places)


def escape(text: object) -> str:
    """Return plain text as HTML that shows it; what has no shape of its own is made visible."""
    return html.escape(visible(str(text)))


def tag(name: str, text: object, **attributes: str) -> str:
    """Return an element whose content is plain text."""
    inside = "".join(f' {key.rstrip("_")}="{escape(value)}"' for key, value in attributes.items())
    return f"<{name}{inside}>{escape(text)}</{name}>"


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
