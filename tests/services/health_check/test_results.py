"""What a health check finds out."""

from __future__ import annotations

from provisioner.core.api.errors import ConfigurationError, StoreError, UnsupportedError
from provisioner.services.health_check.results import CheckStatus, problem


def test_an_error_keeps_its_cure_and_its_kind() -> None:
    """The kind decides what a script is told."""
    found = problem("store", StoreError("it is gone", cure="restore it"))

    assert (found.status, str(found.message), str(found.cure)) == (CheckStatus.PROBLEM, "it is gone", "restore it")
    assert found.error is StoreError


def test_the_kind_can_be_another_one() -> None:
    """A hook that is missing is for the configuration to say, and no other try helps."""
    found = problem("targets.a", UnsupportedError("a has no hook", target="a"), ConfigurationError)

    assert found.error is ConfigurationError
