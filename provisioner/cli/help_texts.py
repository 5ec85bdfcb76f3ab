"""The texts of help in other languages."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path


def load_texts(language: str) -> Mapping[str, str]:
    """Return the texts of help in a language, by their English texts."""
    return tomllib.loads(Path(__file__).with_name(f"help.{language}.toml").read_text(encoding="utf-8"))
