from __future__ import annotations

import hashlib
import json
import time
from datetime import UTC, datetime, timedelta

import attrs
import pytest

from provisioner.core.governance.access_requests import AccessRequest, RequestState
from provisioner.core.model import OperationKind

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
FORM = AccessRequest(
    id="f1",
    kind=OperationKind.ROTATE,
    login="arge46",
    unit="ar-ge",
    requester="1002",
    reason="şifre süresi doldu",
    submitted_at=NOW,
)


class TestArchive:
    """The copy that is kept for good."""

    def test_is_canonical_json_with_its_hash(self) -> None:
        """A person who keeps the copy can show that it is the one in the audit log, with any JSON library."""
        access_request = FORM.archived(NOW + timedelta(hours=1))

        assert access_request.archive is not None
        again = json.dumps(
            json.loads(access_request.archive), ensure_ascii=False, sort_keys=True, separators=(",", ":")
        )
        assert access_request.archive == again
        assert access_request.archive_sha256 == hashlib.sha256(access_request.archive.encode()).hexdigest()

    def test_says_all_that_the_form_says(self) -> None:
        access_request = FORM.archived(NOW)

        assert json.loads(access_request.archive or "") == access_request.facts()
        assert access_request.facts()["reason"] == "şifre süresi doldu"
        assert access_request.facts()["archived_at"] == "2026-11-22T12:00:00Z"

    def test_differs_for_every_difference(self) -> None:
        other = attrs.evolve(FORM, reason="başka")

        assert other.archived(NOW).archive_sha256 != FORM.archived(NOW).archive_sha256


class TestMark:
    """What is remembered of a mobile number."""

    def test_shows_a_change_and_not_the_number(self) -> None:
        mark = FORM.mark_of("+905337654321")

        assert mark != FORM.mark_of("+905337654322")
        assert "5337654321" not in (mark or "")

    def test_tells_nothing_across_forms(self) -> None:
        """Equal marks would show which forms are of the same person."""
        assert FORM.mark_of("+905337654321") != attrs.evolve(FORM, id="f2").mark_of("+905337654321")

    def test_takes_too_long_to_try_all_numbers(self) -> None:
        """There are a thousand million of them, and the audit log goes to others."""
        began = time.process_time()
        FORM.mark_of("+905337654321")

        assert time.process_time() - began > 0.005

    def test_of_no_number_is_none(self) -> None:
        assert FORM.mark_of(None) is None


@pytest.mark.parametrize("state", list(RequestState))
def test_only_rejected_and_archived_forms_are_over(state: RequestState) -> None:
    assert state.is_open is (state not in {RequestState.REJECTED, RequestState.ARCHIVED})
