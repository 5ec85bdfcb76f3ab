"""The package itself: what a plug-in's author imports from it, and finds in it."""

from __future__ import annotations

import pydoc

import provisioner


def test_help_shows_what_is_imported_late() -> None:
    """The names are imported when they are first used; ``help(provisioner)`` has them all the same."""
    page = pydoc.plain(pydoc.render_doc(provisioner))

    assert [name for name in provisioner.__all__ if f"class {name}(" not in page] == [
        "application",
        "hookimpl",
        "load_configuration",
        "prepare_store",
        "require_lease",
    ]
