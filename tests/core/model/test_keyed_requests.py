"""Requests with a key."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs

from provisioner.core.model.keyed_requests import KeyedAnswer, KeyedRequest

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_new_request_has_no_answer_that_could_be_given_again() -> None:
    request = KeyedRequest(actor="a", key="k", fingerprint="f", owner="o", begun_at=NOON, expires_at=NOON)

    assert request.answer is None
    assert attrs.fields_dict(KeyedAnswer).keys() == {"status", "media_type", "body", "location"}
