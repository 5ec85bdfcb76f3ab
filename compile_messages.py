"""Compiles the translations: before the wheel is built, and before an installation for development."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

#: Where translators' files are.
FILES = ("provisioner/locale/*/LC_MESSAGES/*.po", "plugins/*/*/locale/*/LC_MESSAGES/*.po")


class CompileTranslations(BuildHookInterface[Any]):
    """Writes what the program reads."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile every translation; `artifacts` in `pyproject.toml` puts the results into the wheel."""
        compile_stale(Path(self.root))


def compile_stale(root: Path) -> None:
    """Compile the translations that have changed since they were compiled."""
    for source in stale(root):
        with source.open("rb") as stream:
            catalogue = read_po(stream)
        compiled = BytesIO()
        write_mo(compiled, catalogue)
        source.with_suffix(".mo").write_bytes(compiled.getvalue())


def stale(root: Path) -> Iterator[Path]:
    """Yield the translations that are newer than what was compiled of them."""
    for pattern in FILES:
        for source in root.glob(pattern):
            compiled = source.with_suffix(".mo")
            if not compiled.exists() or compiled.stat().st_mtime < source.stat().st_mtime:
                yield source
