"""Compiles the translations: before the wheel is built, and before an installation for development."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CompileTranslations(BuildHookInterface[Any]):
    """Writes what the program reads."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile every translation; `artifacts` in `pyproject.toml` puts the results into the wheel."""
        for source in Path(self.root).glob("*/locale/*/LC_MESSAGES/*.po"):
            with source.open("rb") as read, source.with_suffix(".mo").open("wb") as written:
                write_mo(written, read_po(read))
