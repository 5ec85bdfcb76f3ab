"""Tells of how many accounts sessions may still be open."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.config.load import LoadedConfiguration
from provisioner.core.model import SessionsState
from provisioner.core.model.text import Text
from provisioner.services.health_check.results import CheckResult, warning
from provisioner.services.parts import open_store


def check_sessions(config: LoadedConfiguration) -> Iterator[CheckResult]:
    """Tell, for each target, of how many accounts sessions may still be open, if there are any. No target is asked."""
    with open_store(config) as store:
        counts = store.accounts.count_sessions()
        for name in config.content.targets:
            if count := counts.get((name, SessionsState.OPEN)):
                yield _open(name, count)


def _open(target: str, count: int) -> CheckResult:
    message = Text.counted(
        "sessions of {count} account may still be open on {target}",
        "sessions of {count} accounts may still be open on {target}",
        count=count,
        target=target,
    )
    cure = Text("run 'provisioner resume' when {targets} works again", {"targets": target})
    return warning(f"sessions.{target}", message, cure)
