"""The hook reference has what plug-in authors look for."""

from __future__ import annotations

import pytest

from docs.hooks import hooks, page


def test_each_hook_has_a_section_with_all_its_parts() -> None:
    """What the page leaves out would be equal to itself, too."""
    text = page()
    sections = text.split("\n## ")

    for name in hooks():
        [section] = [section for section in sections if section.startswith(f"{name}\n")]
        assert f"def {name}(" in section
        assert all(f"**{part}:**" in section for part in ("Returns", "Raises", "Called"))


def test_what_the_hooks_are_given_is_there_with_its_fields() -> None:
    [section] = [one for one in page().split("\n## ") if one.startswith("CreateAccount\n")]

    assert "- `operation_id: str`: The ID of the operation; the same on every attempt." in section
    assert "- `secret: Secret`" in section


@pytest.mark.parametrize("name", ["Denial", "Outcome", "Presence", "Secret"])
def test_denials_enumerations_and_the_secret_are_there(name: str) -> None:
    assert f"\n## {name}\n" in page()


def test_the_tree_of_errors_is_there() -> None:
    _, _, section = page().partition("\n# Errors\n")

    assert "└── ItemMisconfiguredError" in section
    assert "| `UnknownOutcomeError` | " in section


def test_no_markup_of_docstrings_is_left() -> None:
    assert "``" not in page().replace("```", "")
    assert ":class:" not in page()
