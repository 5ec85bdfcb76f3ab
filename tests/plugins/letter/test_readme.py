"""What the README says is so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from provisioner.config.load import load
from provisioner_letter.settings import LetterSettings

ROOT = Path(__file__).parents[3]
README = (ROOT / "plugins" / "letter" / "README.md").read_text(encoding="utf-8")
HOW_TO = (ROOT / "docs" / "how-to" / "follow-up-passwords.md").read_text(encoding="utf-8")

SNIPPETS = [
    snippet
    for page in (README, HOW_TO)
    for snippet in re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    if 'plugin = "letter"' in snippet
]


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_the_tables_are_taken(snippet: str, tmp_path: Path) -> None:
    own = "[channels.sms]" if "[channels.sms]" in snippet else ""
    text = snippet.replace(own, f'{own}\nplugin = "sms"') if own else snippet
    file = tmp_path / "provisioner.toml"
    file.write_text(f'[accounts]\ndomain = "meb.gov.tr"\n{text}', encoding="utf-8")

    settings = {plugin.plugin: plugin for plugin in load(file).plugin_settings()}

    [section] = settings["letter"].channels
    assert section.cannot == {"notice_deliver"}
    assert section.settings(LetterSettings).help_desk


def test_every_setting_is_explained() -> None:
    table = README.partition("## Settings")[2]

    assert [name for name in LetterSettings.__annotations__ if f"| `{name}` |" not in table] == []


def test_the_snippets_are_found() -> None:
    assert len(SNIPPETS) == 3
    assert all(tomllib.loads(snippet) for snippet in SNIPPETS)
