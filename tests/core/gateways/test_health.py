"""What is remembered of a failing target lasts as long as it fails."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs

from provisioner.core.gateways.health import MemoryHealth, TargetHealth
from provisioner.core.model import StepError

ILL = TargetHealth(
    name="posta",
    failing_since=datetime(2026, 11, 22, 12, tzinfo=UTC),
    error=StepError(name="UnavailableError", message="connection refused"),
)


def test_what_works_is_not_remembered() -> None:
    assert MemoryHealth().get("posta") is None


def test_a_change_sees_what_is_known_and_is_remembered() -> None:
    health = MemoryHealth([ILL])
    seen: list[TargetHealth | None] = []

    def worse(known: TargetHealth | None) -> TargetHealth:
        seen.append(known)
        return attrs.evolve(ILL, noticed="down")

    assert health.change("posta", worse) == health.get("posta")
    assert seen == [ILL]
    assert health.get("pys") is None


def test_a_target_that_works_again_is_forgotten() -> None:
    health = MemoryHealth([ILL])

    assert health.change("posta", lambda _: None) is None
    assert health.get("posta") is None
