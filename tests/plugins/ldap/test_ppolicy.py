from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from provisioner_ldap.ppolicy import PolicyError, policy_error


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (bytes.fromhex("3000"), None),
        (bytes.fromhex("3003810106"), PolicyError.PASSWORD_TOO_SHORT),
        (bytes.fromhex("3003810108"), PolicyError.PASSWORD_IN_HISTORY),
        (bytes.fromhex("3003810100"), PolicyError.PASSWORD_EXPIRED),
        # timeBeforeExpiration 86400, then no error
        (bytes.fromhex("3007a0058003015180"), None),
        # one grace log-in left, and the error changeAfterReset
        (bytes.fromhex("3008a003810101810102"), PolicyError.CHANGE_AFTER_RESET),
        # lengths in long form, as 389 Directory Server writes them
        (bytes.fromhex("308400000003810108"), PolicyError.PASSWORD_IN_HISTORY),
        (bytes.fromhex("30840000000781840000000106"), PolicyError.PASSWORD_TOO_SHORT),
        (
            bytes.fromhex("308400000015a084000000088084000000020e1081840000000105"),
            PolicyError.INSUFFICIENT_PASSWORD_QUALITY,
        ),
        # an error that no draft knows
        (bytes.fromhex("3003810163"), None),
        (b"", None),
    ],
)
def test_the_control_is_decoded(value: bytes, error: PolicyError | None) -> None:
    assert policy_error(value) is error


@given(st.binary(max_size=40))
@example(bytes.fromhex("30038101"))
@example(bytes.fromhex("3003a0ff"))
def test_no_control_can_make_it_fail(value: bytes) -> None:
    assert policy_error(value) in {None, *PolicyError}
