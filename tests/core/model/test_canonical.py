"""The copies and hashes of records: the same text for the same content, in one line that obeys nothing."""

from __future__ import annotations

import json

from provisioner.core.model.canonical import canonical


def test_what_has_no_shape_is_escaped_and_means_the_same() -> None:
    """A form is printed and archived as it is hashed."""
    record = {"reason": "tayin\n\u202e\u2028\x9b", "name": "Şükrü"}

    assert canonical(record) == '{"name":"Şükrü","reason":"tayin\\n\\u202e\\u2028\\u009b"}'
    assert json.loads(canonical(record)) == record
