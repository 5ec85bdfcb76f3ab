from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner import Secret
from provisioner.core.api.errors import ConfigurationError
from provisioner_sms.exchange import Exchange, ReplyMeaning, ReplyRule, fill

GOOD = ReplyRule(means=ReplyMeaning.ACCEPTED)


def exchange(**fields: Any) -> Exchange:
    return Exchange(**{"url": "https://provider/send", "replies": (GOOD,), **fields})


def test_places_are_filled_at_every_depth_and_numbers_stay_numbers() -> None:
    template = {"a": ["{to}", {"b": "<{text}{to}>"}], "n": 5, "flag": True, "none": None, "{to}": "key"}

    filled = fill(template, {"to": "T", "text": Secret("S")})

    assert filled == {"a": ["T", {"b": "<ST>"}], "n": 5, "flag": True, "none": None, "{to}": "key"}


@given(st.text())
def test_a_value_is_put_in_as_it_is(text: str) -> None:
    assert fill("[{text}]", {"text": text, "to": "wrong"}) == f"[{text}]"


def test_a_header_without_a_value_is_left_out() -> None:
    assert list(exchange(headers={"A": "", "B": "b"}).fields({})) == ["B"]


def test_braces_that_are_no_place_stay() -> None:
    assert fill('{"json": {}} { to }', {}) == '{"json": {}} { to }'


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"body": {"m": "{txt}"}}, "{txt} is not available here"),
        ({"body": {"m": [{"x": "{secret:other}"}]}}, "{secret:other} is not available here"),
        ({"url": "https://provider/?text={text}"}, "{text} is not available here"),
        ({"url": "https://provider/?to={to}"}, "{to} is not available here"),
        ({"url": "https://provider/?k={secret:key}"}, "{secret:key} is not available here"),
        ({"headers": {"X-Text": "{text}"}}, "{text} is not available here"),
        ({"replies": (GOOD, ReplyRule(means=ReplyMeaning.REJECTED, body="("))}, "( is not a regular expression"),
        ({"replies": (ReplyRule(means=ReplyMeaning.REJECTED),)}, "no rule identifies a successful answer"),
    ],
)
def test_a_request_that_cannot_work_or_would_leak_stops_the_program_at_start(
    fields: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        exchange(**fields).verify("send", {"id", "to", "text", "secret:key"})

    assert problem in str(wrong.value)
    assert str(wrong.value).startswith("send.")


def test_the_first_rule_that_fits_decides() -> None:
    rules = exchange(
        replies=(
            ReplyRule(means=ReplyMeaning.REJECTED, body='"code": *20', detail="text"),
            ReplyRule(means=ReplyMeaning.ACCEPTED, status=(200, 202)),
            ReplyRule(means=ReplyMeaning.UNAVAILABLE),
        )
    )

    assert rules.meaning(200, '{"code": 20}') == (ReplyMeaning.REJECTED, "text")
    assert rules.meaning(202, "") == (ReplyMeaning.ACCEPTED, "")
    assert rules.meaning(500, "") == (ReplyMeaning.UNAVAILABLE, "")


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("id", '{"id": "abc-1"}', "abc-1"),
        ("id", '{"id": 17}', "17"),
        ("result.messages.0.id", '{"result": {"messages": [{"id": "m1"}]}}', "m1"),
        ("$", "20212", "20212"),
        ("", '{"id": "abc"}', None),
        ("id", "[]", None),
        ("id", "<html>", None),
        ("id", '{"id": {"x": 1}}', None),
        ("id", '{"id": null}', None),
        ("messages.7.id", '{"messages": []}', None),
        ("id", '{"id": "a text, not an id"}', None),
    ],
)
def test_a_reference_is_found_where_it_should_be_or_not_at_all(path: str, body: str, expected: str | None) -> None:
    assert exchange(reference=path).reference_in(body) == expected
