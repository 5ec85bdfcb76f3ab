"""The copies and hashes of records: the same text for the same content, in one line that obeys nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from provisioner.core.model.canonical import canonical_json, iso, sha256


def test_what_has_no_shape_is_escaped_and_means_the_same() -> None:
    """A form is printed and archived as it is hashed."""
    record = {"reason": "tayin\n\u202e\u2028\x9b", "name": "Şükrü"}

    assert canonical_json(record) == '{"name":"Şükrü","reason":"tayin\\n\\u202e\\u2028\\u009b"}'
    assert json.loads(canonical_json(record)) == record


def test_the_order_of_the_fields_does_not_matter() -> None:
    assert canonical_json({"b": 1, "a": [{"d": 1, "c": None}]}) == canonical_json({"a": [{"c": None, "d": 1}], "b": 1})
    assert canonical_json({"b": 1, "a": None}) == '{"a":null,"b":1}'


def test_turkish_is_written_in_its_own_letters_and_invisible_characters_are_not() -> None:
    assert canonical_json({"ad": "Işık\u202e"}) == '{"ad":"Işık\\u202e"}'


def test_hashes_of_archives_that_are_kept_stay_true() -> None:
    assert sha256("Işık") == "bf52aaa3f1a5bacae2ceabc10e3f7276bdcc34eabfce916b106f4da9f17c2e23"


def test_times_are_written_as_scripts_read_them() -> None:
    assert iso(datetime(2026, 11, 22, 12, tzinfo=UTC)) == "2026-11-22T12:00:00Z"
