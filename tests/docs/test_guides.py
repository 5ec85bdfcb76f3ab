"""Every guide can be found."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_turkish_readme_lists_every_turkish_guide() -> None:
    readme = (ROOT / "README.tr.md").read_text(encoding="utf-8")

    guides = [f"(docs/tr/{file.name})" for file in (ROOT / "docs" / "tr").glob("*.md")]

    assert guides
    assert [guide for guide in guides if guide not in readme] == []
