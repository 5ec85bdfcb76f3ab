"""``python -m docs`` writes every generated page. A test compares each of them with the code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from docs import cli, configuration, events, hooks, manpage, openapi, python_api

ROOT = Path(__file__).parent

#: What generates each page.
PAGES: Mapping[Path, Callable[[], str]] = {
    ROOT / "reference" / "cli.md": cli.page,
    ROOT / "reference" / "configuration.md": configuration.page,
    ROOT / "reference" / "events.md": events.page,
    ROOT / "reference" / "hooks.md": hooks.page,
    ROOT / "reference" / "openapi.json": openapi.page,
    ROOT / "reference" / "python-api.md": python_api.page,
    ROOT / "provisioner.1": manpage.page,
}

if __name__ == "__main__":
    for path, page in PAGES.items():
        path.write_text(page(), encoding="utf-8")
