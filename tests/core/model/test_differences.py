"""The kinds of differences."""

from __future__ import annotations

from provisioner.core.model.differences import DifferenceKind


def test_the_words_in_stores_and_in_json_stay() -> None:
    assert [kind.value for kind in DifferenceKind] == [
        "missing",
        "extra",
        "enabled",
        "logged_in",
        "disabled",
        "locked",
        "not_joined",
        "out_of_scope",
        "holder",
        "attributes",
        "misplaced",
        "entitlements",
        "custodian",
        "duplicate",
        "not_seen",
        "unfinished",
    ]
