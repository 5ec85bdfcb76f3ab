"""Entitlements that no account will ever have: nobody waits for a group that a target can't give."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.config.settings import EntitlementSettings
from provisioner.core.api.errors import ConfigurationError
from provisioner.core.api.hookspecs import hookimpl
from provisioner.core.api.messages import TargetReport
from provisioner.services.health_check.entitlements import check_entitlements
from provisioner.services.health_check.results import CheckResult, CheckStatus
from provisioner.testing.harness import Harness
from provisioner.testing.memory import MemoryChannel, MemoryTarget


class BareTarget(MemoryTarget):
    """A target that stores accounts and nothing else of them."""

    @hookimpl
    def target_check(self) -> TargetReport:
        return TargetReport()


def checked(folder: Path, target: str, *, asked: bool = True) -> list[CheckResult]:
    """Check an entitlement on a target, after the targets are asked what they can do."""
    targets = {"mail": MemoryTarget(), "pys": BareTarget()}
    rules = {"printing": EntitlementSettings(target=target)}
    with Harness(
        folder / "store.sqlite", targets=targets, channels={"sms": MemoryChannel()}, entitlements=rules
    ) as harness:
        for one in harness.plugins.targets.values() if asked else ():
            one.check()
        return list(check_entitlements(harness.app.config, harness.plugins))


def test_an_entitlement_on_a_target_without_any_is_a_problem(tmp_path: Path) -> None:
    [found] = checked(tmp_path, "pys")

    assert (found.name, found.status, found.error) == (
        "entitlements.printing",
        CheckStatus.PROBLEM,
        ConfigurationError,
    )
    assert str(found.message) == "target pys sets no entitlements, so no account gets printing"
    assert "[entitlements.printing]" in str(found.cure)


@pytest.mark.parametrize(("target", "asked"), [("mail", True), ("pys", False)])
def test_a_target_that_sets_them_or_did_not_answer_is_no_problem(tmp_path: Path, target: str, *, asked: bool) -> None:
    assert checked(tmp_path, target, asked=asked) == []
