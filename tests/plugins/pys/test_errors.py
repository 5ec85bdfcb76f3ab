"""A connection that cannot be made."""

from __future__ import annotations

import ssl

import pytest

from provisioner.core.errors import UnavailableError
from provisioner_pys.errors import unreachable


@pytest.mark.parametrize(
    "error", [OSError("no route"), TimeoutError(), ConnectionRefusedError(), ssl.SSLError("not TLS")]
)
def test_was_sent_nothing(error: OSError) -> None:
    failure = unreachable(error)

    assert type(failure) is UnavailableError
    assert failure.text.values["reason"] == (str(error) or type(error).__name__)
