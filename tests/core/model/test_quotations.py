"""What libraries say becomes a message whose template is known."""

from __future__ import annotations

import tomllib

import pytest

from provisioner.core.model.quotations import bound, toml_problem
from provisioner.core.model.text import Text


def problem(document: str) -> Text:
    with pytest.raises(tomllib.TOMLDecodeError) as caught:
        tomllib.loads(document)
    return toml_problem(caught.value)


@pytest.mark.parametrize(
    ("document", "template", "quoted"),
    [
        ("[a]\n[a]", "Cannot declare {quoted} twice", "('a',)"),
        ("a = {b = 1, b = 2}", "Duplicate inline table key {quoted}", "'b'"),
        ("a = 'x\x01'", "Found invalid character {quoted}", "'\\x01'"),
    ],
)
def test_what_varies_in_a_reason_of_the_toml_reader_is_a_value(document: str, template: str, quoted: str) -> None:
    reason = problem(document).values["reason"]

    assert reason == Text(template, {"quoted": quoted})


def test_the_place_of_a_toml_problem_is_known() -> None:
    text = problem("a = ?")

    assert text.template == "{reason} (at line {line}, column {column})"
    assert str(text) == "Invalid value (at line 1, column 5)"


def test_braces_in_what_the_toml_reader_quotes_are_no_places() -> None:
    assert str(problem('[a."{b}"]\n[a."{b}"]')).startswith("Cannot declare ('a', '{b}') twice")


def test_another_reason_stays_as_it_is() -> None:
    assert str(toml_problem(ValueError("{no} (at line x)"))) == "{no} (at line x)"


def test_a_bound_is_a_value_and_the_relation_is_not() -> None:
    text = bound("'days' must be >= 1")

    assert (text.template, str(text)) == ("'{name}' must be >= {bound}", "'days' must be >= 1")


def test_other_words_of_a_validator_stay_as_they_are() -> None:
    assert str(bound("it is {odd}")) == "it is {odd}"
