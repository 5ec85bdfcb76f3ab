"""A part of a routine that fails does not keep the other parts from being done, and is not forgotten."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from provisioner.core.api.errors import StoreError
from provisioner.core.policy.failures import Failures


def part(error: Exception) -> Iterator[int]:
    yield 1
    raise error


def test_the_first_error_is_raised_when_all_parts_are_done() -> None:
    failures = Failures()

    assert [*failures.trying(part(KeyError("first"))), *failures.trying(part(ValueError("second")))] == [1, 1]
    with pytest.raises(KeyError, match="first"):
        failures.raise_first()


def test_nothing_is_raised_if_every_part_went_well() -> None:
    failures = Failures()

    assert list(failures.trying(iter([1, 2]))) == [1, 2]
    failures.raise_first()


def test_no_part_follows_the_failure_of_the_store() -> None:
    with pytest.raises(StoreError, match="full"):
        list(Failures().trying(part(StoreError("the disk is full"))))
