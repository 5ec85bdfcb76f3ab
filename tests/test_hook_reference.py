"""The hook reference is what the code says."""

from __future__ import annotations

from docs.hooks import PAGE, hooks, page


def test_it_is_up_to_date() -> None:
    """Run ``python -m docs.hooks`` after a change of a hook or of what it is given."""
    assert PAGE.read_text(encoding="utf-8") == page()


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

    assert "- `operation_id: str`: The operation this is a part of; the same one on every attempt." in section
    assert "- `secret: Secret`" in section


def test_no_markup_of_docstrings_is_left() -> None:
    assert "``" not in page().replace("```", "")
    assert ":class:" not in page()
